"""Which networks on which grids may be chosen, in the order of what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from segkit import params
from segkit.declarations import Architecture
from segkit.discovery import Found
from segkit.jobs.plan.grids import Grid

COARSEST = {2: 8, 3: 4}
"""Cells a side that the coarsest grid of a network is left with, by spatial dims."""


@dataclass(frozen=True)
class Rung:
    """A network on a grid.

    Attributes:
        variant: params of the network that make it as large as it is; empty where it has no variants.
        settings: all that chooses them.
        cost: floating point operations of one sample's forward pass.
    """

    arch: Found
    grid: Grid
    variant: Mapping[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    cost: float = 0.0

    @property
    def text(self) -> str:
        """What it is, in a few words: "unet, width 24, at 128x128"."""
        told = [f"{name} {params.show(value)}" for name, value in self.variant.items()]
        return f"{', '.join([self.arch.component.name, *told])}, at {self.grid.text}"


def ladder(
    archs: Iterable[Found], grids: Sequence[Grid], common: Mapping[str, Any], costs: Callable[[list[Any]], list[float]]
) -> list[Rung]:
    """Return the rungs, cheapest first: of each architecture grid and network grow in turn, of several by their cost.

    Args:
        common: settings of all.
        costs: from settings to what a sample costs.
    """
    rungs = []
    for arch in archs:
        assert isinstance(arch.component, Architecture)
        for grid, variant in in_turn(grids, arch.component.variants or ({},)):
            chosen = {f"arch.{name}": value for name, value in variant.items()}
            settings = {
                **common,
                "components.arch": arch.full_name,
                **chosen,
                **depth_of(arch.component, grid),
                **spacing_of(arch.component, grid),
                **grid.settings,
            }
            rungs.append(Rung(arch, grid, variant, settings))
    found = [replace(rung, cost=cost) for rung, cost in zip(rungs, costs([one.settings for one in rungs]), strict=True)]
    return list(rising(sorted(found, key=lambda rung: rung.cost)))


def in_turn(grids: Sequence[Grid], variants: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Grid, Mapping[str, Any]]]:
    """Yield pairs from the smallest grid and network to the largest, the one that is further behind growing next."""
    grid = variant = 0
    while True:
        yield grids[grid], variants[variant]
        if (grid, variant) == (len(grids) - 1, len(variants) - 1):
            return
        behind = (grid + 1) * len(variants) <= (variant + 1) * len(grids)
        if variant == len(variants) - 1 or (behind and grid < len(grids) - 1):
            grid += 1
        else:
            variant += 1


def rising(rungs: Iterable[Rung]) -> Iterator[Rung]:
    """Leave out what costs as much as the rung before: where the user has set the size, all grids are one."""
    last = -1.0
    for rung in rungs:
        if rung.cost > last:
            yield rung
        last = rung.cost


def depth_of(arch: Architecture, grid: Grid) -> dict[str, int]:
    """Choose how often a network halves its grid, where it has a param `depth`: as far as its coarsest has some cells.

    A grid of planes is left with 8 cells a side, as the published U-Net has on 128, one of patches with 4, as nnU-Net.
    """
    info = params.describe(arch.params).get("depth")
    if info is None or info.min is None or info.max is None:
        return {}
    depth, side = 0, min(grid.size)
    while side // 2 >= COARSEST[len(grid.size)]:
        depth, side = depth + 1, side // 2
    return {"arch.depth": int(min(max(depth, info.min), info.max))}


def spacing_of(arch: Architecture, grid: Grid) -> dict[str, list[float]]:
    """Tell a network the spacing of its grid, where it has a param `spacing`."""
    told = grid.spacing is not None and "spacing" in params.describe(arch.params)
    return {"arch.spacing": list(grid.spacing)} if told and grid.spacing is not None else {}


def has(arch: Found, name: str) -> bool:
    """Whether an architecture has a param."""
    return name in params.describe(arch.component.params)
