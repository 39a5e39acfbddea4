"""What a run on volumes takes from the training cases' headers: the spacing of patches, and sizes that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segkit.config import Config, Kind, Origin
from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.volume_layout import median_spacing
from segkit.data.working_grid import working_shape
from segkit.errors import SegkitError

MULTIPLE = 8
"""Sizes are rounded up to this: networks halve them a few times."""
LOOKED_AT = 200
"""Headers that are read, evenly spread over the training cases."""


def fit_to_volumes(config: Config, reader: DatasetReader, cases: Sequence[Case]) -> Config:
    """Resolve `data.spacing` and shrink `data.size` to the training volumes, where the reader can read headers alone.

    The spacing is the median of the training cases. A size that only the recipe names is shrunk to the median volume,
    rounded up to multiples of 8: a patch or slice that is mostly padding, or made larger than it was, costs time alone.

    Args:
        cases: of the training split.
    """
    read_geometry = getattr(reader, "read_geometry", None)
    if read_geometry is None:
        return config
    step = max(1, len(cases) // LOOKED_AT)
    found = [read_geometry(case) for case in cases[::step]]
    shapes, spacings = [shape for shape, _ in found], [spacing for _, spacing in found]
    data, origins = config.data, dict(config.origins)
    size_origin = origins.get("data.size")
    patches = data.mode == "patches"
    if patches and data.spacing is None and (spacing := median_spacing(spacings)) is not None:
        data = replace(data, spacing=spacing)
        origins["data.spacing"] = Origin(Kind.DERIVED, "median of the training cases")
    if data.size is not None and size_origin is not None and size_origin.kind is Kind.RECIPE:
        target = data.spacing if patches else None
        working = [working_shape_of(*known, target) for known in zip(cases[::step], shapes, spacings, strict=True)]
        whole = data.size * (3 if patches else 2) if len(data.size) == 1 else data.size
        size = smaller(whole, np.median(np.array(working), axis=0))
        if size != whole:
            data = replace(data, size=size)
            origins["data.size"] = replace(
                size_origin, source=f"{size_origin.source}, no larger than the median training case"
            )
    return replace(config, data=data, origins=origins)


def working_shape_of(
    case: Case, shape: tuple[int, ...], spacing: tuple[float, ...] | None, target: tuple[float, ...] | None
) -> tuple[int, ...]:
    """Return the shape of a case once it is resampled; raises SegkitError, which names it, where that is too large."""
    try:
        return working_shape(shape, spacing, target)
    except SegkitError as error:
        raise error.of(f"case {case.id}") from None


def smaller(size: Sequence[int], median: np.ndarray) -> tuple[int, ...]:
    """Return a size whose sides are at most those of the median volume (its last axes), rounded up."""
    fitting = np.ceil(median / MULTIPLE).astype(int) * MULTIPLE
    return tuple(min(int(side), int(limit)) for side, limit in zip(size, fitting[-len(size) :], strict=True))
