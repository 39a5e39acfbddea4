"""Probabilities for metrics: every voxel once, the labels as ever, sums that do not depend on who adds them up."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from segkit import Case, Metric, SegkitError, Task
from segkit.data.normalize import Normalization
from segkit.engine.feeding import Feeds, add_to
from segkit.engine.measure import ChosenMetric, measure_key, score_case
from segkit.engine.pooled import pool
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.volumes import make_predictor


class Lines(nn.Module):
    """Logits per label that differ from voxel to voxel."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.labels = labels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[:, :1] * (1 + label) - 0.3 * label for label in range(self.labels)], dim=1)


def brier(mask, spacing, task, options):
    """What adds up squared errors of every label but the background, and counts pixels."""

    def add(probabilities, block):
        foreground = probabilities[-len(task.classes) :].astype(np.float64)
        truth = np.stack([mask[block] == label + 1 for label in range(len(task.classes))])
        axes = tuple(range(1, foreground.ndim))
        return {"squares": ((foreground - truth) ** 2).sum(axis=axes), "pixels": np.array([truth[0].size])}

    return add


def chosen(**changes):
    """The metric above."""
    fields = {"name": "brier", "measure": "nowhere:measure", "factory": "nowhere:build", "summary": "Squared error."}
    declared = Metric(**fields, needs="probabilities", poolable=True)
    metric = ChosenMetric(
        declared, declared.params(), brier, lambda found: found.sums["squares"] / found.sums["pixels"]
    )
    return replace(metric, **changes)


def predictor_of(mode, labels, size, mirror=False):
    """A predictor of images, slices or patches."""
    dims = 3 if mode == "patches" else 2
    task = Task(1, ("a",) if labels == 1 else tuple("abc"[: labels - 1]), dims)
    settings = Preprocessing(mode, size, Normalization("unit"), mirror=mirror)
    return make_predictor(Lines(labels), task, settings, torch.device("cpu")), task


CASES = [
    ("images", 1, (9, 11), (40, 53), False),
    ("images", 3, (9, 11), (40, 53), False),
    ("images", 3, (9, 11), (40, 53), True),
    ("slices", 1, (9, 11), (6, 20, 17), False),
    ("patches", 3, (4, 6, 5), (7, 20, 13), False),
    ("patches", 1, (4, 6, 5), (7, 20, 13), True),
]


@pytest.mark.parametrize(("mode", "labels", "size", "shape", "mirror"), CASES)
def test_blocks_are_the_whole_case_and_change_no_label(mode, labels, size, shape, mirror):
    """Each voxel is seen once with the scores that its label is made of."""
    predictor, _ = predictor_of(mode, labels, size, mirror)
    image = np.random.default_rng(0).integers(0, 255, (1, *shape)).astype(np.uint8)
    seen, scores = np.zeros(shape, int), np.zeros((labels, *shape), np.float32)

    def watch(block, values):
        seen[block] += 1
        scores[(slice(None), *block)] = values.numpy()

    alone = predictor.labels(image, shape, None)
    watched = predictor.labels(image, shape, None, watch)
    np.testing.assert_array_equal(alone, watched)
    assert (seen == 1).all()
    decoded = scores[0] > 0 if labels == 1 else scores.argmax(axis=0)
    assert np.mean(decoded == alone) > 0.999


@pytest.mark.parametrize(("mode", "labels", "size", "shape", "mirror"), CASES)
def test_the_score_is_that_of_the_whole_map(mode, labels, size, shape, mirror):
    """Summed block by block or from all probabilities at once."""
    predictor, task = predictor_of(mode, labels, size, mirror)
    draw = np.random.default_rng(1)
    image = draw.integers(0, 255, (1, *shape)).astype(np.uint8)
    mask = draw.integers(0, len(task.classes) + 1, shape).astype(np.uint8)
    metric = chosen()
    feeds = Feeds([metric], mask, None, task)
    found = predictor.labels(image, shape, None, feeds.watch)
    row = score_case(Case("x"), found, mask, None, task, [metric], sums=feeds.sums)
    whole = np.concatenate([values.numpy() for _, values in predictor.probabilities(image, shape)], axis=1)
    for label in range(len(task.classes)):
        expected = np.mean((whole[label - len(task.classes)].astype(np.float64) - (mask == label + 1)) ** 2)
        assert row.values["brier"][label] == pytest.approx(expected, rel=1e-5)
        assert row.reference[label] == (mask == label + 1).sum()


def test_without_such_a_metric_nothing_is_watched():
    """A metric of labels costs no probabilities."""
    declared = Metric(name="m", measure="a:b", factory="a:c", summary="Counts.")
    metric = ChosenMetric(declared, declared.params(), lambda *_: pytest.fail("measured early"), lambda _: None)
    assert Feeds([metric], np.zeros((3, 3), np.uint8), None, Task(1, ("a",))).watch is None


def test_metrics_that_measure_alike_share_one_pass():
    """Two metrics, one call per block."""
    calls = []

    def counting(*arguments):
        add = brier(*arguments)
        return lambda values, block: calls.append(block) or add(values, block)

    mask = np.zeros((4, 5), np.uint8)
    feeds = Feeds([chosen(measure=counting), chosen(measure=counting)], mask, None, Task(1, ("a",)))
    feeds.watch((slice(0, 4), slice(0, 5)), torch.zeros(1, 4, 5))
    assert len(calls) == 1
    assert feeds.sums[measure_key(chosen())]["squares"] == pytest.approx(20 * 0.25)


@pytest.mark.parametrize("part", [{"x": np.zeros(2, np.float32)}, {"x": np.zeros(3)}, {"x": np.zeros(2, np.int64)}])
def test_sums_that_could_not_be_exact_are_refused(part):
    """Another type than int64 and float64, or one that changes."""
    with pytest.raises(SegkitError, match="x"):
        add_to({"x": np.zeros(2)}, part, "metric m")


def test_pooled_scores_are_those_of_all_pixels():
    """Sums are added over cases, whatever their order; floats stay floats."""
    task, metric = Task(1, ("a", "b")), chosen()
    draw = np.random.default_rng(2)
    rows, squares, pixels = [], np.zeros(2), 0
    for index in range(5):
        shape = (4, 5 + index)
        mask = draw.integers(0, 3, shape).astype(np.uint8)
        feeds = Feeds([metric], mask, None, task)
        feeds.take(tuple(slice(0, side) for side in shape), torch.from_numpy(draw.normal(size=(3, *shape))).float())
        (sums,) = feeds.sums.values()
        squares, pixels = squares + sums["squares"], pixels + sums["pixels"]
        rows.append(score_case(Case(str(index)), mask, mask, None, task, [metric], sums=feeds.sums))
    np.testing.assert_allclose(pool(metric, rows).values, squares / pixels, rtol=1e-12)
    np.testing.assert_array_equal(pool(metric, rows[::-1]).values, pool(metric, rows[::-1]).values)


def test_needs_is_one_of_two():
    """A word that nobody knows is an error of the declaration."""
    with pytest.raises(ValueError, match="needs"):
        Metric(name="m", measure="a:b", factory="a:c", summary="Counts.", needs="logits")
