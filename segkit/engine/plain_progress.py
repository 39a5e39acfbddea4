"""How a run goes in plain lines on stderr: one per message, stage and epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from segkit.engine.progress import Progress
from segkit.errors import printable


class PlainProgress(Progress):
    """Plain lines: one per message, stage and epoch."""

    def __init__(self) -> None:
        self._stage_start = 0.0
        self._stage = ""
        self._total = 0
        self._unit = ""
        self._in_epoch = False
        self._first_epoch: float | None = None
        # A resumed run has not taken the time of the epochs before.
        self._epochs_seen = 0
        self._epochs = self._begun = self._steps_done = 0

    def message(self, text: str) -> None:
        """Print a line."""
        self.show(text)

    def start(self, stage: str, total: int, unit: str) -> None:
        """Remember the stage."""
        self._stage, self._total, self._unit = stage, total, unit
        self._stage_start = time.monotonic()
        self._in_epoch = False

    def start_epoch(self, epoch: int, epochs: int, steps: int) -> None:
        """Remember when the first one began; an epoch prints a line of its own."""
        super().start_epoch(epoch, epochs, steps)
        self._in_epoch = True
        self._epochs, self._steps_done = epochs, 0
        if self._first_epoch is None:
            self._first_epoch, self._begun = self._stage_start, epoch

    def finish(self) -> None:
        """Print a stage that took longer than a second."""
        took = time.monotonic() - self._stage_start
        if took >= 1 and not self._in_epoch:
            self.show(f"{self._stage}: {self._total} {self._unit} in {took:.1f}s")

    def epoch(self, record: Mapping[str, Any], epochs: int) -> None:
        """Print the epoch's line."""
        self._epochs_seen += 1
        begin = self._first_epoch if self._first_epoch is not None else time.monotonic()
        per_epoch = (time.monotonic() - begin) / self._epochs_seen
        self.show_epoch(epoch_parts(record, epochs, per_epoch * (epochs - record["epoch"])))

    def show_epoch(self, parts: Sequence[str]) -> None:
        """Show what there is to say of an epoch, its number first, then the loss."""
        self.show("  ".join(parts))

    def show(self, text: str) -> None:
        """Write one line to stderr."""
        print(printable(text), file=sys.stderr, flush=True)


def epoch_parts(record: Mapping[str, Any], epochs: int, seconds_left: float) -> list[str]:
    """What one epoch's line says: its number, loss by term, validated figures, speed, time left."""
    terms = record["terms"]
    parts = [f"epoch {record['epoch']}/{epochs}", f"loss {record['loss']:.4f}"]
    if len(terms) > 1:
        parts[-1] += " (" + ", ".join(f"{name} {value:.4f}" for name, value in terms.items()) + ")"
    parts += [validated(record, name) for name in record.get("val", {})]
    parts += [f"{record['images_per_second']:.1f} images/s", f"{duration(seconds_left)} left"]
    return parts


def validated(record: Mapping[str, Any], name: str) -> str:
    """One validated figure, with the values that are in no mean because they failed."""
    counts = record.get("val_counts", {}).get(name, {})
    failed = f" ({counts['failed']} of {counts['n'] + counts['failed']} failed)" if counts.get("failed") else ""
    return f"val/{name} {record['val'][name]:.4f}{failed}"


def duration(seconds: float) -> str:
    """Seconds as people read them: "2m 05s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
