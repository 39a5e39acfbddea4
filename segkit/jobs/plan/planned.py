"""A finished plan: what was chosen, why, and what a run of it is going to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One thing that was chosen.

    Attributes:
        name: what it is about: "network", "size".
        text: what was chosen, in a few words.
        values: the settings that say so.
        reason: in a sentence.
        instead: what else could have been chosen, and what that would have meant.
    """

    name: str
    text: str
    values: Mapping[str, Any]
    reason: str
    instead: str = ""


@dataclass(frozen=True)
class Forecast:
    """What a run of the plan is going to take.

    Attributes:
        seconds: of a step, its data included.
        memory: largest, in bytes.
        steps: of the whole training.
        total: seconds from start to report.
    """

    seconds: float
    memory: int
    steps: int
    total: float


@dataclass(frozen=True)
class Planned:
    """A plan.

    Attributes:
        choices: in the order in which they were made.
        remarks: what whoever trains on these data must know.
        said: settings that the user had said, which go with it.
        spent: seconds that planning took.
    """

    choices: Sequence[Choice]
    remarks: Sequence[str]
    forecast: Forecast
    said: Mapping[str, Any]
    spent: float

    @property
    def values(self) -> dict[str, Any]:
        """All settings that were chosen; what the user had said is not among them."""
        return {
            name: value for choice in self.choices for name, value in choice.values.items() if name not in self.said
        }
