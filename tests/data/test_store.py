from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit import Case, Sample, SegkitError, Task
from segkit.data import store as store_module
from segkit.data import store_build
from segkit.data.resample import resize_image, resize_mask
from segkit.data.store import open_store

SIZE = (12, 10)


class PairReader:
    """Reads PNG pairs; can be told to kill its process in the middle and to write down what it reads."""

    task = Task(3, ("lesion",), 2)
    reader_version = 1
    reads = 0
    kill_at = ""
    log: Path | None = None

    def read(self, case: Case) -> Sample:
        self.reads += 1
        if case.id == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.log:
            with self.log.open("a") as stream:
                stream.write(f"{case.id}\n")
        image, mask = (np.asarray(Image.open(path)) for path in case.files)
        return Sample(np.ascontiguousarray(image.transpose(2, 0, 1)), (mask > 128).astype(np.uint8))


def cases_of(root: Path) -> list[Case]:
    images = sorted(root.glob("case-??.png"))
    return [Case(image.stem, files=(image, image.with_name(f"{image.stem}_mask.png"))) for image in images]


def open_pairs(root: Path, folder: Path, reader: PairReader | None = None, **options):
    return open_store(reader or PairReader(), "pairs", cases_of(root), SIZE, folder=folder, workers=2, **options)


def in_a_process(what: str, *arguments: Path) -> subprocess.Popen[str]:
    """Run one of the functions at the end of this file in a process of its own."""
    command = [sys.executable, __file__, what, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twenty pairs of PNGs of different sizes."""
    random = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    for index in range(20):
        shape = (20 + index, 31)
        Image.fromarray(random.integers(0, 256, (*shape, 3), dtype=np.uint8)).save(folder / f"case-{index:02}.png")
        mask = random.choice(np.array([0, 128, 129, 255], np.uint8), shape)
        Image.fromarray(mask).save(folder / f"case-{index:02}_mask.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the stores lie."""
    return tmp_path / "stores"


def folders_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def expect_right(store, root: Path) -> None:
    """Compare every case with the files on disk, resized by Pillow here."""
    assert len(store) == 20
    for index, case in enumerate(cases_of(root)):
        image = Image.open(case.files[0]).resize(SIZE[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(store.images([index])[0], np.asarray(image).transpose(2, 0, 1))
        mask = (np.asarray(Image.open(case.files[1])) > 128).astype(np.uint8)
        np.testing.assert_array_equal(store.masks([index])[0], resize_mask(mask, SIZE))
        assert store.cases[index].id == case.id
        assert store.cases[index].shape == mask.shape


def test_it_holds_every_case_resized(root, folder):
    """Images as Pillow resizes them, masks of 0 and 1, ids and own shapes in order; gathered in any order."""
    store = open_pairs(root, folder)
    expect_right(store, root)
    assert (store.dtype, store.channels, store.size, store.rounding_error) == (np.uint8, 3, SIZE, 0.0)
    chosen = [7, 3, 3, 19]
    assert store.images(chosen).shape == (4, 3, *SIZE)
    np.testing.assert_array_equal(store.images(chosen), store.images(range(20))[chosen])
    np.testing.assert_array_equal(store.masks(np.array(chosen)), store.masks(range(20))[chosen])


def test_what_is_gathered_is_a_copy(root, folder):
    """Changing a batch changes neither the file nor the next batch."""
    store = open_pairs(root, folder)
    before = store.images([0])
    store.images([0])[...] = 0
    np.testing.assert_array_equal(store.images([0]), before)


def test_it_is_built_once(root, folder):
    """The second opening reads no case, and progress counts each built case."""
    seen = []
    assert open_pairs(root, folder, progress=lambda *counts: seen.append(counts)).was_built
    assert seen == [(done, 20) for done in range(1, 21)]
    reader = PairReader()
    again = open_pairs(root, folder, reader)
    assert not again.was_built
    assert reader.reads == 0
    expect_right(again, root)


def test_cleared_between_finding_and_opening(root, folder, monkeypatch):
    """A store that another process removes before its files are mapped is built again."""
    real, found = store_module.find_or_build, []

    def find_and_clear(*arguments):
        found.append(real(*arguments))
        if len(found) == 1:
            shutil.rmtree(found[0][0])
        return found[-1]

    monkeypatch.setattr(store_module, "find_or_build", find_and_clear)
    expect_right(open_pairs(root, folder), root)
    assert len(found) == 2


def test_a_dataset_that_moved_keeps_its_store(root, folder, tmp_path):
    """Names below the shared folder, sizes and times count, not where the folder lies."""
    open_pairs(root, folder)
    moved = root.rename(tmp_path / "elsewhere")
    assert not open_pairs(moved, folder).was_built


def test_whatever_changes_the_content_makes_a_new_store(root, folder):
    """Reader version, settings, size, a file's time, a case less: each is another store."""
    reader = PairReader()
    open_pairs(root, folder, reader)
    assert open_pairs(root, folder, reader, settings={"threshold": 3}).was_built
    reader.reader_version = 2
    assert open_pairs(root, folder, reader).was_built
    reader.reader_version = 1
    assert open_store(reader, "pairs", cases_of(root), (8, 8), folder=folder, workers=1).was_built
    assert open_store(reader, "pairs", cases_of(root)[1:], SIZE, folder=folder, workers=1).was_built
    assert open_store(reader, "others", cases_of(root), SIZE, folder=folder, workers=1).was_built
    os.utime(root / "case-03_mask.png", ns=(0, 0))
    assert open_pairs(root, folder, reader).was_built


def test_the_fingerprint_is_of_ids_and_contents(root, folder):
    """Not of size or time; one changed byte changes it."""
    whole = open_pairs(root, folder).fingerprint
    small = open_store(PairReader(), "pairs", cases_of(root), (8, 8), folder=folder, workers=1)
    assert small.fingerprint == whole
    sources = [
        [case.id, [hashlib.sha256(path.read_bytes()).hexdigest() for path in case.files]] for case in cases_of(root)
    ]
    text = json.dumps(sources, separators=(",", ":"))
    assert whole == hashlib.sha256(text.encode()).hexdigest()
    path = root / "case-03.png"
    path.write_bytes(path.read_bytes() + b" ")
    assert open_pairs(root, folder).fingerprint != whole


def damage_images(store: Path) -> None:
    os.truncate(store / "images.bin", 100)


def damage_masks(store: Path) -> None:
    (store / "masks.bin").unlink()


def damage_index(store: Path) -> None:
    text = (store / "index.json").read_text()
    (store / "index.json").write_text(text.replace("case-03", "case-33"))


def damage_json(store: Path) -> None:
    (store / "index.json").write_text("[]")


@pytest.mark.parametrize("damage", [damage_images, damage_masks, damage_index, damage_json])
def test_a_damaged_store_is_built_again_with_a_message(damage, root, folder, caplog):
    """A file cut short, missing, or an index that was touched."""
    open_pairs(root, folder)
    [name] = folders_in(folder)
    damage(folder / name)
    with caplog.at_level(logging.WARNING, "segkit"):
        store = open_pairs(root, folder)
    assert store.was_built
    assert f"the store {name} is damaged" in caplog.text
    expect_right(store, root)


def test_killed_in_the_middle_and_built_again(root, folder):
    """What the killed process left is never taken for a store and is removed, by a build of any store."""
    killed = in_a_process("be_killed", root, folder)
    assert killed.wait() == -signal.SIGKILL
    assert [name.endswith(".building") for name in folders_in(folder)] == [True]
    os.utime(root / "case-00.png", ns=(0, 0))
    store = open_pairs(root, folder)
    assert store.was_built
    expect_right(store, root)
    assert [name.endswith(".building") for name in folders_in(folder)] == [False]


def test_two_processes_at_once_build_it_once(root, folder, tmp_path):
    """Every case is read once in all, and both get the same store."""
    log = tmp_path / "log"
    both = [in_a_process("build", root, folder, log) for _ in range(2)]
    outputs = {process.communicate()[0] for process in both}
    assert len(outputs) == 1
    assert outputs.pop().split()[1:] == ["20", "False"]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(log.read_text().split()) == [case.id for case in cases_of(root)]


def test_a_case_that_cannot_be_read_stops_the_build(root, folder):
    """The reader's own sentence, of the first bad case; no thread, no folder is left and few cases were read."""

    class Picky(PairReader):
        def read(self, case):
            if case.id in ("case-04", "case-05"):
                raise SegkitError(f"{case.id} is cursed", "bless it")
            return super().read(case)

    reader = Picky()
    with pytest.raises(SegkitError, match="case-04 is cursed; bless it"):
        open_pairs(root, folder, reader)
    assert reader.reads < 10
    assert folders_in(folder) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("segkit-data")]


def test_other_exceptions_of_a_reader_name_the_case(root, folder):
    """A truncated file that the reader did not foresee is still one line."""
    path = root / "case-11.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(
        SegkitError, match=r"dataset pairs, case case-11 \(case-11\.png, case-11_mask\.png\) cannot be read"
    ):
        open_pairs(root, folder)


def test_a_case_that_is_not_one_of_the_task_stops_the_build(root, folder):
    """check_sample's sentence, before anything is trained."""
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(root / "case-02_mask.png")
    with pytest.raises(SegkitError, match=r"case case-02 .*mask's size 5x5 differs from the image's 22x31"):
        open_pairs(root, folder)
    assert folders_in(folder) == []


def test_a_missing_file_a_missing_mask_and_a_case_twice_are_named(root, folder, make_store):
    """Each is known before or while building, in a sentence."""
    cases = cases_of(root)
    with pytest.raises(SegkitError, match="lists the case case-00 2 times"):
        open_store(PairReader(), "pairs", [*cases, cases[0]], SIZE, folder=folder, workers=1)
    with pytest.raises(SegkitError, match="no cases"):
        open_store(PairReader(), "pairs", [], SIZE, folder=folder, workers=1)
    (root / "case-04_mask.png").unlink()
    with pytest.raises(SegkitError, match=r"case case-04: case-04_mask\.png cannot be read: No such file"):
        open_store(PairReader(), "pairs", cases, SIZE, folder=folder, workers=1)
    with pytest.raises(SegkitError, match="case a has no mask"):
        make_store({"a": Sample(np.zeros((3, 8, 8), np.uint8))}, (8, 8))


def test_a_full_disk_is_a_sentence_and_leaves_nothing(root, folder):
    """The kernel refuses the write: what was written, where, and how to move the cache."""
    output, _ = in_a_process("fill_the_disk", root, folder).communicate()
    assert output.startswith(f"the store of dataset pairs cannot be written in {folder}: ")
    assert "SEGKIT_CACHE" in output
    assert folders_in(folder) == []


def test_no_space_for_the_index_leaves_nothing(root, folder, monkeypatch):
    """The last file written fails as the first does."""

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(SegkitError, match="No space left on device"):
        open_pairs(root, folder)
    assert folders_in(folder) == []


def test_the_folder_of_stores_can_be_a_file(root, tmp_path):
    """Not a traceback but the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(SegkitError, match="cannot be written"):
        open_pairs(root, tmp_path / "file")


def test_a_finished_store_needs_no_lock(root, folder):
    """A cache that was shared without its locks, read-only for instance, opens."""
    open_pairs(root, folder)
    for lock in folder.glob("*.lock"):
        lock.unlink()
    shutil.move(folder, folder.with_name("moved"))
    assert not open_pairs(root, folder.with_name("moved")).was_built
    assert not list(folder.with_name("moved").glob("*.lock"))


def test_floats_are_stored_with_a_scale_and_the_error_is_recorded(make_store):
    """Slope and intercept give the values back within the recorded error, half a step of the widest channel."""
    random = np.random.default_rng(0)
    images = [random.normal(0, 10.0 ** (index - 3), (2, 9, 9)).astype(np.float32) for index in range(6)]
    images[2][1] = 7.5
    samples = {str(index): Sample(image, np.zeros((9, 9), np.uint8)) for index, image in enumerate(images)}
    store = make_store(samples, (9, 9))
    slopes, intercepts = store.scale(range(6))
    values = store.images(range(6)) * slopes[..., None, None] + intercepts[..., None, None]
    largest = max(np.abs(value - image).max() for value, image in zip(values, images, strict=True))
    assert store.dtype == np.int16
    assert store.rounding_error == pytest.approx(largest, rel=1e-9)
    assert store.rounding_error <= max(np.ptp(image, axis=(1, 2)).max() for image in images) / 65534 / 2 * 1.001
    np.testing.assert_array_equal(values[2, 1], 7.5)


def test_int16_is_stored_as_it_is(make_store):
    """Hounsfield units at both ends of the range, exactly, in 3D, with labels up to 15 and 255."""
    image = np.random.default_rng(0).integers(-32768, 32768, (1, 4, 5, 6), dtype=np.int16)
    mask = np.random.default_rng(0).choice(np.array([0, 1, 15, 255], np.int64), (4, 5, 6))
    store = make_store({"ct": Sample(image, mask, (5.0, 0.7, 0.7))}, (4, 5, 6), tuple(map(str, range(15))))
    np.testing.assert_array_equal(store.images([0])[0], image)
    np.testing.assert_array_equal(store.masks([0])[0], mask)
    assert store.masks([0]).dtype == np.uint8
    assert [part.tolist() for part in store.scale([0])] == [[[1.0]], [[0.0]]]
    resized = make_store({"ct": Sample(image, mask)}, (3, 5, 9), tuple(map(str, range(15))))
    np.testing.assert_array_equal(resized.images([0])[0], resize_image(image, (3, 5, 9)))


def test_images_of_different_types_are_refused(make_store):
    """8-bit images are scaled by 255 and others are not: mixing them cannot be meant."""
    mask = np.zeros((4, 4), np.uint8)
    samples = {"a": Sample(np.zeros((3, 4, 4), np.uint8), mask), "b": Sample(np.zeros((3, 4, 4), np.int16), mask)}
    with pytest.raises(SegkitError, match="case b: its image is int16, that of case a uint8"):
        make_store(samples, (4, 4))


def test_a_file_of_many_cases_is_hashed_once(tmp_path, array_reader, noise, monkeypatch):
    """Slices of one volume do not read it again and again."""
    path = tmp_path / "volume"
    path.write_text("voxels")
    hashed = []
    monkeypatch.setattr(store_build, "content_hash", lambda path: hashed.append(path) or "0" * 64)
    samples = noise(6, (8, 8))
    reader = array_reader(samples, Task(3, ("lesion",), 2))
    cases = [Case(name, files=(path,)) for name in samples]
    open_store(reader, "slices", cases, (8, 8), folder=tmp_path / "stores", workers=1)
    assert hashed == [path]


def be_killed(root: Path, folder: Path) -> None:
    """Die when the ninth case is read."""
    PairReader.kill_at = "case-08"
    open_pairs(root, folder)


def build(root: Path, folder: Path, log: Path) -> None:
    """Build or wait, and print what was got; torch is not needed for it."""
    PairReader.log = log
    store = open_pairs(root, folder)
    print(store.fingerprint, len(store.images(range(20))), "torch" in sys.modules)


def fill_the_disk(root: Path, folder: Path) -> None:
    """Let the kernel refuse to write more than 4,000 bytes to a file."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    try:
        open_pairs(root, folder)
    except SegkitError as error:
        print(error)


if __name__ == "__main__":
    globals()[sys.argv[1]](*map(Path, sys.argv[2:]))
