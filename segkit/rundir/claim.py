"""The directory of a new run: made at once, for one process alone, and taken back where nothing came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from segkit.errors import SegkitError
from segkit.files import remove_parts, write_text
from segkit.files.parts import PART
from segkit.rundir.lock import try_lock
from segkit.rundir.names import CONFIG, ENVIRONMENT, LOCK, START

RUNS = Path("runs")
STARTED = (CONFIG, ENVIRONMENT, START, LOCK)
"""What a run writes before it trains."""


@dataclass
class Claim:
    """A directory that this process has for itself.

    Attributes:
        made: folders that were not there before, the outermost first.
        kept: whether it is to stay whatever happens: training has begun.
    """

    folder: Path
    made: list[Path]
    lock: BinaryIO
    kept: bool = field(default=False)

    def keep(self) -> None:
        """Leave it where it is from now on."""
        self.kept = True

    def undo(self) -> None:
        """Remove what the run made, unless it holds anything else; never a folder that was there before."""
        if self.kept or not is_unused(self.folder, STARTED):
            return
        remove_parts(self.folder)
        for name in STARTED:
            # What cannot be removed stays, and can be gone on with; the error that led here is told, not this one.
            with contextlib.suppress(OSError):
                (self.folder / name).unlink(missing_ok=True)
        for folder in reversed(self.made):
            with contextlib.suppress(OSError):  # others have put something into it
                folder.rmdir()

    def take_back(self) -> None:
        """Undo it after its lock was let go, unless another process writes there or has made something of it."""
        try:
            lock = try_lock(self.folder)
        except OSError:  # the folder is gone, or may not be written any more
            return
        if lock is not None:
            with lock:
                self.undo()


@contextlib.contextmanager
def new_run_folder(output: Path | None, name: str, config: str) -> Iterator[Claim]:
    """Hold the directory of a new run, with its config in it; where an error ends the block it is as it was before.

    Args:
        output: the directory asked for; the first of runs/NAME, runs/NAME-2, ... that is free where none was.
        config: the text of config.toml, which is the first thing in it: a run that is killed at any moment can either
            be resumed or its directory be used again (issue 19).

    Raises:
        SegkitError: the directory holds something, belongs to another process, or cannot be made.
    """
    try:
        claim = claim_asked(output) if output is not None else claim_free(name)
    except OSError as error:
        raise SegkitError(
            f"cannot make the run directory {output or RUNS / name}: {error.strerror}", "name another --output"
        ) from None
    with claim.lock:
        try:
            remove_parts(claim.folder)
            write_text(claim.folder / CONFIG, config)
            yield claim
        except SegkitError:
            claim.undo()
            raise


def check_output(output: str | None) -> None:
    """Raise SegkitError, before anything is done, where the directory asked for holds something."""
    if output is not None and Path(output).exists() and not is_unused(Path(output)):
        raise taken(Path(output))


def taken(folder: Path) -> SegkitError:
    """The error of a directory that is no place for a new run."""
    return SegkitError(f"--output {folder} already holds something", "name another directory")


def claim_asked(folder: Path) -> Claim:
    """Take one directory; raises SegkitError where it is not free."""
    claim = try_claim(folder)
    if claim is None:
        raise taken(folder)
    return claim


def claim_free(name: str) -> Claim:
    """Take the first directory for a name that is free: of two processes at once each gets its own."""
    for ending in chain([""], (f"-{number}" for number in count(2))):
        claim = try_claim(RUNS / f"{name}{ending}")
        if claim is not None:
            return claim
    raise AssertionError("numbers do not end")


def try_claim(folder: Path) -> Claim | None:
    """Make a directory, or take an empty one, and lock it; None where it is not free. Raises OSError."""
    made = [path for path in (folder, *folder.parents) if not path.exists() and not path.is_symlink()][::-1]
    for path in made[:-1]:
        path.mkdir(exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        if not is_unused(folder):
            return None
        made = [path for path in made if path != folder]
    lock = try_lock(folder)
    if lock is None:
        return None
    if not is_unused(folder):  # another process was quicker, and has ended since
        lock.close()
        return None
    return Claim(folder, made, lock)


def is_unused(folder: Path, but_for: tuple[str, ...] = (LOCK,)) -> bool:
    """Whether a path is a folder that holds nothing but what a process leaves that was killed before config.toml."""
    return folder.is_dir() and all(path.name in but_for or PART.fullmatch(path.name) for path in folder.iterdir())
