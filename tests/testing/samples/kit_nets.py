"""A right network and, by its param `fault`, one that is wrong in a single way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import segkit

LAYERS = {"last": "body"}


@dataclass(frozen=True)
class Params:
    width: int = segkit.param(4, "Channels of the layers.", min=1)
    fault: str = segkit.param("none", "What is wrong with it.")


def build(task: segkit.Task, params: Any) -> Any:
    """Build it; torch is imported here, as it should be."""
    from kit_modules import Net

    return Net(task.in_channels, task.out_channels, task.spatial_dims, params.width, params.fault)


def broken(task: segkit.Task, params: Any) -> Any:
    """Build what is no module."""
    return "a network"


@dataclass(frozen=True)
class OddParams:
    words: tuple[str, ...] = segkit.param(("a,b",), "Words of which one holds a comma.")
    fault: str = segkit.param("none", "What is wrong with it.")


@dataclass(frozen=True)
class TerseParams:
    fault: str = segkit.param("none", "Fault")
