"""Everything that is wrong with a dataset's files."""

from __future__ import annotations

import os

import numpy as np
import pytest

from segkit import Case, Problem, Sample, SegkitError, Task
from segkit.data.archives import FOLDER, write_record
from segkit.data.download import Fetched
from segkit.data.sources import content_hash
from segkit.data.store import open_store
from segkit.data.unpack import Unpacked
from segkit.data.verify import verify


class Files:
    """Cases of one .npy file each, by split, as told."""

    reader_version = 1
    recipe: dict = {}
    task = Task(3, ("lesion",))

    def __init__(self, splits, problems=(), error=None):
        self.splits, self.problems, self.error = splits, problems, error

    def cases(self, split):
        if self.error:
            raise self.error
        return [Case(path.stem, files=(path,)) for path in self.splits.get(split, ())]

    def read(self, case):
        return Sample(np.load(case.files[0]), np.zeros((8, 9), np.uint8))

    def verify(self, progress=None):
        progress(1, 1)
        return list(self.problems)


@pytest.fixture
def files(tmp_path):
    """Three files of noise: train/a, train/b and test/c."""
    paths = [tmp_path / name for name in ("train/a.npy", "train/b.npy", "test/c.npy")]
    for seed, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.random.default_rng(seed).integers(0, 256, (3, 8, 9), dtype=np.uint8))
    return paths


def find(reader, root, **more):
    """The problems as (file, reason)."""
    return [(problem.file, problem.reason) for problem in verify(reader, "p:files", root, lambda *_: None, **more)]


def swap_content(path):
    """Change a file but neither its length nor its times, as a dying disk does."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_good_data_have_no_problem(files, tmp_path):
    """Nothing is told of what is right, deep or not."""
    reader = Files({"train": files[:2], "test": files[2:]})
    assert find(reader, tmp_path) == find(reader, tmp_path, deep=True, stores=tmp_path / "stores") == []


def test_dataset_s_own_problems_come_first(files, tmp_path):
    """What the reader finds is told as it is, once, and stands for the error that its listing raises."""
    found = [Problem("x.jpg", "is empty"), Problem("x.jpg", "is empty")]
    assert find(Files({}, found, SegkitError("1 file is empty")), tmp_path) == [("x.jpg", "is empty")]
    assert find(Files({}, (), SegkitError("no mask", "add it")), tmp_path) == [(".", "no mask; add it")]


def test_reader_that_fails(tmp_path):
    """An exception of a stranger's reader names dataset and reason."""

    class Broken(Files):
        def verify(self, progress=None):
            raise KeyError("oops")

    with pytest.raises(SegkitError, match=r"dataset p:files cannot be verified: KeyError: 'oops'; report it"):
        find(Broken({}), tmp_path)


def test_ids_twice(files, tmp_path):
    """A case in two splits, and ids that one file system in three takes for the same, are problems."""
    upper = tmp_path / "train" / "C.npy"
    upper.write_bytes(files[2].read_bytes() + b"x")
    reader = Files({"train": [*files[:2], upper], "val": files[:1], "test": files[2:]})
    assert find(reader, tmp_path) == [
        ("train/a.npy", "case a is in split val and in split train"),
        ("test/c.npy", "the ids C and c differ in capitals only"),
    ]


def test_equal_files_in_two_splits(files, tmp_path):
    """A copy under another name in another split is found by content, in the same split it is nobody's leak."""
    (tmp_path / "test" / "d.npy").write_bytes(files[0].read_bytes())
    (tmp_path / "train" / "e.npy").write_bytes(files[0].read_bytes())
    reader = Files({"train": [*files[:2], tmp_path / "train/e.npy"], "test": [tmp_path / "test/d.npy"]})
    assert find(reader, tmp_path) == []
    assert find(reader, tmp_path, deep=True) == [("test/d.npy", "is the same file as train/a.npy of split train")]


def test_downloaded_files_are_compared(files, tmp_path):
    """Missing and shortened files are found at once, changed contents by --deep, unfinished downloads too."""
    recorded = {path.relative_to(tmp_path).as_posix(): path for path in files}
    described = {name: Unpacked(path.stat().st_size, content_hash(path)) for name, path in recorded.items()}
    (tmp_path / FOLDER).mkdir()
    write_record(tmp_path, "http://x/a.zip", Fetched(tmp_path / "a.zip", 10, "0" * 64), described)
    reader = Files({"train": files[:1]})
    assert find(reader, tmp_path, deep=True) == []
    swap_content(files[0])
    assert find(reader, tmp_path) == []
    assert find(reader, tmp_path, deep=True) == [("train/a.npy", "its content is not what was in a.zip")]
    files[1].unlink()
    files[2].write_bytes(b"short")
    (tmp_path / FOLDER / "b.zip.part").write_bytes(b"")
    assert find(reader, tmp_path) == [
        (f"{FOLDER}/b.zip", "its download is not finished: run segkit data download again"),
        ("test/c.npy", "has another length than in a.zip"),
        ("train/b.npy", "is missing, it was in a.zip"),
    ]


def test_stores_are_compared(files, tmp_path):
    """A file that changed unnoticed since the store was built is named; a store of other settings says nothing."""
    reader, stores = Files({"train": files[:2], "test": files[2:]}), tmp_path / "stores"
    for split in ("train", "test"):
        open_store(reader, "p:files", reader.cases(split), (4, 4), folder=stores, workers=1, settings={"a": 1})
    (stores / "files-damaged").mkdir()
    swap_content(files[2])
    assert find(reader, tmp_path, deep=True, stores=stores, settings={"a": 2}) == []
    [(file, reason)] = find(reader, tmp_path, deep=True, stores=stores, settings={"a": 1})
    assert file == "test/c.npy"
    assert reason.startswith("its content changed since the store files-")


class Partial(Files):
    """Masks of two classes, of which each case says that it was annotated for the first."""

    task = Task(3, ("liver", "spleen"))

    def cases(self, split):
        return [Case(path.stem, files=(path,), annotated=("liver",)) for path in self.splits.get(split, ())]

    def read(self, case):
        if case.id == "b":
            raise SegkitError("b.npy cannot be read", "copy it again")
        mask = np.zeros((8, 9), np.uint8)
        mask[2, :3] = 2 if case.id == "c" else 1
        return Sample(np.load(case.files[0]), mask)


def test_what_contradicts_the_annotation_is_told(files, tmp_path):
    """With the file, once; what stops a case from being read is told where the reader has not told it."""
    splits = {"train": files[:2], "test": files[2:]}
    found = verify(Partial(splits), "toy", tmp_path, lambda *_: None)
    assert [problem.file for problem in found] == ["train/b.npy", "test/c.npy"]
    assert "3 pixels of class spleen, for which the case says it was not annotated" in found[1].reason
    assert "say that the case was annotated for the class" in found[1].hint
    told = Problem("train/b.npy", "cannot be read")
    found = verify(Partial(splits, [told]), "toy", tmp_path, lambda *_: None)
    assert [problem.file for problem in found] == ["train/b.npy", "test/c.npy"]
    assert found[0] == told


@pytest.mark.parametrize("deep", [False, True])
def test_a_named_pipe_in_the_place_of_a_file_is_told(files, tmp_path, deep):
    """Hashing it would wait for its other end, for ever (issue 19)."""
    files[1].unlink()
    os.mkfifo(files[1])
    found = find(Files({"train": files[:2], "test": files[2:]}), tmp_path, deep=deep, stores=tmp_path / "stores")
    assert found == (
        [("train/b.npy", "cannot be read: it is a folder, a pipe or a device, not a file")] if deep else []
    )
