"""Where a run's time goes: seconds by part, and a trace of some steps for the browser."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import torch

from segkit.files import write_text

Item = TypeVar("Item")

TRACED = 12
"""Steps in the trace: enough to see a pattern, and a file that a browser opens."""
UNTRACED = 3
"""Steps before the trace begins: the first ones allocate and choose algorithms."""


class Clock:
    """Adds up seconds by part; a part inside another counts for itself alone.

    It is told what the main thread does: what others do beside it counts where it is waited for.

    Args:
        device: what is waited for at the end of a part, so that its work counts where it was asked for; None: the clock
            is off and costs nothing.

    Attributes:
        seconds: by part, in the order they first came up.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self.steps = 0
        self._inner: list[float] = []
        self._trace: Any = None

    @property
    def _recording(self) -> bool:
        return UNTRACED <= self.steps < UNTRACED + TRACED

    @property
    def runs(self) -> bool:
        """Whether anything is measured."""
        return self.device is not None

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Count the block's time for `part`."""
        if self.device is None:
            yield
            return
        start = time.perf_counter()
        self._inner.append(0.0)
        # Named for the trace only while one is recorded: a name takes time of its own.
        with torch.profiler.record_function(part) if self._recording else nullcontext():
            try:
                yield
                self._wait()
            finally:
                taken = time.perf_counter() - start
                inner = self._inner.pop()
                self.seconds[part] = self.seconds.get(part, 0.0) + taken - inner
                if self._inner:
                    self._inner[-1] += taken

    def over(self, items: Iterable[Item], part: str) -> Iterator[Item]:
        """Pass items on; the time that each takes to come counts for `part`."""
        iterator = iter(items)
        while True:
            with self(part):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def step(self) -> None:
        """Note that a training step ended; the trace covers some of them."""
        if self.device is None:
            return
        self.steps += 1
        if self.steps == UNTRACED:
            # Read when the recorder first starts; its messages, such as that there is no GPU, are not for the user.
            os.environ.setdefault("KINETO_LOG_LEVEL", "6")
            with self("recording the trace"):
                self._trace = torch.profiler.profile(record_shapes=True)
                self._trace.start()
        elif self.steps == UNTRACED + TRACED:
            with self("recording the trace"):
                self._trace.stop()

    def write(self, folder: Path) -> None:
        """Write profile.json (seconds by part) and trace.json (for chrome://tracing or ui.perfetto.dev)."""
        total = sum(self.seconds.values())
        shares = {part: {"seconds": value, "share": value / total} for part, value in self.seconds.items()}
        write_text(folder / "profile.json", json.dumps({"steps": self.steps, "parts": shares}, indent=2) + "\n")
        if self._trace is None:
            return
        if self.steps < UNTRACED + TRACED:
            self._trace.stop()
        path = folder / "trace.json"
        self._trace.export_chrome_trace(str(path))
        write_text(path, json.dumps(without_places(json.loads(path.read_text(encoding="utf-8")))))

    def _wait(self) -> None:
        if self.device is not None and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def without_places(trace: dict[str, Any]) -> dict[str, Any]:
    """Return a trace without what names the machine or a folder of it."""
    kept = ("schemaVersion", "displayTimeUnit", "baseTimeNanoseconds", "traceEvents")
    return {name: trace[name] for name in kept if name in trace}


OFF = Clock()
"""Measures nothing."""
