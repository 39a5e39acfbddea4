"""Which working grids a dataset may be trained on, the cheapest first: sides of planes, or spacing and patch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segkit.jobs.plan.fingerprint import Fingerprint, kept_by

SIDES = (64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024)
"""Sides of planes, multiples of 32: networks halve them a few times."""
PATCH_SIDES = (32, 48, 64, 80, 96, 112, 128, 160)
"""Patches have at most as many voxels as a cube of such a side."""
SPACING_FACTORS = (1.0, 1.5, 2.0, 3.0)
MULTIPLE = 8
KEPT = 0.95
"""Dice that the worst class keeps on a grid: a coarser one would lose more than networks differ by."""
CONTEXT = 0.5
"""Share of the median volume's side that a patch spans, where the grid may be made coarser for it."""


@dataclass(frozen=True)
class Grid:
    """A working grid.

    Attributes:
        size: of planes (H, W), or of patches (D, H, W).
        spacing: of patches, mm per voxel; None where none is chosen.
        kept: Dice that the worst class keeps when it is brought there and back; `worst` is its label.
    """

    size: tuple[int, ...]
    spacing: tuple[float, ...] | None
    kept: float
    worst: int

    @property
    def cells(self) -> int:
        """How many cells the network is shown at once."""
        return math.prod(self.size)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that choose it."""
        found: dict[str, Any] = {"data.size": list(self.size)}
        return found | ({"data.spacing": list(self.spacing)} if self.spacing is not None else {})

    @property
    def text(self) -> str:
        """The size as people write it."""
        return "x".join(map(str, self.size))


def grids_of(found: Fingerprint, mode: str, *, square: bool) -> list[Grid]:
    """Return the grids of a mode that keep what the training masks show, the cheapest first; at least one.

    Args:
        square: planes have one side, because training swaps their axes.
    """
    grids = patch_grids(found) if mode == "patches" and len(found.shape) == 3 else plane_grids(found, square=square)
    fine = [grid for grid in grids if grid.kept >= KEPT]
    return fine or grids[-1:]


def plane_grids(found: Fingerprint, *, square: bool) -> list[Grid]:
    """Return sides of planes up to that of the median case."""
    height, width = found.shape[-2:]
    ratio = 1.0 if square or not alike(found) else math.sqrt(height / width)
    largest = math.sqrt(height * width)
    sides = [side for side in SIDES if side < largest]
    sides += [side for side in SIDES if side >= largest][:1]
    grids: list[Grid] = []
    for side in sides:
        size = (rounded(side * ratio, 32), rounded(side / ratio, 32))
        if not grids or size != grids[-1].size:
            grids.append(Grid(size, None, *worst(found, [plane_factors(shape, size) for shape in found.shapes])))
    return grids


def alike(found: Fingerprint) -> bool:
    """Whether the planes of all cases have nearly the same proportions."""
    ratios = [shape[-2] / shape[-1] for shape in found.shapes]
    return max(ratios) < 1.1 * min(ratios)


def plane_factors(shape: Sequence[int], size: Sequence[int]) -> list[float]:
    """How many pixels of a case's own grid one of the working grid is; a volume's planes stay as many."""
    own = [max(1.0, side / wanted) for side, wanted in zip(shape[-2:], size, strict=True)]
    return [1.0] * (len(shape) - 2) + own


def patch_grids(found: Fingerprint) -> list[Grid]:
    """Return patches of rising volume, each at the finest spacing at which it spans half of the median volume."""
    grids: list[Grid] = []
    kept: dict[float, tuple[float, int]] = {}
    factors = SPACING_FACTORS if found.spacing is not None else SPACING_FACTORS[:1]
    whole = working_shape(found, 1.0)
    for side in PATCH_SIDES:
        chosen: Grid | None = None
        for factor in factors:
            if factor not in kept:
                kept[factor] = worst(found, [spacing_factors(found, place, factor) for place in range(found.looked_at)])
            if factor > 1 and kept[factor][0] < KEPT:
                break
            shape = working_shape(found, factor)
            patch = fitted(shape, side**3)
            spacing = None if found.spacing is None else tuple(round(one, 3) for one in scaled(found, factor))
            chosen = Grid(patch, spacing, *kept[factor])
            if all(own >= CONTEXT * wanted for own, wanted in zip(patch, shape, strict=True)):
                break
        assert chosen is not None
        if all(chosen.settings != grid.settings for grid in grids):
            grids.append(chosen)
        if chosen.size == tuple(rounded(length, MULTIPLE) for length in whole):
            break
    return grids


def scaled(found: Fingerprint, factor: float) -> tuple[float, ...]:
    """The median spacing, so many times as coarse; along an axis that is coarse already only as the others pass it."""
    assert found.spacing is not None
    finest = min(found.spacing)
    return tuple(max(length, factor * finest) if length > finest else factor * length for length in found.spacing)


def working_shape(found: Fingerprint, factor: float) -> tuple[int, ...]:
    """The median volume on a grid so many times as coarse."""
    if found.spacing is None:
        return found.shape
    target = scaled(found, factor)
    lengths = zip(found.shape, found.spacing, target, strict=True)
    return tuple(max(1, round(count * own / wanted)) for count, own, wanted in lengths)


def spacing_factors(found: Fingerprint, place: int, factor: float) -> list[float]:
    """How many voxels of one case's own grid one of the working grid is, along each axis."""
    own = found.spacings[place]
    if own is None:
        return [1.0] * len(found.shape)
    return [max(1.0, wanted / length) for wanted, length in zip(scaled(found, factor), own, strict=True)]


def fitted(shape: Sequence[int], most: int) -> tuple[int, ...]:
    """Return a patch of at most so many voxels: the whole volume, its longest sides cut first, multiples of 8."""
    patch = [rounded(side, MULTIPLE) for side in shape]
    while math.prod(patch) > most:
        longest = max(range(len(patch)), key=lambda axis: patch[axis])
        if patch[longest] <= 2 * MULTIPLE:
            break
        patch[longest] -= MULTIPLE
    return tuple(patch)


def rounded(side: float, multiple: int) -> int:
    """Round a side up to a multiple."""
    return max(multiple, math.ceil(side / multiple - 1e-6) * multiple)


def worst(found: Fingerprint, factors: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Return the Dice that the worst class keeps, and its label."""
    kept: Mapping[int, float] = kept_by(found, factors)
    label = min(kept, key=lambda one: kept[one], default=0)
    return kept.get(label, 1.0), label
