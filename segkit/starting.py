"""While the command is still being imported: Ctrl-C has its sentence and its code, and nobody looks for garbage."""

from __future__ import annotations

import gc
import os
import sys
from types import TracebackType

CODE = 130
COMMANDS = ("segkit", "segkit.exe")


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Stand in for the traceback that Python prints of what nobody has caught."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted: stopped by Ctrl-C", file=sys.stderr, flush=True)
        os._exit(CODE)  # Python would go on to end by the signal itself
    sys.__excepthook__(kind, error, trace)


def is_command() -> bool:
    """Whether this process was started as the command, and not to use segkit from Python."""
    started = sys.argv[0] if sys.argv else ""
    return os.path.basename(started) in COMMANDS or ("-m", "segkit") in zip(sys.orig_argv, sys.orig_argv[1:])  # noqa: PTH119, B905


if is_command():
    sys.excepthook = tell
    # Importing makes much and drops nothing: looking took 6 of the 150 ms that `segkit list` may take. The command's
    # group looks again as soon as it starts.
    gc.disable()
