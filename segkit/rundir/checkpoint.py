"""The checkpoint that people mean by a run directory or a file."""

from __future__ import annotations

from pathlib import Path

from segkit.errors import SegkitError
from segkit.rundir.names import CONFIG, MODEL


def checkpoint_of(path: Path) -> Path:
    """Return the checkpoint that a run directory or a file stands for.

    Raises:
        SegkitError: there is none.
    """
    if not path.is_dir():
        if not path.exists():
            raise SegkitError(f"{path} does not exist", f"give a run directory or its {MODEL}")
        return path
    checkpoint = path / MODEL
    if checkpoint.is_file():
        return checkpoint
    if (path / CONFIG).is_file():
        raise SegkitError(f"run {path} has no {MODEL} yet", f"go on with it: segkit run --resume {path}")
    raise SegkitError(f"{path} is no run directory: it holds no {MODEL}", "give the directory of a finished run")
