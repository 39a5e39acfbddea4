"""What lies in the cache."""

from __future__ import annotations

import multiprocessing
import sys
from dataclasses import replace

import numpy as np
import pytest

from segkit import Case, SegkitError, Task
from segkit.data.cache import list_cache, remove
from segkit.data.folders import locked, new_folder
from segkit.data.store import open_store
from segkit.data.volume_layout import VolumeLayout
from segkit.data.volume_store import open_volume_store


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def filled(cache, noise, array_reader):
    """A store, a sample and data in the cache."""
    samples = noise(3, (10, 12))
    reader = array_reader(samples, Task(3, ("lesion",)))
    open_store(reader, "p:arrays", [Case(name) for name in samples], (6, 8), folder=cache / "stores", workers=1)
    for name in ("samples/arrays-1", "data/arrays", "stores/arrays-2.building"):
        (cache / name).mkdir(parents=True)
        (cache / name / "file").write_bytes(bytes(1000))
    (cache / "samples" / "arrays-1" / "generated-sample.json").write_text("{}")
    (cache / "stores" / "arrays-2.lock").touch()
    return cache


def test_empty_cache(cache):
    """A cache that was never used holds nothing, and is not made."""
    assert list_cache() == []
    assert not cache.exists()


def test_everything_is_listed(filled):
    """Kind, size on disk and what it is, by kind."""
    told = {entry.path.name.split("-")[0] + entry.path.suffix: entry for entry in list_cache()}
    found = [(entry.kind, entry.about) for entry in list_cache()]
    assert sorted(found) == [
        ("data", "downloaded or brought here"),
        ("samples", "generated sample"),
        ("stores", "3 cases of p:arrays at 6x8"),
        ("stores", "under construction, or left by a process that was killed"),
    ]
    assert told["arrays.building"].bytes == 1000
    store = next(entry for entry in list_cache() if entry.about.startswith("3 cases"))
    assert store.bytes == sum(path.stat().st_size for path in store.path.iterdir())
    assert store.bytes > 3 * 6 * 8 * 4


def test_damaged_store_is_said_to_be_one(filled):
    """A store whose index cannot be read is listed all the same."""
    for path in (filled / "stores").glob("*/index.json"):
        path.write_text("{")
    assert "damaged" in {entry.about for entry in list_cache()}


@pytest.mark.parametrize(
    ("layout", "grid"),
    [
        (VolumeLayout(size=(6, 8)), "6x8, in slices"),
        (VolumeLayout(spacing=(2.5, 1.0, 1.0)), "2.5x1x1 mm"),
        (VolumeLayout(), "their own spacing"),
    ],
)
def test_stores_of_volumes_are_told_of(cache, noise, array_reader, layout, grid):
    """A sound one says what it holds; one with a file cut short is damaged, as one of photographs is."""
    samples = {name: replace(sample, spacing=(2.0, 1.0, 1.0)) for name, sample in noise(2, (4, 10, 12)).items()}
    reader = array_reader(samples, Task(3, ("lesion",), 3))
    open_volume_store(reader, "p:scans", [Case(name) for name in samples], layout, folder=cache / "stores", workers=1)
    (entry,) = list_cache()
    assert entry.about == f"2 cases of p:scans at {grid}"
    images = entry.path / "images.bin"
    images.write_bytes(images.read_bytes()[:-1])
    assert [entry.about for entry in list_cache()] == ["damaged"]


def test_removed_is_gone_and_built_again(filled, noise, array_reader):
    """Stores and samples are removed; a store is then built anew, with the same content."""
    samples = noise(3, (10, 12))
    reader, cases = array_reader(samples, Task(3, ("lesion",))), [Case(name) for name in samples]
    before = open_store(reader, "p:arrays", cases, (6, 8), folder=filled / "stores", workers=1)
    kept = before.images(range(3))
    assert not before.was_built
    assert all(remove(entry) for entry in list_cache() if entry.kind != "data")
    assert [entry.kind for entry in list_cache()] == ["data"]
    after = open_store(reader, "p:arrays", cases, (6, 8), folder=filled / "stores", workers=1)
    assert after.was_built
    np.testing.assert_array_equal(after.images(range(3)), kept)


def test_data_are_never_removed(filled):
    """What cannot be made again is refused."""
    [data] = [entry for entry in list_cache() if entry.kind == "data"]
    with pytest.raises(SegkitError, match=r"data/arrays holds data; remove it by hand"):
        remove(data)
    assert (data.path / "file").exists()


def hold(final, ready, done):
    """Hold a store's lock, as a process that builds it does."""
    with locked(final):
        ready.set()
        done.wait(30)


@pytest.mark.skipif(sys.platform == "win32", reason="starts a process by fork")
def test_what_is_being_built_stays(filled):
    """The store that another process is building is left to it."""
    [entry] = [entry for entry in list_cache() if entry.path.name == "arrays-2.building"]
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(entry.path.with_name("arrays-2"), ready, done))
    other.start()
    assert ready.wait(30)
    assert not remove(entry)
    assert (entry.path / "file").exists()
    done.set()
    other.join()
    assert remove(entry)
    assert not entry.path.exists()


@pytest.mark.parametrize("kind", ["stores", "samples"])
def test_what_segkit_did_not_make_is_never_removed(cache, kind):
    """A folder of somebody's data that lies where samples and stores do is listed as such and stays; so do links."""
    for name in ("mine", "mine.building", "kept"):
        (cache / kind / name).mkdir(parents=True)
        (cache / kind / name / "scan.nii").write_bytes(bytes(10))
    outside = cache.parent / "outside"
    outside.mkdir()
    (outside / "generated-sample.json").write_text("{}")
    (outside / "index.json").write_text("{}")
    (cache / kind / "link").symlink_to(outside)
    for entry in list_cache():
        assert entry.about == "not made by segkit: it stays"
        with pytest.raises(SegkitError, match="was not made by segkit"):
            remove(entry)
    with locked(cache / kind / "new"), new_folder(cache / kind / "new"):
        pass
    assert (cache / kind / "mine.building" / "scan.nii").exists()
    assert (outside / "index.json").exists()


def test_a_lock_is_not_taken_through_a_link(cache):
    """A link in the place of a lock makes no file elsewhere."""
    (cache / "stores").mkdir(parents=True)
    (cache / "stores" / "x.lock").symlink_to(cache.parent / "made")
    with pytest.raises(OSError, match="symbolic"), locked(cache / "stores" / "x"):
        pass
    assert not (cache.parent / "made").exists()
