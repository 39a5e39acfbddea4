"""The Dice of a case from its counts, what mirrored copies agree on, and two watches at once."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from segkit import Task
from segkit.contracts import Measurement
from segkit.data.normalize import Normalization
from segkit.engine.expected import copies_of, dice_of
from segkit.engine.infer import Predictor, mirrored_axes
from segkit.engine.measure import CaseScores
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.scoring import both
from segkit.engine.volumes import VolumePredictor


@pytest.mark.parametrize("seed", range(20))
def test_the_dice_of_counts_is_that_of_label_maps(seed):
    """The mean over the classes that either side has, ignored pixels on neither; NaN where neither has any."""
    draw = np.random.default_rng(seed)
    prediction, mask = ((draw.random((9, 11)) < 0.2) * draw.integers(1, 4, (9, 11)) for _ in range(2))
    mask = np.where(draw.random(mask.shape) < 0.1, 255, mask)
    prediction, mask = (np.where(side == seed % 4, 0, side) for side in (prediction, mask))
    valid = mask != 255
    labels = range(1, 4)
    agreed = np.array([((prediction == label) & (mask == label)).sum() for label in labels])
    predicted, reference = (
        np.array([((side == label) & valid).sum() for label in labels]) for side in (prediction, mask)
    )
    counts = Measurement(agreed, predicted - agreed, reference - agreed, agreed, mask.shape, None)
    row = CaseScores("a", None, reference, predicted, {}, {"dice": counts})
    assert row.dice == pytest.approx(dice_of(prediction, mask, 3), nan_ok=True)
    none = np.zeros(3, np.int64)
    empty = CaseScores("a", None, none, none, {}, {"dice": Measurement(none, none, none, none, (1,), None)})
    assert np.isnan(empty.dice)


def test_two_watches_are_told_the_same_blocks():
    """Either may be missing."""
    told = []
    first, second = (lambda block, scores, name=name: told.append((name, block)) for name in "ab")
    both(first, second)((slice(0, 2),), None)
    assert told == [("a", (slice(0, 2),)), ("b", (slice(0, 2),))]
    assert both(None, second) is second
    assert both(first, None) is first
    assert both(None, None) is None


class Sided(torch.nn.Module):
    """A network that sees more on one side of what it is shown."""

    def __init__(self, dims: int, channels: int) -> None:
        super().__init__()
        self.dims, self.channels = dims, channels

    def forward(self, x):
        """Return scores whose limit moves along the last axis."""
        limit = torch.linspace(-0.4, 0.9, x.shape[-1])
        parts = [x[:, :1] * (1 + place) - limit * (1 + 2 * place) for place in range(self.channels)]
        return torch.cat(parts, dim=1) * 4


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("axes", [None, ("width",), ()])
def test_what_mirrored_copies_agree_on(channels, axes):
    """The mean Dice of every two copies' label maps, turned back, on the own grid; labels stay what they were."""
    task = Task(1, tuple("ab")[: max(1, channels - 1)], 2)
    model = Sided(2, channels)
    plain = Predictor(model, task, (8, 8), Normalization("unit"), torch.device("cpu"), mirror=True, mirrored=axes)
    image = np.random.default_rng(channels).integers(0, 255, (1, 12, 10)).astype(np.uint8)
    agreement = copies_of(plain)
    if axes == ():
        assert agreement is None
        return
    labels = replace(plain, copies=agreement.take_labels).labels(image)
    np.testing.assert_array_equal(labels, plain.labels(image))
    maps = []
    for flipped in mirrored_axes(2, axes):
        scores = model(plain.prepare(image).flip(flipped))
        scores = functional.interpolate(scores, size=(12, 10), mode="bilinear", align_corners=False).flip(flipped)[0]
        maps.append((scores[0] > 0).numpy() * 1 if channels == 1 else scores.argmax(dim=0).numpy())
    classes = len(task.classes)
    known = np.mean([dice_of(one, other, classes) for one, other in itertools.combinations(maps, 2)])
    assert agreement.value() == pytest.approx(known)
    assert known < 1


@pytest.mark.parametrize("mode", ["slices", "patches"])
def test_copies_of_a_volume_are_counted_slice_by_slice_and_window_by_window(mode):
    """Of a model without mirrored copies nothing can agree."""
    size = (8, 8) if mode == "slices" else (8, 8, 8)
    task = Task(1, ("a",), len(size))
    settings = Preprocessing(mode, size, Normalization("unit"), mirror=True, mirrored=("width",))
    predictor = VolumePredictor(Sided(len(size), 1), task, settings, torch.device("cpu"))
    agreement = copies_of(predictor)
    image = np.random.default_rng(0).integers(0, 255, (1, 12, 8, 8)).astype(np.uint8)
    spacing = (1.0, 1.0, 1.0)
    labels = replace(predictor, copies=agreement.take_labels).labels(image, spacing=spacing)
    np.testing.assert_array_equal(labels, predictor.labels(image, spacing=spacing))
    assert 0 < agreement.value() < 1
    assert copies_of(replace(predictor, preprocessing=replace(settings, mirror=False))) is None
