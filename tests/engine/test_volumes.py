"""Predicting volumes part by part, against the plain computation on the whole."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from segkit.data.normalize import Normalization
from segkit.data.resample import resize_image
from segkit.declarations import Task
from segkit.engine.infer import Predictor
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.volumes import VolumePredictor, make_predictor
from segkit.errors import UsageError

CPU = torch.device("cpu")
CLASSES = ("a", "b")
SIDES = st.tuples(*[st.integers(1, 13)] * 3)


class Local(nn.Module):
    """A network whose output at a voxel depends on that voxel alone: windows then change nothing."""

    def __init__(self, channels: int, dims: int, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layer = (nn.Conv2d if dims == 2 else nn.Conv3d)(channels, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


class Near(nn.Module):
    """A network that looks at a voxel's neighbours and knows front from back."""

    def __init__(self, channels: int, dims: int, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.layer = (nn.Conv2d if dims == 2 else nn.Conv3d)(channels, classes, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def predictor(model: nn.Module, mode: str, size, channels: int = 1, classes=CLASSES, kind="unit", **more):
    """A predictor of volumes as a checkpoint gives it."""
    dims = 3 if mode == "patches" else 2
    preprocessing = Preprocessing(mode, size, Normalization(kind), **more)
    task = Task(channels * (more.get("slab", 1) if mode == "slab" else 1), classes, dims)
    made = make_predictor(model.eval(), task, Preprocessing.from_dict(preprocessing.to_dict()), CPU)
    assert isinstance(made, VolumePredictor)
    return made


def volume(shape, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(channels, *shape)).astype(np.float32)


def whole(found: VolumePredictor, image: np.ndarray, own, spacing=None, axis: int = 0) -> torch.Tensor:
    """All scores on the own grid."""
    parts = [scores.clone() for _, scores in found.scores(image, own, spacing, axis)]
    return torch.cat(parts, dim=1).movedim(1, 1 + axis)


@given(SIDES, st.tuples(*[st.integers(1, 6)] * 3), st.floats(0, 0.8), st.sampled_from([0, 1, 2]))
@settings(max_examples=40, deadline=None)
def test_windows_of_a_local_network_change_nothing(shape, patch, overlap: float, axis: int) -> None:
    """Whatever size, window, overlap and direction: the scores are those of the whole volume at once."""
    model, image = Local(2, 3), volume(shape, 2)
    found = whole(predictor(model, "patches", patch, 2, overlap=overlap), image, shape, axis=axis)
    with torch.inference_mode():
        assert torch.allclose(found, model(torch.from_numpy(image)[None])[0], atol=1e-4)


@given(SIDES, st.tuples(*[st.floats(0.4, 2.5)] * 3), st.sampled_from([0, 1, 2]))
@settings(max_examples=30, deadline=None)
def test_working_at_another_spacing(shape, target, axis: int) -> None:
    """Resampled in slabs, predicted in windows and restored in slabs: as resampling, predicting and restoring whole."""
    model, image, spacing = Local(1, 3), volume(shape), (1.0, 1.0, 1.0)
    found = whole(predictor(model, "patches", (4, 4, 4), spacing=target), image, shape, spacing, axis)
    working = tuple(max(1, round(side / wanted)) for side, wanted in zip(shape, target, strict=True))
    if max(target) > 3 * np.median(sorted(target)[:2]):
        return
    with torch.inference_mode():
        scores = model(torch.from_numpy(resize_image(image, working))[None])
    expected = functional.interpolate(scores, size=shape, mode="trilinear", align_corners=False)[0]
    assert torch.allclose(found, expected, atol=1e-3)


def test_directions_agree_for_a_network_that_knows_them() -> None:
    """Walking along another axis gives the same labels: windows are turned back before the network sees them."""
    image = volume((12, 9, 15))
    made = predictor(Near(1, 3), "patches", (6, 4, 8))
    first, *others = (whole(made, image, (12, 9, 15), axis=axis) for axis in range(3))
    assert all(torch.allclose(first, other, atol=1e-5) for other in others)
    assert np.array_equal(made.labels(image), first.argmax(0).numpy())


def test_the_axis_with_the_smallest_slab_is_walked() -> None:
    """Scores of 4 planes of 5x20 are fewer than of 4 planes of 20x20."""
    made = predictor(Local(1, 3), "patches", (4, 4, 4))
    assert made.walked_axis((20, 5, 30), None) == 2
    assert made.walked_axis((30, 5, 20), None) == 0


def test_a_volume_smaller_than_the_patch() -> None:
    """It is surrounded by zeros, which are cut off again."""
    image, model = volume((3, 5, 2)), Near(1, 3)
    found = whole(predictor(model, "patches", (8, 8, 8)), image, (3, 5, 2))
    padded = functional.pad(torch.from_numpy(image)[None], (3, 3, 1, 2, 2, 3))
    with torch.inference_mode():
        expected = model(padded)[0, :, 2:5, 1:6, 3:5]
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_far_smaller_than_the_patch_at_another_spacing(axis: int) -> None:
    """The first planes that are read are all padding: they are none of the volume's, which is resampled on the way."""
    shape = tuple(12 if other == axis else 40 for other in range(3))
    image = volume(shape)
    made = predictor(Local(1, 3), "patches", (40, 40, 40), spacing=(1.5, 1.5, 1.5))
    walked = [planes for planes, _ in made.scores(image, shape, (1.0, 1.0, 1.0), axis)]
    assert (walked[0].start, walked[-1].stop) == (0, shape[axis])
    assert made.labels(image, spacing=(1.0, 1.0, 1.0)).shape == shape


def test_constants_stay_constant() -> None:
    """A network that always says one class says it everywhere, at any spacing and with any window."""
    model = Local(1, 3)
    nn.init.zeros_(model.layer.weight)
    model.layer.bias.data = torch.tensor([0.0, 2.0, 1.0])
    made = predictor(model, "patches", (4, 5, 6), spacing=(1.7, 0.9, 1.2))
    assert (made.labels(volume((11, 7, 9)), spacing=(1.0, 1.0, 1.0)) == 1).all()


@pytest.mark.parametrize("mode", ["slices", "slab", "patches"])
def test_a_volume_of_one_slice(mode: str) -> None:
    """There is nothing beside it; it is predicted all the same."""
    slab = 3 if mode == "slab" else 1
    model = Near(slab, 3 if mode == "patches" else 2)
    made = predictor(model, mode, (4, 8, 8) if mode == "patches" else (8, 8), slab=slab)
    assert made.labels(volume((1, 10, 6)), spacing=(1, 1, 1)).shape == (1, 10, 6)


def test_slices_are_those_of_the_plane_predictor() -> None:
    """A volume's label map in mode slices is that of each slice as a photograph."""
    image, model = volume((19, 12, 10)), Near(1, 2)
    found = predictor(model, "slices", (8, 8)).labels(image)
    single = Predictor(model.eval(), Task(1, CLASSES), (8, 8), Normalization("unit"), CPU)
    expected = [single.labels(image[:, index]) for index in range(19)]
    assert (found == np.stack(expected)).mean() > 0.999


def test_a_slab_is_its_neighbours_side_by_side() -> None:
    """The network's channels are the slices below, the slice and those above; at the ends the last is repeated."""
    image, model = volume((11, 8, 8), 2), Near(6, 2)
    found = whole(predictor(model, "slab", (8, 8), 2, slab=3), image, (11, 8, 8))
    for index in range(11):
        below, above = max(index - 1, 0), min(index + 1, 10)
        beside = np.concatenate([image[:, below], image[:, index], image[:, above]])
        with torch.inference_mode():
            assert torch.allclose(found[:, index], model(torch.from_numpy(beside)[None])[0], atol=1e-5)


def test_statistics_are_of_the_whole_volume() -> None:
    """A dark slice stays dark: it is not brought to zero mean on its own."""
    image = volume((6, 8, 8))
    image[:, 0] -= 50
    normal = (image - image.mean()) / image.std()
    model = Local(1, 2)
    found = whole(predictor(model, "slices", (8, 8), kind="image"), image, (6, 8, 8))
    with torch.inference_mode():
        assert torch.allclose(found, model(torch.from_numpy(normal[0])[:, None])[:, :].transpose(0, 1), atol=1e-4)


@pytest.mark.parametrize("classes", [("a",), CLASSES])
def test_mirrored_windows_average_probabilities(classes) -> None:
    """With one window the result is the mean of the probabilities of the eight flipped copies, flipped back."""
    image = volume((6, 6, 6))
    model = Near(1, 3, Task(1, classes).out_channels)
    made = predictor(model, "patches", (6, 6, 6), classes=classes, mirror=True)
    found = torch.cat([part for _, part in made.probabilities(image)], dim=1)
    squash = torch.sigmoid if len(classes) == 1 else (lambda logits: logits.softmax(1))
    batch = torch.from_numpy(image)[None]
    subsets = [axes for count in range(4) for axes in itertools.combinations((2, 3, 4), count)]
    with torch.inference_mode():
        expected = torch.stack([squash(model(batch.flip(axes))).flip(axes) for axes in subsets]).mean(0)[0]
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("mode", ["slices", "patches"])
def test_probabilities_and_labels_agree(mode: str) -> None:
    """The largest probability is the label; together the parts are the whole first axis."""
    image = volume((10, 9, 8))
    size = (4, 4, 4) if mode == "patches" else (6, 6)
    made = predictor(Near(1, len(size)), mode, size)
    parts = list(made.probabilities(image))
    assert [part.start for part, _ in parts][1:] == [part.stop for part, _ in parts][:-1]
    together = torch.cat([values for _, values in parts], dim=1)
    assert torch.allclose(together.sum(0), torch.ones(10, 9, 8), atol=1e-5)
    assert (together.argmax(0).numpy() == made.labels(image)).mean() > 0.999


@pytest.mark.parametrize(("mode", "size"), [("slices", (6, 6)), ("slab", (6, 6)), ("patches", (4, 6, 6))])
def test_turned_copies_make_volumes_turn(mode: str, size) -> None:
    """A volume that is turned in the plane is predicted as the volume is, turned, window by window."""
    torch.manual_seed(0)
    channels = 3 if mode == "slab" else 1
    network = (nn.Conv3d if mode == "patches" else nn.Conv2d)(channels, 3, 3, padding=1)
    settings = Preprocessing(mode, size, Normalization("unit"), slab=channels, turn=True)
    made = make_predictor(network.eval(), Task(channels, ("a", "b"), len(size)), settings, CPU)
    image = np.random.default_rng(0).random((1, 7, 12, 12), np.float32)
    (whole, turned) = (
        torch.cat([values for _, values in made.probabilities(one)], dim=1)
        for one in (image, np.rot90(image, 1, (2, 3)).copy())
    )
    torch.testing.assert_close(turned, whole.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    assert Preprocessing.from_dict(settings.to_dict()) == settings
    assert not settings.plain.averages


def test_a_window_as_large_as_the_volume_is_one_pass() -> None:
    """Without any blending; the network never sees more than the volume, and a window of training's size is its own."""
    torch.manual_seed(0)
    seen = []

    class Noted(nn.Conv3d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(x.shape[2:]))
            return super().forward(x)

    network = Noted(1, 3, 3, padding=1).eval()
    task = Task(1, ("a", "b"), 3)
    image = np.random.default_rng(0).random((1, 9, 12, 3), np.float32)

    def shares(window: tuple[int, ...] | None) -> torch.Tensor:
        settings = Preprocessing("patches", (4, 6, 6), Normalization("unit"), window=window)
        assert Preprocessing.from_dict(settings.to_dict()) == settings
        made = make_predictor(network, task, settings, CPU)
        return torch.cat([values for _, values in made.probabilities(image)], dim=1)

    whole = shares((64, 64, 64))
    assert seen == [(9, 12, 6)]  # along the last axis training pads to 6, too
    padded = torch.zeros(1, 1, 9, 12, 6)
    padded[..., 1:4] = torch.from_numpy(image)
    torch.testing.assert_close(whole, network(padded).softmax(1)[0, ..., 1:4], atol=1e-5, rtol=0)
    assert torch.equal(shares((4, 6, 6)), shares(None))
    assert not torch.allclose(shares(None), whole, atol=1e-3)


def test_patches_at_a_spacing_need_the_images() -> None:
    """Without it there is no telling how large a voxel is."""
    with pytest.raises(UsageError, match="spacing"):
        predictor(Local(1, 3), "patches", (4, 4, 4), spacing=(1.0, 1.0, 1.0)).labels(volume((5, 5, 5)))


def test_headers_from_before_volumes_mean_whole_images() -> None:
    """A checkpoint that says no overlap was made by a network that saw each image whole."""
    for size, mode in (((24, 32), "images"), ((8, 8, 8), "patches")):
        header = {"mode": mode, "size": list(size), "normalization": Normalization("unit").to_dict(), "mirror": True}
        made = make_predictor(nn.Identity(), Task(1, ("a",), len(size)), Preprocessing.from_dict(header), CPU)
        assert isinstance(made, Predictor)
        assert (made.size, made.mirror) == (size, True)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize(("mode", "size"), [("slices", (6, 7)), ("slab", (6, 7)), ("patches", (4, 5, 6))])
def test_any_memory_order_and_type(mode: str, size, dtype) -> None:
    """A volume turned to RAS is a view with steps backwards; it predicts as its copy does and is not touched."""
    values = (np.random.default_rng(0).random((2, 9, 8, 7)) * 200).astype(dtype)
    view = values.transpose(0, 3, 1, 2)[:, ::-1, :, ::-1]
    slab = 3 if mode == "slab" else 1
    spacing = (0.7, 1.3, 1.1) if mode == "patches" else None
    made = predictor(Near(2 * slab, len(size)), mode, size, 2, kind="image", slab=slab, spacing=spacing)
    before = values.copy()
    found = made.labels(view, spacing=(1.0, 1.0, 1.0))
    assert np.array_equal(found, made.labels(np.ascontiguousarray(view), spacing=(1.0, 1.0, 1.0)))
    assert np.array_equal(values, before)
    assert len(np.unique(found)) > 1
