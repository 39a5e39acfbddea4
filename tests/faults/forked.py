"""Commands in processes of their own that begin with everything imported: a trial takes a second, not five."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

TOY = Path(__file__).resolve().parents[1] / "toy"


@dataclass(frozen=True)
class Done:
    """A command that has ended.

    Attributes:
        code: exit code; less than 0 where a signal ended it.
        seconds: that it took.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float


def warm_up() -> None:
    """Import what commands import, once, in the parent: a fork has it too."""
    sys.path.insert(0, str(TOY))
    import torch

    import segkit.jobs.compare.compose
    import segkit.jobs.export
    import segkit.jobs.predict
    import segkit.jobs.run
    import segkit.report  # noqa: F401

    torch.set_num_threads(1)


def toy_alone() -> None:
    """Let commands find the toy plugin and no other."""
    from segkit.discovery import Registry
    from segkit.installed import Plugin

    registry = Registry()
    registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
    Registry.discover = classmethod(lambda cls, **_: registry)  # type: ignore[method-assign,assignment]


def run(
    args: tuple[str, ...],
    place: Path,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
    *,
    kill_after: float | None = None,
    limit: float = 120.0,
    environ: Mapping[str, str] | None = None,
) -> Done:
    """Carry out `segkit ARGS` in a folder.

    Args:
        before: called in the new process before the command, `after` when it has ended.
        kill_after: seconds after which it gets SIGKILL, if it has not ended by then.
        limit: seconds after which it is taken to hang.
    """
    out, err = place / ".stdout", place / ".stderr"
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            for stream, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            os.environ.update({"SEGKIT_CACHE": str(place / "cache"), **(environ or {})})
            os.environ.pop("SEGKIT_DATA", None)
            os.chdir(place)
            random.seed(0)
            toy_alone()
            before()
            code = command(args)
            sys.stdout.flush()
            sys.stderr.flush()
            after()
        finally:
            os._exit(code)
    code = wait(child, kill_after, limit)
    return Done(code, text(out), text(err), time.monotonic() - start)


def command(args: tuple[str, ...]) -> int:
    """Call the command; returns its exit code."""
    import traceback

    from segkit.cli import main

    try:
        main(list(args))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        return 71
    return 0


def wait(child: int, kill_after: float | None, limit: float) -> int:
    """Wait for a process, and kill it at its moment."""
    start, killed = time.monotonic(), False
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        elapsed = time.monotonic() - start
        if not killed and (elapsed > limit or (kill_after is not None and elapsed >= kill_after)):
            os.kill(child, signal.SIGKILL)
            killed = True
            assert elapsed <= limit, f"hangs: {limit} s"
        time.sleep(0.001)


def text(path: Path) -> str:
    """What a file holds."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
