"""Where a profiled run's time went, as profile.json has it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segkit.files import read_json
from segkit.rundir import shapes

NETWORK = ("forward", "loss", "backward", "optimizer", "other ranks")
WAITING = "waiting for data"
LOOP = ("train", "copy", "augmentation", "saving the state")
SHOWN = {
    "data": "store",
    "preparing": "preparing to train",
    "events": "plugins that hear of the run",
    "train": "training, all else",
    "evaluate": "scoring, all else",
}
"""Names of stages, of which only what no part inside them took is left."""


@dataclass(frozen=True)
class ProfilePart:
    """One part of a run.

    Attributes:
        share: of the whole run, 0 to 1.
    """

    name: str
    seconds: float
    share: float

    @property
    def shown(self) -> str:
        """What the page calls it."""
        return SHOWN.get(self.name, self.name)


@dataclass(frozen=True)
class Profile:
    """A run's time by part, and how the time of its training steps was spent."""

    parts: Sequence[ProfilePart]

    @property
    def steps(self) -> dict[str, float]:
        """Shares of the training steps' time by who took it; empty where nothing was trained."""
        seconds = {
            "network, loss and optimizer": self._sum(NETWORK),
            "waiting for data": self._sum((WAITING,)),
            "the loop's own": self._sum(LOOP),
        }
        total = sum(seconds.values())
        return {name: value / total for name, value in seconds.items()} if self._sum(NETWORK) else {}

    def _sum(self, names: Sequence[str]) -> float:
        return sum(part.seconds for part in self.parts if part.name in names)


def read_profile(path: Path) -> Profile | None:
    """Read profile.json; None where the run was not profiled, SegkitError where the file is damaged."""
    if not os.path.lexists(path):
        return None
    parts = read_json(path, shapes.PROFILE, hint="remove it, or run again with --profile")["parts"]
    rows = [ProfilePart(name, float(part["seconds"]), float(part["share"])) for name, part in parts.items()]
    return Profile(sorted(rows, key=lambda row: -row.seconds))
