"""Label maps that are not held are scored as those that are: every count, distance and digest is the same."""

from __future__ import annotations

import numpy as np
import pytest

from segkit import Case, SegkitError, Task
from segkit.data.large_array import LargeArray
from segkit.discovery import Registry
from segkit.engine import banded, measure, scratch
from segkit.engine.measure import ChosenMetric, reference_digest, score_case
from segkit.params import build

TASK = Task(3, ("one", "two"), 2)


class Kept(LargeArray):
    """A label map read by bands."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype, self.band = values, values.shape, values.dtype, 16

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        return self.values[..., rows, columns]


def chosen(*names: str) -> list[ChosenMetric]:
    """Metrics with their usual params."""
    registry = Registry.discover()
    found = []
    for name in names:
        item = registry.find("metric", name)
        params = build(item.component.params, {}, name)
        found.append(ChosenMetric(item.component, params, item.load("measure"), item.load()(TASK, params)))
    return found


@pytest.fixture
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every label map as one too large to be held, and count it in small bands."""
    monkeypatch.setattr(banded, "MOST_HELD", 0)
    monkeypatch.setattr(scratch, "MOST_HELD", 0)
    monkeypatch.setattr(banded, "BAND", 1000)


def labels(seed: int, shape: tuple[int, int] = (130, 90)) -> np.ndarray:
    """Squares of two classes somewhere."""
    random = np.random.default_rng(seed)
    found = np.zeros(shape, np.uint8)
    for label in (1, 2, 1):
        top, left = random.integers(20, 60, 2)
        found[top : top + 25, left : left + 20] = label
    return found


@pytest.mark.parametrize(
    ("names", "background"),
    [
        (("dice", "iou"), False),
        (("dice", "iou"), True),
        (("dice", "hd95", "assd"), False),
        (("threshold-jaccard",), False),
        (("specificity",), False),
    ],
)
def test_scores_are_those_of_the_whole(nothing_held, monkeypatch, names, background) -> None:
    """Pooled metrics are counted in bands, distances around the structures; counts are exact in either case."""
    reference, prediction = labels(1), labels(2)
    reference[:5, :30] = 255
    found = score_case(Case("a"), prediction, Kept(reference), (0.5, 0.7), TASK, chosen(*names), background=background)
    monkeypatch.undo()
    expected = score_case(Case("a"), prediction, reference, (0.5, 0.7), TASK, chosen(*names), background=background)
    for name in names:
        assert np.array_equal(found.values[name], expected.values[name], equal_nan=True)
        for count in banded.COUNTS:
            assert np.array_equal(getattr(found.counts[name], count), getattr(expected.counts[name], count))
    assert found.counts[names[0]].shape == reference.shape


@pytest.mark.parametrize("which", ["nothing anywhere", "prediction alone", "at the border"])
def test_empty_and_touching_the_border(nothing_held, monkeypatch, which) -> None:
    """Where nothing is marked, or a structure touches the image's border, scores are those of the whole."""
    reference, prediction = np.zeros((60, 50), np.uint8), np.zeros((60, 50), np.uint8)
    if which != "nothing anywhere":
        prediction[30:, :10] = 1
    if which == "at the border":
        reference[40:, :20] = 1
    found = score_case(Case("a"), prediction, Kept(reference), None, TASK, chosen("dice", "hd95"))
    monkeypatch.undo()
    expected = score_case(Case("a"), prediction, reference, None, TASK, chosen("dice", "hd95"))
    for name in ("dice", "hd95"):
        assert np.array_equal(found.values[name], expected.values[name], equal_nan=True)


def test_distances_of_the_background_are_refused(nothing_held) -> None:
    """The background is everywhere: there is no part around it that could be held."""
    with pytest.raises(SegkitError, match="distances of the background") as told:
        score_case(Case("a"), labels(1), Kept(labels(2)), None, TASK, chosen("hd95"), background=True)
    assert "evaluate.background" in told.value.hint


def test_the_digest_of_a_mask_is_the_same(nothing_held) -> None:
    """Equal reference masks share a digest, however they are read."""
    mask = labels(3)
    assert reference_digest(Kept(mask), (1.0, 1.0)) == reference_digest(mask.astype(np.int64), (1.0, 1.0))
    assert reference_digest(mask, None) != reference_digest(labels(4), None)
    assert measure.held(Kept(mask)).__class__ is Kept
