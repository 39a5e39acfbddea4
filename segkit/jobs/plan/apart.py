"""Steps measured in a process of their own: what one takes too much of, it takes with it when it ends."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from segkit.config import Layer
from segkit.errors import SegkitError, UsageError
from segkit.jobs.plan.child import layer_as_json
from segkit.jobs.plan.probed import Machine, Probed, Settings

COMMAND = (sys.executable, "-m", "segkit.jobs.plan.child")
PATIENCE = 60.0
"""Seconds after which a probe is given up: a network whose few steps take longer is none to be trained here."""


class Apart:
    """Measures in a child process, which is begun again where it was killed.

    Args:
        given: what the user said.
        scratch: an empty folder that the child may fill.
        patience: seconds after which a probe is given up.
    """

    def __init__(self, given: Sequence[Layer], scratch: Path, patience: float = PATIENCE) -> None:
        self.first = {"given": [layer_as_json(layer) for layer in given], "scratch": str(scratch)}
        self.patience = patience
        self.child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def machine(self, settings: Settings) -> Machine:
        """Say where steps of some settings are measured."""
        return Machine(**self.asked({"ask": "machine", "settings": dict(settings)}))

    def costs(self, listed: Sequence[Settings]) -> list[float]:
        """Return floating point operations of one sample's forward pass under some settings."""
        found: list[float] = self.asked({"ask": "costs", "settings": [dict(one) for one in listed]})["costs"]
        return found

    def steps(self, settings: Settings, memory: int, *, whole: bool = False) -> Probed:
        """Take a few training steps that may take so many bytes; in a new process where `whole`."""
        if whole:
            self.end()  # what earlier probes took is not to be counted
        question = {"ask": "steps", "settings": dict(settings), "memory": memory, "whole": whole}
        too_long = threading.Event()
        answer = self.answer(question, too_long)
        if answer is None:
            self.end()
            return Probed("time" if too_long.is_set() else "memory")
        return Probed(**answer)

    def asked(self, question: dict[str, Any]) -> dict[str, Any]:
        """Ask what is answered soon; raises SegkitError where the child ends."""
        answer = self.answer(question, threading.Event())
        if answer is None:
            raise SegkitError(
                "the process that measures steps ended", "see what it said above; try it with --device cpu"
            )
        return answer

    def answer(self, question: dict[str, Any], too_long: threading.Event) -> dict[str, Any] | None:
        """Return the child's answer; None where it was killed, by the system or because it took too long."""
        child = self.child = self.child or self.begun()
        assert child.stdin is not None
        assert child.stdout is not None

        def give_up() -> None:
            too_long.set()
            child.kill()

        watch = threading.Timer(self.patience, give_up)
        watch.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(question) + "\n")
                child.stdin.flush()
            line = child.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            self.ended(child)
            return None
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise (UsageError if answer["usage"] else SegkitError)(*answer["error"])
        return answer

    def ended(self, child: subprocess.Popen[str]) -> None:
        """Raise SegkitError where the child ended by a fault of its own: being killed is what memory does to it."""
        code = child.wait()
        self.child = None
        if code > 0:
            raise SegkitError(
                f"the process that measures steps ended with code {code}", "what went wrong stands above; report it"
            )

    def begun(self) -> subprocess.Popen[str]:
        """Start the child."""
        child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdin is not None
        child.stdin.write(json.dumps(self.first) + "\n")
        child.stdin.flush()
        return child

    def end(self) -> None:
        """End the child, whatever it does."""
        if self.child is None:
            return
        self.child.kill()
        self.child.wait()
        for stream in (self.child.stdin, self.child.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self.child = None
