"""Images that are in two splits."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from segkit import Case, Sample, Task
from segkit.data.leaks import Leak, equal_files, stored_leaks, unstored_leaks
from segkit.data.store import open_store
from segkit.data.volume_layout import VolumeLayout
from segkit.data.volume_store import open_volume_store

TASK = Task(3, ("lesion",), 2)
SIZE = (64, 64)


def photograph(seed: int, shape: tuple[int, int] = (96, 128)) -> np.ndarray:
    """A picture with coarse structure and fine grain, (3, H, W)."""
    drawn = np.random.default_rng(seed)
    coarse = Image.fromarray(drawn.integers(40, 216, (9, 12, 3), dtype=np.uint8)).resize(
        shape[::-1], Image.Resampling.BICUBIC
    )
    grain = drawn.normal(0, 3, (*shape, 3))
    return np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8).transpose(2, 0, 1)


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """What is left of a picture after it was saved as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(stream, "JPEG", quality=quality)
    with Image.open(stream, formats=("JPEG",)) as again:
        return np.asarray(again).transpose(2, 0, 1)


@pytest.fixture
def opened(array_reader, tmp_path):
    """Open a store of each split of samples."""

    def call(splits, task=TASK):
        samples = {name: sample for listed in splits.values() for name, sample in listed.items()}
        reader = array_reader(samples, task)
        stores = {}
        for split, listed in splits.items():
            cases = [Case(name) for name in listed]
            if task.spatial_dims == 3:
                layout = VolumeLayout(spacing=(1.0, 1.0, 1.0))
                stores[split] = open_volume_store(reader, "a:a", cases, layout, folder=tmp_path / split, workers=0)
            else:
                stores[split] = open_store(reader, "a:a", cases, SIZE, folder=tmp_path / split, workers=0)
        return reader, stores

    return call


def masked(image: np.ndarray) -> Sample:
    """A sample with an empty mask."""
    return Sample(image, np.zeros(image.shape[1:], np.uint8))


def test_equal_and_resaved_photographs_are_found(opened):
    """An image that is in two splits is found, also where it was saved anew as JPEG; others are not."""
    images = [photograph(seed) for seed in range(12)]
    train = {f"t{number}": masked(image) for number, image in enumerate(images[:8])}
    val = {f"v{number}": masked(image) for number, image in enumerate(images[8:])}
    val |= {"same": masked(images[2]), "jpeg": masked(as_jpeg(images[5], 75))}
    _, stores = opened({"train": train, "val": val})
    assert set(stored_leaks(stores)) == {
        Leak(("train", "t2"), ("val", "same")),
        Leak(("train", "t5"), ("val", "jpeg")),
    }


def test_a_scored_split_without_store(opened, array_reader):
    """Photographs that are only scored are compared with those trained on, and counted as they are read."""
    images = {f"t{seed}": masked(photograph(seed)) for seed in range(6)}
    _, stores = opened({"train": images})
    test = {"new": masked(photograph(50)), "old": masked(as_jpeg(images["t4"].image, 90))}
    steps = []
    found = unstored_leaks(
        stores,
        array_reader(test, TASK),
        "a:a",
        "test",
        [Case(name) for name in test],
        workers=1,
        progress=lambda *step: steps.append(step),
    )
    assert found == [Leak(("train", "t4"), ("test", "old"))]
    assert steps == [(1, 2), (2, 2)]


def test_blank_pictures_are_the_same_only_if_equal(opened):
    """Two empty slides that differ by a grey level are two; two equal ones are one."""
    blank = np.full((3, *SIZE), 240, np.uint8)
    _, stores = opened({"train": {"a": masked(blank)}, "val": {"b": masked(blank - 1), "c": masked(blank)}})
    assert stored_leaks(stores) == [Leak(("train", "a"), ("val", "c"))]


def test_volumes_are_the_same_if_every_voxel_is(opened):
    """Of volumes one voxel makes the difference."""
    task = Task(1, ("organ",), 3)
    volume = np.random.default_rng(0).integers(-100, 100, (1, 6, 8, 10)).astype(np.int16)
    other = volume.copy()
    other[0, 3, 4, 5] += 1
    spacing = (1.0, 1.0, 1.0)

    def sample(image: np.ndarray) -> Sample:
        return Sample(image, np.zeros(image.shape[1:], np.uint8), spacing)

    _, stores = opened({"train": {"a": sample(volume)}, "val": {"b": sample(other), "c": sample(volume)}}, task)
    assert stored_leaks(stores) == [Leak(("train", "a"), ("val", "c"))]


def test_equal_files(opened, tmp_path):
    """Volumes that are only scored are compared by their files' contents."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"content")
    second.write_bytes(b"content")
    _, stores = opened({"train": {"a": masked(photograph(1))}})
    stores["train"].sources[0].append("0" * 64)
    assert equal_files(stores, "test", [Case("x", files=(first,))]) == []
    import hashlib

    stores["train"].sources[0][0] = hashlib.sha256(b"content").hexdigest()
    assert equal_files(stores, "test", [Case("x", files=(second,))]) == [Leak(("train", "a"), ("test", "x"))]
