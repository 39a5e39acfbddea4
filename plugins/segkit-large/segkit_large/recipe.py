"""What images larger than memory want of a run, nothing else being known of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from segkit_coco.recipe import RECIPE as PHOTOGRAPHS

RECIPE: Mapping[str, Any] = MappingProxyType(
    # Half a tile is overlap enough for patches of organs; of a slide it is four times the work.
    {**PHOTOGRAPHS, "evaluate.overlap": 0.25}
)
"""Config fields (segkit/settings.py) by dotted name."""
TOLERANCE = (0.002,)
"""mm, of surfaces of cells: within the millimetre of organs lies all of a cell's surroundings."""


def recipe_of(*, measured: bool) -> Mapping[str, Any]:
    """Return the recipe for images whose micrometres per pixel are known, or are not."""
    return {**RECIPE, "metric.nsd.tolerance": TOLERANCE} if measured else RECIPE
