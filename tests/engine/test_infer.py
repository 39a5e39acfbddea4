"""Applying a model to one image on its own grid."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from segkit.data.normalize import Normalization
from segkit.declarations import Task
from segkit.engine.ensemble import Ensemble
from segkit.engine.infer import Predictor, mirrored_axes, shown_copies
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.volumes import make_predictor
from segkit.errors import SegkitError

CPU = torch.device("cpu")


def predictor(model: nn.Module, task: Task, size: tuple[int, ...], *, mirror: bool = False) -> Predictor:
    return Predictor(model.eval(), task, size, Normalization("unit"), CPU, mirror=mirror)


class Offset(nn.Module):
    """Logits that are the image minus a half: a threshold at grey 127.5."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] - 0.5


def test_labels_are_on_the_own_grid() -> None:
    """A bright half in an image of another size than the working grid is found where it is."""
    image = np.zeros((1, 40, 60), np.uint8)
    image[:, :, 30:] = 255
    labels = predictor(Offset(), Task(1, ("x",)), (16, 16)).labels(image)
    assert labels.shape == (40, 60)
    assert np.array_equal(labels, (image[0] > 127).astype(np.uint8))


@pytest.mark.parametrize("classes", [("x",), ("x", "y")])
def test_mirroring_averages_probabilities(classes: tuple[str, ...]) -> None:
    """The mirrored score is the mean of the probabilities of all flipped copies, flipped back, done here by hand."""
    task = Task(1, classes)
    torch.manual_seed(0)
    model = nn.Conv2d(1, task.out_channels, 3, padding=1)
    images = torch.rand(1, 1, 8, 8)
    scores = predictor(model, task, (8, 8), mirror=True).scores(images, (8, 8))
    squash = torch.sigmoid if len(classes) == 1 else (lambda logits: logits.softmax(1))
    copies = [squash(model(images.flip(axes))).flip(axes) for axes in [(), (2,), (3,), (2, 3)]]
    expected = torch.stack(copies).mean(0)
    assert torch.allclose(squash(scores), expected, atol=1e-5)


@pytest.mark.parametrize(("names", "count"), [((), 4), (None, 8), (("width",), 8), (("height",), 8)])
def test_turned_copies_differ_and_none_is_missing(names, count) -> None:
    """In the plane four, or all eight ways to lay a square; in 3D twice as many where the depth is mirrored."""
    for dims, times in ((2, 1), (3, 2 if names is None else 1)):
        image = torch.arange(3.0**dims).view(1, 1, *[3] * dims)
        laid = {
            tuple(image.flip(axes).rot90(turns, (-2, -1)).flatten().tolist()) for axes, turns in copies(dims, names)
        }
        assert len(laid) == len(copies(dims, names)) == count * times
        assert copies(dims, names)[0] == ((), 0)


def copies(dims: int, names) -> list[tuple[tuple[int, ...], int]]:
    """The copies that are turned."""
    return list(shown_copies(dims, names, turn=True))


@pytest.mark.parametrize("classes", [("x",), ("x", "y")])
@pytest.mark.parametrize("mirror", [False, True])
def test_turned_copies_make_a_prediction_turn_with_its_image(classes, mirror) -> None:
    """Whatever the network, also where the own grid is no square; mirrored, too, where copies are mirrored."""
    task = Task(1, classes)
    torch.manual_seed(0)
    model = nn.Conv2d(1, task.out_channels, 3, padding=1)
    both = Predictor(model.eval(), task, (8, 8), Normalization("unit"), CPU, mirror=mirror, turn=True)
    image = np.random.default_rng(0).random((1, 8, 8), np.float32)

    def shares(values: np.ndarray, shape: tuple[int, int]) -> torch.Tensor:
        return next(iter(both.probabilities(values, shape)))[1]

    upright = shares(image, (12, 10))
    for quarters, shape in ((1, (10, 12)), (2, (12, 10)), (3, (10, 12))):
        turned = shares(np.rot90(image, quarters, (1, 2)).copy(), shape)
        torch.testing.assert_close(turned, upright.rot90(quarters, (1, 2)), atol=1e-5, rtol=0)
    flipped = shares(image[:, ::-1].copy(), (12, 10))
    assert torch.allclose(flipped, upright.flip(1), atol=1e-5) is mirror
    alone = Predictor(model.eval(), task, (8, 8), Normalization("unit"), CPU)
    assert not torch.allclose(next(iter(alone.probabilities(image, (12, 10))))[1], upright, atol=1e-3)


def test_mirrored_axes_are_all_subsets() -> None:
    """Four copies in 2D, eight in 3D."""
    assert list(mirrored_axes(2)) == [(), (2,), (3,), (2, 3)]
    assert len(list(mirrored_axes(3))) == 8


def test_volumes_come_back_on_their_own_grid() -> None:
    """A volume is resampled to the working grid and back."""
    image = np.zeros((1, 10, 12, 14), np.uint8)
    image[:, 5:] = 255
    labels = predictor(Offset(), Task(1, ("x",), 3), (8, 8, 8)).labels(image)
    assert labels.shape == (10, 12, 14)
    assert np.array_equal(labels, (image[0] > 127).astype(np.uint8))


class Spoilt(nn.Module):
    """Gives its value at one place of a copy, in three classes or one."""

    def __init__(self, value: float, classes: int, place: tuple[int, ...]) -> None:
        super().__init__()
        self.value, self.classes, self.place = value, classes, place

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = x[:, :1].repeat(1, self.classes, *[1] * (x.ndim - 2)) * 1e30
        logits[(-1, 0, *self.place)] = self.value
        return logits


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mode", ["images", "slices", "slab", "patches"])
@pytest.mark.parametrize("mirror", [False, True])
def test_logits_that_are_no_numbers_stop_the_case(value: float, mode: str, mirror: bool) -> None:
    """One NaN or infinity anywhere is an error, by every way to labels and probabilities; huge numbers are none."""
    dims, size = (3, (4, 6, 6)) if mode == "patches" else (2, (6, 6))
    image = np.full((1, 9, 12) if mode == "images" else (1, 5, 9, 12), 255, np.uint8)
    settings = Preprocessing(mode, size, Normalization("unit"), slab=3 if mode == "slab" else 1, mirror=mirror)
    for classes in ((), ("b", "c")):
        task = Task(3 if mode == "slab" else 1, ("a", *classes), dims)
        for spoilt in (value, 1e38):
            model = Spoilt(spoilt, task.out_channels, (1,) * dims).eval()
            applied = make_predictor(model, task, settings, CPU)
            if spoilt == 1e38:
                assert applied.labels(image).shape == image.shape[1:]
                continue
            with pytest.raises(SegkitError, match="logits that are NaN or infinite"):
                applied.labels(image)
            with pytest.raises(SegkitError, match="logits that are NaN or infinite"):
                list(Ensemble((applied, applied)).probabilities(image))
