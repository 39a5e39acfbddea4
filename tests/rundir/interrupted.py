"""The command, called in this process and interrupted at a step or around the rename of a file."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.engine.state import StateWriter
from segkit.engine.trainer import Trainer
from segkit.errors import SegkitError


class Killed(BaseException):
    """What stands for SIGKILL: nothing of the core catches it."""


class Interruption:
    """Kills or stops the command at the n-th step, or around the n-th rename of a file; counts steps meanwhile."""

    def __init__(self) -> None:
        self.kind, self.left, self.steps = "", 0, []
        self.writer: StateWriter | None = None

    def set(self, wish: tuple[str, int] | None) -> None:
        """Forget the steps seen; interrupt once as wished."""
        self.kind, self.left = wish or ("", 0)
        self.steps = []

    def settle(self) -> None:
        """Let the thread of a command that is over come to its end: in a process it ends with it."""
        self.kind = ""
        if self.writer is not None:
            with contextlib.suppress(Killed, SegkitError):
                self.writer.wait()

    def look(self, kind: str) -> None:
        """Interrupt where it is time to."""
        if not self.kind.endswith(kind):
            return
        self.left -= 1
        if self.left == 0:
            if self.kind.startswith("stop"):
                os.kill(os.getpid(), signal.SIGINT)
            else:
                raise Killed

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Listen to steps and renames."""
        step, replace, saved = Trainer.take_step, Path.replace, StateWriter.save

        def take_step(trainer: Trainer, batch: Any) -> Any:
            self.steps.append(trainer.step)
            self.look("step")
            return step(trainer, batch)

        def replaced(path: Path, target: Path) -> Path:
            self.look("before rename")
            done = replace(path, target)
            self.look("after rename")
            return done

        def save(writer: StateWriter, *args: Any) -> None:
            self.writer = writer
            saved(writer, *args)
            writer.wait()  # what is on the disk when it is interrupted must not depend on a thread's luck

        patch.setattr(StateWriter, "save", save)
        patch.setattr(Trainer, "take_step", take_step)
        patch.setattr(Path, "replace", replaced)


INTERRUPTION = Interruption()
SEEN: Counter[str] = Counter()
"""How often each command ended how."""


def segkit(*args: str, wish: tuple[str, int] | None = None) -> Result | None:
    """Call the command in this process; None where it was killed."""
    INTERRUPTION.set(wish)
    try:
        result = CliRunner().invoke(main, args)
    except Killed:
        SEEN[f"{args[0]} killed"] += 1
        return None
    finally:
        INTERRUPTION.settle()
    SEEN[f"{args[0]} {result.exit_code}"] += 1
    assert "internal error" not in result.output, result.output
    assert "Traceback" not in result.output
    if result.exit_code in (1, 2):
        errors = [line for line in result.stderr.splitlines() if line.lower().startswith("error")]
        assert len(errors) == 1, result.output
    return result
