"""What the engine tells whoever watches a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class JobRow:
    """A run that is carried out elsewhere: its name, where it is, and how far it came."""

    name: str
    state: str
    details: str


class Progress:
    """A watcher that shows nothing; override what you want to see.

    Stages follow one another; `advance` counts within the current one.
    """

    shows_jobs = False
    """Whether `jobs` is worth its while: the files of each are read for it."""

    def message(self, text: str) -> None:
        """Say one line that matters to the user."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """Begin a stage of `total` units."""

    def start_epoch(self, epoch: int, epochs: int, steps: int) -> None:
        """Begin an epoch of training, a stage whose end `epoch` tells."""
        self.start(f"epoch {epoch}/{epochs}", steps, "steps")

    def advance(self, count: int = 1, details: Mapping[str, float] | None = None) -> None:
        """Note that `count` units are done, with current figures such as the loss."""

    def finish(self) -> None:
        """End the current stage."""

    def close(self) -> None:
        """End the display, whatever was under way."""

    def epoch(self, record: Mapping[str, Any], epochs: int) -> None:
        """Note that an epoch ended; `record` is its line of history.jsonl."""

    def jobs(self, rows: Sequence[JobRow], counts: Mapping[str, int]) -> None:
        """Show where jobs are, some one by one and all as counts; nothing under way ends it."""
