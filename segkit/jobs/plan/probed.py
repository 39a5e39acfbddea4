"""What is asked of whoever measures steps, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Machine:
    """Where a run would be carried out.

    Attributes:
        memory: bytes that are free: for a process on a CPU, on the device elsewhere.
        precision: of training steps.
    """

    device: str
    memory: int
    threads: int
    precision: str


@dataclass(frozen=True)
class Probed:
    """What steps of some settings took.

    Attributes:
        failed: "memory" where they take more than they may, "time" where they took too long to be waited for.
        seconds: of a step, the median, data included.
        memory: largest, in bytes: of the process on a CPU, of tensors on CUDA.
        samples: of one training case and epoch.
        validate: seconds to predict one case as validation does after each epoch.
        predict: seconds to read, predict and score one case as the run does, on its own grid; 0 where that was not
            asked for.
    """

    failed: Literal["", "memory", "time"] = ""
    seconds: float = 0.0
    memory: int = 0
    samples: float = 1.0
    validate: float = 0.0
    predict: float = 0.0
    parameters: int = 0


class Bench(Protocol):
    """Measures steps on the user's device."""

    def machine(self, settings: Settings) -> Machine:
        """Say where steps of some settings are measured."""

    def costs(self, listed: Sequence[Settings]) -> list[float]:
        """Return floating point operations of one sample's forward pass under some settings."""

    def steps(self, settings: Settings, memory: int, *, whole: bool = False) -> Probed:
        """Take a few training steps that may take so many bytes.

        Args:
            whole: take more of them, and read, predict and score a training case.
        """
