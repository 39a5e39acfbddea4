"""Datasets: what is said of files that are missing or broken."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from segkit.data.case import Case
from segkit.data.remarks import remarks_of
from segkit.errors import SegkitError
from segkit.testing.check import NotChecked, check, fail, listed
from segkit.testing.datasets import whole
from segkit.testing.subjects import DatasetSubject

MEND_ERROR = "raise segkit.SegkitError(message, hint), the file's name or the case's id in the message"
MEND_VERIFY = "return segkit.Problem(file relative to the root, reason) for it from verify()"


@check("data", "wrong-root", needs=["sample"])
def wrong_root(subject: DatasetSubject) -> None:
    """A folder that is empty or not there is refused by a SegkitError with a way out."""
    with tempfile.TemporaryDirectory() as folder:
        for name, root in (("an empty folder", Path(folder)), ("a missing folder", Path(folder, "missing"))):
            try:
                subject.factory(root, subject.params).cases("train")
            except SegkitError as error:
                if not error.hint:
                    fail(f"{name}: {error.message!r} has no hint", "give SegkitError a second argument, the way out")
            except Exception as error:
                fail(f"{name} raised {type(error).__name__}: {error}", "raise segkit.SegkitError(message, hint)")
            else:
                fail(f"{name} was taken for the dataset", "look for the dataset's own folders in __init__")


@check("data", "verify", needs=["sample"])
def verify(subject: DatasetSubject) -> None:
    """verify() finds nothing wrong with the sample, and counts what it has looked at."""
    seen: list[tuple[int, int]] = []
    problems = list(subject.reader.verify(lambda done, total: seen.append((done, total))))
    if problems:
        told = [f"{problem.file}: {problem.reason}" for problem in problems]
        fail(f"it tells {listed(told)}", "mend make_sample, or what verify takes for a problem")
    if not seen or seen[-1][0] != seen[-1][1]:
        fail(f"progress ended at {seen[-1] if seen else 'nothing'}", "call progress(done, total) for every case")


@check("data", "missing-file", needs=["sample"])
def missing_file(subject: DatasetSubject) -> None:
    """A file that is missing is named by a SegkitError and by verify(), or by remarks() where nothing needs it."""
    for file, reading in spoiled(subject, lambda path: path.unlink()):
        reading(file, MISSING)


@check("data", "broken-file", needs=["sample"])
def broken_file(subject: DatasetSubject) -> None:
    """A file that ends in the middle is named by a SegkitError, or remarks() where it is left out, and by verify()."""
    for file, reading in spoiled(subject, cut):
        reading(file, "cut off in the middle")


def cut(path: Path) -> None:
    """Keep a third of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])


def named(text: str, case: Case, path: Path) -> bool:
    """Whether a text names a file, or the case that it belongs to."""
    return path.name in text or case.id in text


MISSING = "missing"
Look = Callable[[Path, str], None]


def spoiled(subject: DatasetSubject, spoil: Callable[[Path], None]) -> Iterator[tuple[Path, Look]]:
    """Yield each file of the first training case, spoiled in a copy of the sample, and what looks at it."""
    case = next(iter(subject.reader.cases("train")))
    inside = [path.relative_to(subject.root) for path in case.files if path.is_relative_to(subject.root)]
    if not inside:
        raise NotChecked("its cases name no files")
    for file in inside:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "copy")
            shutil.copytree(subject.root, root)
            spoil(root / file)
            yield root / file, lambda path, how, root=root: look(subject, case, root, path, how)  # type: ignore[misc]


def look(subject: DatasetSubject, case: Case, root: Path, path: Path, how: str) -> None:
    """Fail unless reading the case and verifying both name the file."""
    reader: Any = None
    try:
        reader = subject.factory(root, subject.params)
        same_case = next((other for other in reader.cases("train") if other.id == case.id), None)
        if same_case is not None:
            whole(reader.read(same_case))
    except SegkitError as error:
        if not named(str(error), case, path):
            fail(f"{path.name} was {how}; the message {str(error)!r} does not name it", MEND_ERROR)
        if reader is None:
            return
    except Exception as error:
        fail(f"{path.name} was {how}: {type(error).__name__}: {error}", MEND_ERROR)
    else:
        # Formats are that have no file for an image without structures: it cannot be told from one that was lost.
        told = named(" ".join(remarks_of(reader)), case, path)
        if how == MISSING and told:
            return
        # Where one series of many cannot be used the others go on, if the run begins with what is left out (issue 23).
        if not (told and same_case is None):
            fail(f"{path.name} was {how}, and nothing was raised", MEND_ERROR)
    problems = list(reader.verify())
    if not any(named(f"{problem.file} {problem.reason}", case, path) for problem in problems):
        fail(f"{path.name} was {how}; verify() tells {[problem.file for problem in problems]}", MEND_VERIFY)
