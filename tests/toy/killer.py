"""Run or resume the toy job in this process and kill it with SIGKILL at the n-th call of a function.

    python killer.py PLACE COUNT OUT start|resume [plain-writes] [config.field=value ...]

PLACE is "module:function" or "nowhere". The steps taken are appended to OUT.steps, a line each. With "plain-writes"
files are written in place, in parts, instead of whole: the negative control.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, BinaryIO

import segkit.jobs.run
from segkit.config import Layer
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.planning.plan import make_plan
from segkit.rundir.resume import open_run

PART = 4096


def wrap(place: str, before: Callable[[], None]) -> None:
    """Call `before` at every call of a function."""
    module, _, name = place.rpartition(":")
    owner: Any = import_module(module)
    *parents, attribute = name.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real = getattr(owner, attribute)

    def wrapped(*args: Any, **options: Any) -> Any:
        before()
        return real(*args, **options)

    setattr(owner, attribute, wrapped)


def kill_at(place: str, count: int) -> None:
    """Die at the n-th call."""
    seen = []

    def die() -> None:
        seen.append(1)
        if len(seen) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    wrap(place, die)


def write_in_parts(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write in place, part by part, as if nobody had thought of crashes."""
    import io

    buffer = io.BytesIO()
    write(buffer)
    data = buffer.getvalue()
    with path.open("wb", buffering=0) as stream:
        for start in range(0, len(data), PART):
            stream.write(data[start : start + PART])
            sync_part(stream.fileno())


def sync_part(descriptor: int) -> None:
    """Bring one part to the disk: where the negative control is killed ("__main__:sync_part")."""
    os.fsync(descriptor)


def main(place: str, count: str, out: str, how: str, *options: str) -> None:
    """Do what the module's docstring says."""
    if "plain-writes" in options:
        for name in ("segkit.files", "segkit.engine.sealed", "segkit.engine.predictions"):
            import_module(name).write_whole = write_in_parts  # type: ignore[attr-defined]
    steps = Path(out + ".steps")

    def note_step() -> None:
        with steps.open("a") as stream:
            stream.write("step\n")

    wrap("segkit.engine.trainer:Trainer.take_step", note_step)
    if place != "nowhere":
        kill_at(place, int(count))
    registry = Registry()
    registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
    values: dict[str, Any] = {"components.arch": "net", "components.data": "squares", "run.device": "cpu"}
    values |= {"train.average": 0.9, "run.threads": 1}
    values |= dict(option.split("=") for option in options if "=" in option)
    stopped = open_run(Path(out)) if how == "resume" else None
    plan = make_plan([stopped.config] if stopped else [Layer("flag", values)], registry, {})
    segkit.jobs.run.run_job(plan, Path(out), Progress(), stopped)


if __name__ == "__main__":
    main(*sys.argv[1:])
