"""Commands in processes of their own that begin with everything imported: a trial takes a second, not five."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

TOY = Path(__file__).resolve().parents[1] / "toy"
MODULES = ".modules"
"""Beside a command that has ended: what it had imported."""


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

    import segkit.jobs.run  # noqa: F401

    torch.set_num_threads(1)


def draw_nothing() -> None:
    """Let every figure be one white pixel: how it is written is tried here, and drawing takes most of the time."""
    from matplotlib.figure import Figure
    from PIL import Image

    Figure.savefig = lambda self, stream, *args, **options: Image.new("RGB", (1, 1), "white").save(stream, "PNG")


def learn(place: Path) -> None:
    """Import what the last command in a folder has imported: the next one finds it."""
    for name in text(place / MODULES).split():
        with contextlib.suppress(Exception):
            import_module(name)


def few_plugins() -> None:
    """Let commands find the toy plugin, one to fetch data with, one that measures probabilities, and no other."""
    from segkit.declarations.installed import Plugin
    from segkit.discovery import Registry

    registry = Registry()
    registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
    registry.add(Plugin("segkit-isic", "1.0", EntryPoint("isic", "segkit_isic", "segkit")))
    registry.add(Plugin("segkit-metrics", "1.0", EntryPoint("metrics", "segkit_metrics", "segkit")))
    Registry.discover = classmethod(lambda cls, **_: registry)  # type: ignore[method-assign,assignment]


@dataclass(frozen=True)
class Child:
    """A command under way.

    Attributes:
        begun: the end of a pipe that says when it begins.
        name: of the files that it prints into.
    """

    pid: int
    begun: int
    place: Path
    name: str

    def end(self, kill_after: float | None = None, number: int = signal.SIGKILL, limit: float = 120.0) -> Done:
        """Wait for it; arguments as of `run`."""
        os.read(self.begun, 1)
        os.close(self.begun)
        start = time.monotonic()
        code = wait(self.pid, kill_after, limit, number)
        said = [text(self.place / f".{stream}{self.name}") for stream in ("stdout", "stderr")]
        return Done(code, *said, time.monotonic() - start)


def begin(
    args: tuple[str, ...],
    place: Path,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
    *,
    name: str = "",
) -> Child:
    """Begin `segkit ARGS` in a folder; arguments as of `run`."""
    begun, begins = os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            for stream, path in ((1, f".stdout{name}"), (2, f".stderr{name}")):
                os.dup2(os.open(place / path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            os.environ.update({"SEGKIT_CACHE": str(place / "cache"), "no_proxy": "*"})
            os.environ.pop("SEGKIT_DATA", None)
            os.chdir(place)
            random.seed(0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            few_plugins()
            draw_nothing()
            before()
            os.write(begins, b".")
            code = command(args)
            for late in (signal.SIGINT, signal.SIGTERM):  # it has ended: what comes now is no fault of its own
                signal.signal(late, signal.SIG_IGN)
            sys.stdout.flush()
            sys.stderr.flush()
            after()
            threading._shutdown()  # type: ignore[attr-defined]  # as Python does: a thread may be writing the state
            (place / MODULES).write_text("\n".join(name for name in sys.modules if name != "__main__"))
        finally:
            os._exit(code)
    os.close(begins)
    return Child(child, begun, place, name)


def run(
    args: tuple[str, ...],
    place: Path,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
    *,
    kill_after: float | None = None,
    number: int = signal.SIGKILL,
) -> Done:
    """Carry out `segkit ARGS` in a folder.

    Args:
        before: called in the new process before the command, `after` when it has ended.
        kill_after: seconds from its beginning after which it gets the signal, if it has not ended by then.
        number: the signal.

    Raises:
        AssertionError: it hangs.
    """
    return begin(args, place, before, after).end(kill_after, number)


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


def wait(child: int, kill_after: float | None, limit: float, number: int) -> int:
    """Wait for a process, and send it the signal at its moment."""
    start, sent = time.monotonic(), False
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        elapsed = time.monotonic() - start
        if not sent and kill_after is not None and elapsed >= kill_after:
            os.kill(child, number)
            sent = True
        if elapsed > limit:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError(f"hangs: {limit} s")
        time.sleep(0.001)


def text(path: Path) -> str:
    """What a file holds."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
