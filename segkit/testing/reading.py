"""Datasets: what is read belongs to nobody else, is the same in every order and thread, and is what the files hold."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from segkit.data.case import Case, Sample
from segkit.data.dataset import SPLITS
from segkit.testing.check import NotChecked, check, fail, listed
from segkit.testing.datasets import chosen_cases, same, whole
from segkit.testing.subjects import DatasetSubject

PHOTOGRAPHS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
READ_AGAIN = 12
"""Cases that are read for what concerns the whole sample."""


def ids(reader: Any) -> dict[str, list[str]]:
    """The ids of every split, in order."""
    return {split: [case.id for case in reader.cases(split)] for split in SPLITS}


@contextmanager
def listed_backwards() -> Iterator[None]:
    """Let the system list every folder backwards: no file system promises an order."""
    listdir, scandir = os.listdir, os.scandir

    class Backwards:
        def __init__(self, path: Any) -> None:
            with scandir(path) as found:
                self.entries = iter(sorted(found, key=lambda entry: entry.name, reverse=True))

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def __iter__(self) -> Any:
            return self.entries

        def __next__(self) -> Any:
            return next(self.entries)

        def close(self) -> None:
            """End."""

    def backwards(path: Any = ".") -> list[Any]:
        return sorted(listdir(path), reverse=True)

    with mock.patch("os.listdir", backwards), mock.patch("os.scandir", lambda path=".": Backwards(path)):
        yield


@check("data", "order", needs=["sample"])
def order(subject: DatasetSubject) -> None:
    """Cases come in one order and one split: for each call, each reader, and however a folder is listed."""
    first = ids(subject.reader)
    mend = "sort what is listed; deal splits out by a seed of its own, numpy.random.default_rng(0), from sorted ids"
    if ids(subject.reader) != first:
        fail("cases(split) gives other ids, or another order, when it is called again", mend)
    if ids(subject.factory(subject.root, subject.params)) != first:
        fail("another reader of the same folder gives other ids, or another order", mend)
    with listed_backwards():
        backwards = ids(subject.factory(subject.root, subject.params))
    if backwards != first:
        split = next(split for split in SPLITS if backwards[split] != first[split])
        fail(f"where the system lists folders backwards, {split} begins with {listed(backwards[split], 3)}", mend)


@check("data", "moved", needs=["order"])
def moved(subject: DatasetSubject) -> None:
    """A copy of the data in another folder has the same ids and the same groups: nothing depends on the place."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "elsewhere")
        shutil.copytree(subject.root, root)
        other = subject.factory(root, subject.params)
        for split in SPLITS:
            pairs = [(one.id, one.group) for one in subject.reader.cases(split)]
            found = [(one.id, one.group) for one in other.cases(split)]
            if pairs != found:
                fail(
                    f"{split} has {listed(sorted({*pairs} ^ {*found}), 2)} in one place alone",
                    "make ids and groups of names below the root, never of its path, a time or hash()",
                )


@check("data", "equal-pictures", needs=["read"])
def equal_pictures(subject: DatasetSubject) -> None:
    """No two splits hold the same image under two names."""
    seen: dict[str, tuple[str, str]] = {}
    for split in SPLITS:
        for case in list(subject.reader.cases(split))[:READ_AGAIN]:
            image = whole(subject.reader.read(case)).image
            digest = hashlib.sha256(f"{image.dtype}{image.shape}".encode() + image.tobytes()).hexdigest()
            known = seen.setdefault(digest, (split, case.id))
            if known[0] != split:
                fail(
                    f"the image of {case.id} in {split} is that of {known[1]} in {known[0]}",
                    "give each case its own file; leave copies out of the splits that are scored",
                )


@check("data", "affine", needs=["read"])
def affine(subject: DatasetSubject) -> None:
    """The affine of a volume says the same spacing, axis by axis, as the sample."""
    import numpy as np

    seen = 0
    for case in chosen_cases(subject):
        sample = subject.reader.read(case)
        if sample.affine is None or np.shape(sample.affine) != (4, 4):
            continue
        seen += 1
        steps = np.linalg.norm(np.asarray(sample.affine, dtype=float)[:3, :3], axis=0)
        if sample.spacing is None or not np.allclose(steps, sample.spacing, rtol=1e-3):
            fail(
                f"case {case.id} has spacing {sample.spacing}, its affine {tuple(round(float(s), 4) for s in steps)}",
                "give spacing and the affine's columns in the order of the image's axes (D, H, W)",
            )
    if not seen:
        raise NotChecked("it gives no affine")


@check("data", "classes", needs=["labels"])
def classes(subject: DatasetSubject) -> None:
    """Every class of the task is in some mask of the sample."""
    import numpy as np

    names = subject.reader.task.classes
    missing = set(range(1, len(names) + 1))
    for split in SPLITS:
        for case in list(subject.reader.cases(split))[:READ_AGAIN]:
            mask = subject.reader.read(case).mask
            missing -= set() if mask is None else {int(label) for label in np.unique(mask)}
    if missing:
        absent = [names[label - 1] for label in sorted(missing)]
        fail(
            f"no mask shows {listed(absent)}",
            "label 1 is the first class: look whether labels are one too low, or draw the class into the sample",
        )


@check("data", "own-arrays", needs=["read"])
def own_arrays(subject: DatasetSubject) -> None:
    """What read() returned may be changed: reading again gives the file's values."""
    import numpy as np

    for case in list(chosen_cases(subject))[:2]:
        first = whole(subject.reader.read(case))
        kept = first.image.copy(), None if first.mask is None else first.mask.copy()
        for array in (first.image, first.mask):
            if isinstance(array, np.ndarray) and array.flags.writeable:
                array[...] = 0
        again = whole(subject.reader.read(case))
        if not (np.array_equal(kept[0], again.image) and same(kept[1], again.mask)):
            fail(f"{case.id} is read again as what was written into its arrays", "return copies, keep no arrays")


@check("data", "threads", needs=["read"])
def threads(subject: DatasetSubject) -> None:
    """Cases read by several threads at once are what they are one by one: the store is built so."""
    import numpy as np

    cases = [*chosen_cases(subject)]
    alone = [subject.reader.read(case) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            together = list(pool.map(subject.reader.read, cases))
            for case, one, other in zip(cases, alone, together, strict=True):
                if not (np.array_equal(one.image, other.image) and same(one.mask, other.mask)):
                    fail(
                        f"{case.id} differs when other cases are read at the same time",
                        "open files within read(); no buffers or positions on self without a lock",
                    )


@check("data", "files-closed", needs=["read"])
def files_closed(subject: DatasetSubject) -> None:
    """Files are closed again: a data set of thousands of cases would run out of them."""
    folder = Path("/dev/fd") if Path("/dev/fd").exists() else None
    if folder is None:
        raise NotChecked("this system does not tell which files are open")
    cases = [*chosen_cases(subject)]
    for case in cases:
        subject.reader.read(case)
    before, kept = len(list(folder.iterdir())), []
    for _ in range(3):
        kept += [subject.reader.read(case) for case in cases]
    after = len(list(folder.iterdir()))
    if after - before >= len(cases):
        fail(f"{3 * len(cases)} readings left {after - before} files open", "write with open(...) as file:")


def listing(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file under a root."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            about = path.stat()
            found[path.relative_to(root).as_posix()] = (about.st_size, about.st_mtime_ns)
    return found


@check("data", "root-kept", needs=["read"])
def root_kept(subject: DatasetSubject) -> None:
    """Listing, reading and verifying write nothing below the data root: it may be somebody else's."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "copy")
        shutil.copytree(subject.root, root)
        before = listing(root)
        reader = subject.factory(root, subject.params)
        for split in SPLITS:
            for case in list(reader.cases(split))[:1]:
                reader.read(case)
        list(reader.verify())
        after = listing(root)
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if changed:
        fail(f"{listed(changed)} are new or changed", "compute it again, or keep it in memory")


_watched: list[str] | None = None
_hooked = False


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note the files that are opened while somebody looks."""
    if _watched is not None and event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        _watched.append(os.fsdecode(arguments[0]))


@contextmanager
def opened() -> Iterator[list[str]]:
    """Note which files Python opens meanwhile; a library in C that opens its own is not seen."""
    global _watched, _hooked
    if not _hooked:
        sys.addaudithook(watch)
        _hooked = True
    _watched = []
    try:
        yield _watched
    finally:
        _watched = None


@check("data", "files-named", needs=["read"])
def files_named(subject: DatasetSubject) -> None:
    """What read() opens for a case is in the case's files: by their size and time an edited file is noticed."""
    root = subject.root.resolve()
    with opened() as common:
        reader = subject.factory(subject.root, subject.params)
        cases = [case for split in SPLITS for case in list(reader.cases(split))[:READ_AGAIN]]
    shared = {Path(path).resolve() for path in common}
    seen: dict[Path, list[Case]] = {}
    for case in cases:
        with opened() as paths:
            reader.read(case)
        for path in {Path(one).resolve() for one in paths} - shared:
            if path.is_relative_to(root) and path not in {file.resolve() for file in case.files}:
                seen.setdefault(path, []).append(case)
    for path, readers in seen.items():
        if len(readers) == 1:
            fail(
                f"reading {readers[0].id} opens {path.name}, which is not in its files",
                "name every file of a case in segkit.Case(files=(image, mask)): training would go on with an old copy",
            )


@check("data", "as-pillow-reads", needs=["read"])
def as_pillow_reads(subject: DatasetSubject) -> None:
    """A photograph has the size that its file has, red first, and the mask's edges are hard."""

    seen = 0
    for case in chosen_cases(subject):
        photographs = [file for file in case.files if file.suffix.lower() in PHOTOGRAPHS]
        if not photographs or subject.reader.task.spatial_dims != 2:
            continue
        seen += 1
        sample, plain = whole(subject.reader.read(case)), pixels(photographs[0])
        if plain is None:
            continue
        turned = (plain.shape[1], plain.shape[0])
        if sample.shape not in (plain.shape[:2], turned):
            fail(
                f"{photographs[0].name} has {plain.shape[1]}x{plain.shape[0]} pixels, the image of {case.id} "
                f"{sample.shape[1]}x{sample.shape[0]}",
                "give every case at its own size: the working size is the core's, scores are taken on the file's grid",
            )
        check_colours(sample, plain, case)
    if not seen:
        raise NotChecked("its cases name no photographs")


def pixels(file: Path) -> Any:
    """A photograph as Pillow reads it, (H, W, 3); None where it is of another kind or size."""
    import numpy as np

    from segkit.data.image_files import BROKEN_FILE, open_image

    try:
        with open_image(file) as image:
            return np.asarray(image.convert("RGB"))
    except BROKEN_FILE:
        return None


def check_colours(sample: Sample, plain: Any, case: Case) -> None:
    """Fail where red and blue are exchanged."""
    import numpy as np

    if len(sample.image) != 3 or sample.image.dtype != np.uint8 or sample.image.shape[1:] != plain.shape[:2]:
        return
    found, expected = sample.image.astype(int), plain.transpose(2, 0, 1).astype(int)
    right, exchanged = np.abs(found - expected).mean(), np.abs(found[::-1] - expected).mean()
    if exchanged + 1 < right:
        fail(f"the image of {case.id} has blue first", "turn OpenCV's BGR round: image[..., ::-1]")
