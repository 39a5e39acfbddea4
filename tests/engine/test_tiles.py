"""Photographs predicted tile by tile: the whole's scores where windows agree, in memory that does not grow."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from segkit import SegkitError, Task
from segkit.data.large_array import LargeArray
from segkit.data.normalize import Normalization
from segkit.data.resample import resize_image
from segkit.data.resolution import Resolution
from segkit.engine import scratch, tiles
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.volumes import VolumePredictor, make_predictor


class Local(nn.Module):
    """A network whose logits are the values of the pixel itself, minus a half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1, H, W)."""
        return x[:, :1] - 0.5


class Rows(LargeArray):
    """An image that is never in memory: every value follows from its place."""

    def __init__(self, height: int, width: int) -> None:
        self.shape, self.dtype, self.most = (3, height, width), np.dtype(np.uint8), 0

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        self.most = max(self.most, (rows.stop - rows.start) * (columns.stop - columns.start))
        place = np.arange(rows.start, rows.stop)[:, None] * 7 + np.arange(columns.start, columns.stop) * 13
        return np.repeat((place % 256).astype(np.uint8)[None], 3, axis=0)


def predictor(size: tuple[int, int] = (32, 48), kind: str = "unit", **options) -> VolumePredictor:
    """A predictor of tiles by a network that looks at single pixels."""
    preprocessing = Preprocessing("tiles", size, Normalization(kind), **options)
    made = make_predictor(Local(), Task(3, ("light",), 2), preprocessing, torch.device("cpu"))
    assert made.volumes
    assert made.image_dims == 2
    return made


def image(height: int, width: int) -> np.ndarray:
    """Random values."""
    return np.random.default_rng(0).integers(0, 256, (3, height, width)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(100, 130), (32, 48), (20, 30), (33, 300), (200, 10), (1, 1)])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_windows_that_agree_give_the_labels_of_the_whole(shape, overlap):
    """Of a network that looks at single pixels the labels are exactly those of the whole, whatever the windows."""
    values = image(*shape)
    found = predictor(overlap=overlap).labels(values)
    assert np.array_equal(found, (values[0].astype(np.float32) / 255 > 0.5).astype(np.uint8))


def test_a_coarser_resolution_comes_back_to_the_image_s_own_grid():
    """Tiles at half the resolution are scored there, and the scores interpolated to the image's own pixels."""
    values = image(100, 130)
    found = predictor(resolution=Resolution(0.5)).labels(values)
    small = torch.from_numpy(resize_image(values, (50, 65))[:1].astype(np.float32))[None] / 255 - 0.5
    expected = nn.functional.interpolate(small, size=(100, 130), mode="bilinear", align_corners=False)[0, 0] > 0
    assert found.shape == (100, 130)
    assert (found == expected.numpy()).mean() > 0.995


def test_micrometres_follow_the_image_s_spacing():
    """At micrometres per pixel an image of half the resolution is enlarged first: scores are of the same thing."""
    made = predictor(resolution=Resolution(micrometres=0.5))
    assert made.working_shape((100, 60), (0.001, 0.001)) == (200, 120)
    assert made.labels(image(40, 40), spacing=(0.001, 0.001)).shape == (40, 40)


def test_an_image_is_read_a_band_at_a_time_and_once():
    """An image that is not in memory is predicted as one that is, and never more than a few bands of it are read."""
    large = Rows(1000, 60)
    found = predictor().labels(large)
    assert np.array_equal(found, predictor().labels(np.asarray(Rows(1000, 60))))
    assert large.most <= large.band * 60


def test_each_image_s_own_numbers_are_those_of_the_whole():
    """Image normalisation of tiles subtracts the whole image's mean, not each tile's."""
    values = image(90, 90)
    values[:, :45] //= 4
    whole = predictor(kind="image").labels(values)
    mean, std = values[0].mean() / 255, values[0].std() / 255
    assert np.array_equal(whole, ((values[0] / 255 - mean) / std > 0.5).astype(np.uint8))
    assert np.array_equal(whole, predictor(kind="image").labels(Kept(values)))


class Kept(LargeArray):
    """An array read by bands."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        return self.values[..., rows, columns]


def test_probabilities_and_scores_come_rows_by_rows():
    """What metrics of probabilities are told covers every pixel once, in order."""
    seen, values = [], image(100, 70)
    predictor().labels(values, watch=lambda block, scores: seen.append((block, scores.clone())))
    assert [block[0].start for block, _ in seen] == [0, *[block[0].stop for block, _ in seen][:-1]]
    assert seen[-1][0][0].stop == 100
    joined = torch.cat([scores for _, scores in seen], dim=1)
    assert joined.shape == (1, 100, 70)
    parts = [part for _, part in predictor().probabilities(values)]
    assert torch.cat(parts, dim=1).shape == (1, 100, 70)


def test_a_very_large_label_map_lies_in_a_file(monkeypatch, tmp_path):
    """A label map of more pixels than are held is filled in a nameless file, and is the same."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(scratch, "MOST_HELD", 1000)
    values = image(100, 130)
    found = predictor().labels(values)
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, values[0] / np.float32(255) > 0.5)
    assert not [*tmp_path.iterdir()]


def test_a_label_map_that_the_disk_has_no_room_for(monkeypatch, tmp_path):
    """It is refused with the way out before anything is predicted."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(scratch, "MOST_HELD", 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1})())
    with pytest.raises(SegkitError, match=r"100 x 130 needs .*, the cache's disk has"):
        predictor().labels(image(100, 130))


def test_preprocessing_of_tiles_is_kept_in_the_model():
    """Mode, resolution and overlap come back from a checkpoint's header."""
    made = predictor(resolution=Resolution(micrometres=0.5), overlap=0.25).preprocessing
    assert Preprocessing.from_dict(made.to_dict()) == made


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5])
def test_strips_are_the_whole(monkeypatch, overlap) -> None:
    """Walked in strips of columns, scores are bit for bit those of whole rows, and every pixel is told of once."""
    torch.manual_seed(0)
    network = nn.Conv2d(3, 1, 5, padding=2).eval()
    preprocessing = Preprocessing("tiles", (32, 48), Normalization("unit"), overlap=overlap)
    made = make_predictor(network, Task(3, ("light",), 2), preprocessing, torch.device("cpu"))
    values = image(90, 400)

    def scores() -> torch.Tensor:
        found = torch.full((1, 90, 400), torch.nan)
        for block, part in made.blocks(values, (90, 400), None):
            assert torch.isnan(found[:, block[0], block[1]]).all()
            found[:, block[0], block[1]] = part
        return found

    whole = scores()
    monkeypatch.setattr(tiles, "STRIP", 70)
    assert torch.equal(scores(), whole)
    assert not torch.isnan(whole).any()
    assert np.array_equal(made.labels(Kept(values)), made.labels(values))
