"""What a run on volumes takes from the training cases' headers: the spacing of patches, and sizes that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from segkit.config import Config
from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.volume_layout import median_spacing
from segkit.data.working_grid import working_shape

MULTIPLE = 8
"""Sizes are rounded up to this: networks halve them a few times."""
LOOKED_AT = 200
"""Headers that are read, evenly spread over the training cases."""


def fit_to_volumes(config: Config, reader: DatasetReader, cases: Sequence[Case], size_is_recipes: bool) -> Config:
    """Resolve `data.spacing` and shrink `data.size` to the training volumes, where the reader can read headers alone.

    The spacing is the median of the training cases. A size that only the recipe names is shrunk to the median volume,
    rounded up to multiples of 8: a patch or slice that is mostly padding, or made larger than it was, costs time alone.

    Args:
        cases: of the training split.
        size_is_recipes: nobody but the recipe named a size.
    """
    read_geometry = getattr(reader, "read_geometry", None)
    if read_geometry is None:
        return config
    step = max(1, len(cases) // LOOKED_AT)
    found = [read_geometry(case) for case in cases[::step]]
    shapes, spacings = [shape for shape, _ in found], [spacing for _, spacing in found]
    data, sources = config.data, dict(config.sources)
    patches = data.mode == "patches"
    if patches and data.spacing is None and (spacing := median_spacing(spacings)) is not None:
        data = replace(data, spacing=spacing)
        sources["data.spacing"] = "median of the training cases"
    if data.size is not None and size_is_recipes:
        working = [
            working_shape(shape, spacing, data.spacing if patches else None)
            for shape, spacing in zip(shapes, spacings, strict=True)
        ]
        whole = data.size * (3 if patches else 2) if len(data.size) == 1 else data.size
        size = smaller(whole, np.median(np.array(working), axis=0))
        if size != whole:
            data = replace(data, size=size)
            sources["data.size"] += ", no larger than the median training case"
    return replace(config, data=data, sources=sources)


def smaller(size: Sequence[int], median: np.ndarray) -> tuple[int, ...]:
    """Return a size whose sides are at most those of the median volume (its last axes), rounded up."""
    fitting = np.ceil(median / MULTIPLE).astype(int) * MULTIPLE
    return tuple(min(int(side), int(limit)) for side, limit in zip(size, fitting[-len(size) :], strict=True))


def names_size(sources: Mapping[str, str]) -> bool:
    """Whether the working size comes from the dataset's recipe."""
    return sources.get("data.size", "").startswith("recipe of ")
