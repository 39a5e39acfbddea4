"""Images shown tile by tile: arrays read in rectangles, resolutions, stores of blocks, crops drawn from them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from segkit import Case, Sample, SegkitError, Task, UsageError
from segkit.data import tile_build
from segkit.data.content import content_digest
from segkit.data.large_array import LargeArray, parts_of
from segkit.data.leaks import Leak, stored_leaks
from segkit.data.likeness import numbers_of
from segkit.data.normalize import make_normalization
from segkit.data.parts import covering, patch_parts
from segkit.data.resample import resize_image, resize_mask
from segkit.data.resolution import Resolution
from segkit.data.survey import survey
from segkit.data.tile_store import TileStore, open_tile_store
from segkit.settings import Data

SHAPES = ((300, 200), (129, 257), (40, 500))


class Counting(LargeArray):
    """An array that is in memory after all, and counts the rows that are read."""

    band = 32

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype, self.rows = values, values.shape, values.dtype, 0

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        self.rows += rows.stop - rows.start
        return self.values[..., rows, columns].copy()


def photographs(dtype: type = np.uint8, *, large: bool = False, classes: int = 0) -> dict[str, Sample]:
    """Three images of random values with two labels and an ignored border."""
    random = np.random.default_rng(0)
    samples = {}
    for number, shape in enumerate(SHAPES):
        image = random.integers(0, 256, (3, *shape)).astype(dtype)
        mask = np.zeros(shape, np.uint8)
        mask[5:30, 10:90], mask[31, 100], mask[0] = 1, 2, 255
        if classes:
            mask = np.stack([(mask == 1).astype(np.uint8)] * classes)
        parts = (Counting(image), Counting(mask)) if large else (image, mask)
        samples[f"case-{number}"] = Sample(*parts)
    return samples


@pytest.fixture
def make_store(array_reader, tmp_path):
    """A function that stores samples and returns the opened store."""

    def make(samples: dict, resolution: Resolution = Resolution(), **options) -> TileStore:  # noqa: B008
        mask = next(iter(samples.values())).mask
        task = Task(3, ("block", "dot"), 2, overlapping=mask.ndim == 3)
        reader = array_reader(samples, task)
        cases = [Case(name) for name in samples]
        return open_tile_store(reader, "arrays", cases, resolution, folder=tmp_path / "stores", workers=1, **options)

    return make


@pytest.mark.parametrize(
    "key",
    [
        (slice(None), slice(3, 70)),
        (slice(None), slice(10, 12), slice(5, 9)),
        (1,),
        (..., slice(0, 99), slice(20, 30)),
        (0, 7),
        (2, slice(60, 65), -1),
        (slice(1, 3), slice(64, 64), slice(3, 8)),
    ],
)
def test_a_large_array_is_indexed_as_numpy_indexes(key):
    """Slices and numbers give what they give of an array in memory, by whatever bands it is read."""
    values = np.random.default_rng(1).integers(0, 255, (3, 100, 40)).astype(np.uint8)
    assert np.array_equal(Counting(values)[key], values[key])


def test_rows_asked_for_in_order_are_read_once():
    """Whole rows, a few at a time as a band of windows asks for them, cost one reading of the image."""
    array = Counting(np.zeros((3, 100, 40), np.uint8))
    for start in range(0, 100, 8):
        array[:, start : min(start + 8, 100)]
    assert array.rows == 100
    assert sum(part.shape[1] for part in parts_of(array)) == 100


def test_steps_and_places_outside_are_refused():
    """A large array is not read with steps, nor beyond its sides."""
    array = Counting(np.zeros((3, 10, 10), np.uint8))
    with pytest.raises(IndexError):
        array[:, ::2]
    with pytest.raises(IndexError):
        array[:, 10]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Resolution(1.0)),
        ("0.5", Resolution(0.5)),
        ("1", Resolution(1.0)),
        ("0.25um", Resolution(micrometres=0.25)),
        ("0.5 \u00b5m/px", Resolution(micrometres=0.5)),
        ("8\u03bcm", Resolution(micrometres=8.0)),
    ],
)
def test_resolutions_as_people_write_them(text, expected):
    """A scale, or micrometres with either sign for micro."""
    assert Resolution.parse(text) == expected
    assert Resolution.from_dict(expected.to_dict()) == expected


@pytest.mark.parametrize("text", ["0", "-1", "half", "5", "0um", "1mm", "1e-3", ""])
def test_resolutions_that_cannot_be_meant(text):
    """Nothing, less than nothing, five times too many pixels or another unit: refused with what can be said."""
    with pytest.raises(UsageError, match=r"data\.resolution") as told:
        Resolution.parse(text)
    assert "0.5um" in told.value.hint


def test_micrometres_need_those_of_the_file():
    """A working grid in micrometres follows each axis's own spacing; without one the image is refused."""
    assert Resolution(micrometres=0.5).working_size((100, 200), (0.00025, 0.0005)) == (50, 200)
    assert Resolution(0.5).working_size((101, 200), None) == (50, 100)
    with pytest.raises(SegkitError, match="its file says none") as told:
        Resolution(micrometres=0.5).working_size((100, 200), None)
    assert "data.resolution=0.5" in told.value.hint


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_what_is_stored_is_the_image_on_the_working_grid(make_store, large, scale):
    """Every rectangle of a store is that of the resampled image and of the mask at its pixels' centres."""
    store = make_store(photographs(large=large), Resolution(scale))
    for place, sample in enumerate(photographs().values()):
        size = tuple(round(side * scale) for side in sample.shape)
        expected = resize_image(sample.image, size).astype(int)
        # Pillow rounds after each axis, the store after both.
        assert np.abs(np.asarray(store.image(place)).astype(int) - expected).max() <= (0 if scale == 1 else 1)
        assert np.array_equal(np.asarray(store.mask(place)), resize_mask(sample.mask, size))
        part = store.image(place)[:, 3:15, 7:11]
        assert np.array_equal(part, np.asarray(store.image(place))[:, 3:15, 7:11])


def test_a_store_is_the_same_however_images_are_read(make_store):
    """Read by bands or in memory, a store holds the same files, places of classes and numbers."""
    whole = make_store(photographs())
    banded = make_store(photographs(large=True), settings={"other": 1})
    for place in range(len(whole)):
        assert np.array_equal(np.asarray(whole.image(place)), np.asarray(banded.image(place)))
        assert whole.labels(place) == banded.labels(place) == [1, 2]
        assert np.array_equal(whole.foreground(place, 1), banded.foreground(place, 1))
        assert np.allclose(whole.moments(place, "image"), banded.moments(place, "image"), rtol=1e-9)


def test_floats_are_stored_to_a_known_error(make_store):
    """Float images become 16 bits spread over each case's range; the largest error is written down and kept."""
    store = make_store(photographs(np.float32, large=True))
    for place, sample in enumerate(photographs(np.float32).values()):
        assert np.abs(np.asarray(store.values(place)) - sample.image).max() <= store.rounding_error * 1.01 + 1e-4


def test_noted_pixels_are_of_their_label(make_store, monkeypatch):
    """Of a class with very many pixels some are noted, evenly drawn, the same ones every time."""
    monkeypatch.setattr(tile_build, "PER_LABEL", 100)
    store = make_store(photographs())
    mask = np.asarray(store.mask(0))
    places = store.foreground(0, 1)
    assert len(places) == 100
    assert (np.diff(places) > 0).all()
    assert (mask.reshape(-1)[places] == 1).all()
    again = make_store(photographs(large=True), settings={"again": 1})
    assert np.array_equal(again.foreground(0, 1), places)


def test_overlapping_classes_have_planes(make_store):
    """Of overlapping classes every one has a plane in the store and pixels to be centred on."""
    store = make_store(photographs(classes=2))
    assert store.mask(0).shape == (2, 300, 200)
    assert store.labels(0) == [1, 2]
    part = patch_parts(store, (64, 64), per_case=4, foreground=1.0, spacing=None).take(0, 0, 0)
    assert part.mask.shape == (2, 64, 64)


def test_crops_depend_on_seed_epoch_and_index_alone(make_store):
    """The same sample is the same crop, another epoch's another one; those centred on a class show it."""
    store = make_store(photographs())
    parts = patch_parts(store, (64, 48), per_case=5, foreground=1.0, spacing=None)
    assert parts.count == 15
    one, again, other = parts.take(3, 1, 2), parts.take(3, 1, 2), parts.take(3, 2, 2)
    assert np.array_equal(one.image, again.image)
    assert not np.array_equal(one.image, other.image)
    assert all(np.isin(parts.take(0, 0, index).mask, (1, 2)).any() for index in range(15))
    low = parts.take(0, 0, 14)  # the third image is 40 pixels high
    assert low.inside is not None
    assert (low.mask[:12] == 255).all()


def test_a_tile_without_a_valid_pixel_is_drawn_again(make_store):
    """Where most of an image is ignored, crops are looked for that can teach something."""
    mask = np.full((600, 600), 255, np.uint8)
    mask[:40, :300] = 1
    mask[10, 10] = 0
    store = make_store({"a": Sample(np.zeros((3, 600, 600), np.uint8), mask)})
    parts = patch_parts(store, (64, 64), per_case=40, foreground=0.0, spacing=None)
    valid = sum((parts.take(0, 0, index).mask != 255).any() for index in range(40))
    assert valid >= 8  # one in 24 of the crops anywhere shows any: 2 of 40


def test_as_many_crops_as_would_cover(make_store):
    """Without a number of its own an epoch shows as many tiles as would cover the median image."""
    store = make_store(photographs())
    assert covering(store, (100, 100)) == 6
    assert covering(store, (512, 512)) == 2


def test_a_survey_by_bands_is_that_of_the_whole():
    """Moments, range and quantiles of an image that is read by bands are those of the same image in memory."""
    for dtype in (np.uint8, np.float32):
        image = (np.random.default_rng(2).random((3, 333, 77)) * 255).astype(dtype)
        whole, banded = survey(image), survey(Counting(image))
        assert np.allclose(whole.moments, banded.moments, rtol=1e-6)
        assert np.array_equal(whole.low, banded.low)
        assert np.array_equal(np.sort(whole.values), np.sort(banded.values))


def test_large_images_are_told_apart_by_content():
    """The digest of a large image is its own, whatever its bands, and its numbers are those of any image."""
    image = np.random.default_rng(3).integers(0, 255, (3, 100, 50)).astype(np.uint8)
    other = image.copy()
    other[2, 99, 49] ^= 1
    assert content_digest(Counting(image)) == content_digest(Counting(image.copy()))
    assert content_digest(Counting(image)) != content_digest(Counting(other))
    task, case = Task(3, ("block",), 2), Case("a")
    mask = (image[0] > 100).astype(np.uint8)
    assert numbers_of(Sample(image, mask), task, case) == numbers_of(
        Sample(Counting(image), Counting(mask)), task, case
    )


def test_numbers_of_the_whole_training_split(make_store):
    """Dataset normalisation of tiles is by every pixel of the training images."""
    samples = photographs()
    found = make_normalization(Data(normalization="dataset"), make_store(samples))
    pixels = np.concatenate([sample.image.reshape(3, -1) for sample in samples.values()], axis=1) / 255
    assert np.allclose(found.mean, pixels.mean(axis=1))
    assert np.allclose(found.std, pixels.std(axis=1))


def test_labels_outside_the_classes_are_found_in_any_band(make_store):
    """A mask that is read by bands is checked to its last row."""
    samples = photographs(large=True)
    samples["case-1"].mask.values[-1, -1] = 7
    with pytest.raises(SegkitError, match="labels outside 0 to 2: 7"):
        make_store(samples)


def test_an_image_of_two_splits_is_found(make_store):
    """Of images of one size those that are equal in every pixel are told as leaks; one pixel makes the difference."""
    image = np.random.default_rng(0).integers(0, 256, (3, 300, 200)).astype(np.uint8)
    other = image.copy()
    other[2, 299, 199] ^= 1
    mask = np.ones((300, 200), np.uint8)
    train = make_store({"a": Sample(image, mask)})
    val = make_store({"b": Sample(other, mask), "c": Sample(image, mask)})
    assert stored_leaks({"train": train, "val": val}) == [Leak(("train", "a"), ("val", "c"))]


def test_a_full_disk_is_told_before(make_store, monkeypatch):
    """Tiles that the disk has no room for are refused before the first is written, with the way out."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000})())
    with pytest.raises(SegkitError, match=r"case-0: a store of its 300 x 200 pixels needs .* has 1 kB free") as told:
        make_store(photographs())
    assert "data.resolution" in told.value.hint
