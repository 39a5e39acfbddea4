"""Whether this process is one of several that share a run, as torchrun says in the environment; read without torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from segkit.errors import UsageError
from segkit.files import whole_number

ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
WAY_OUT = "start the processes with torchrun, or unset RANK and WORLD_SIZE to run alone"


@dataclass(frozen=True)
class Launch:
    """The processes of a run; one alone where nobody started several.

    Attributes:
        rank: this process among all, counted from 0; rank 0 writes.
        count: processes in all.
        local: this process among those of its machine.
        restarts: how often torchrun has started the processes again.
        machines: how many there are.
    """

    rank: int = 0
    count: int = 1
    local: int = 0
    restarts: int = 0
    machines: int = 1

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read what torchrun says; one process where it says nothing.

        RANK alone, or WORLD_SIZE alone, is a job script's own variable (issue 17).

        Raises:
            UsageError: both are there, and one is no such number, or several processes have no address to meet at.
        """
        said = os.environ if environ is None else environ
        if not {"RANK", "WORLD_SIZE"} <= set(said):
            return cls()
        count = number(said, "WORLD_SIZE", 1)
        rank = number(said, "RANK", 0, count - 1)
        restarts = number(said, "TORCHELASTIC_RESTART_COUNT", 0) if "TORCHELASTIC_RESTART_COUNT" in said else 0
        if count == 1:
            return cls(restarts=restarts)
        for name in ADDRESS:
            if not said.get(name):
                raise UsageError(f"RANK={rank} and WORLD_SIZE={count} are set, {name} is not", WAY_OUT)
        number(said, "MASTER_PORT", 0, 65_535)
        on_each = number(said, "LOCAL_WORLD_SIZE", 1, count) if "LOCAL_WORLD_SIZE" in said else count
        local = number(said, "LOCAL_RANK", 0, on_each - 1) if "LOCAL_RANK" in said else 0
        return cls(rank, count, local, restarts, max(1, count // on_each))

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.count > 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0


def number(said: Mapping[str, str], name: str, least: int, most: int | None = None) -> int:
    """Return a whole number that a variable holds; raises UsageError where it is none or out of its limits."""
    found = whole_number(said[name].strip())
    if found is not None and least <= found and (most is None or found <= most):
        return found
    limits = f"from {least} on" if most is None else f"from {least} to {most}"
    raise UsageError(f"{name}={said[name]!r} is no whole number {limits}", WAY_OUT)
