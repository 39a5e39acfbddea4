"""Which grid a store keeps volumes on, and how a case is brought there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit.data.resample_labels import resample_labels
from segkit.data.working_grid import WorkingPlanes, coarse_axis, working_shape

FORMAT = 2
"""Of the store's files and of the numbers in them; raise it when they change."""


@dataclass(frozen=True)
class VolumeLayout:
    """The working grid of volumes: a size for every axial slice, or a spacing for the whole volume.

    Attributes:
        size: (H, W) of slices, as modes slices and slab need them; None for patches.
        spacing: mm per voxel (D, H, W) for patches; None: each case's own.
    """

    size: tuple[int, ...] | None = None
    spacing: tuple[float, ...] | None = None

    def working_size(self, shape: tuple[int, ...], spacing: tuple[float, ...] | None) -> tuple[int, ...]:
        """Return the working grid (D, H, W) of a volume."""
        return (shape[0], *self.size) if self.size is not None else working_shape(shape, spacing, self.spacing)

    @property
    def coarse(self) -> int | None:
        """The axis along which the nearest plane is taken."""
        return None if self.size is not None else coarse_axis(self.spacing)

    def resample_image(self, image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """Resample a volume (C, *S) to its working grid; the dtype stays."""
        return WorkingPlanes(image, size, self.coarse).read(0, size[0])

    def resample_mask(self, mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """Resample a mask (*S) to the working grid, label by label."""
        return resample_labels(mask, size, self.coarse)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it: part of a store's key."""
        return {
            "format": FORMAT,
            "slices": None if self.size is None else list(self.size),
            "spacing": None if self.spacing is None else list(self.spacing),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> VolumeLayout:
        """Rebuild it from `to_dict`'s result."""
        size, spacing = values["slices"], values["spacing"]
        return cls(None if size is None else tuple(size), None if spacing is None else tuple(spacing))


def median_spacing(spacings: Iterable[tuple[float, ...] | None]) -> tuple[float, ...] | None:
    """Return the median over cases of the spacing along each axis; None where one case's is not known.

    It is rounded to a micrometre, so that files whose headers differ in the last bits share a store.
    """
    known = list(spacings)
    if not known or any(spacing is None for spacing in known):
        return None
    return tuple(round(float(length), 3) for length in np.median(np.array(known), axis=0))
