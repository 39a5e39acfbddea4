"""How an image becomes a network's input and scores become labels: what a checkpoint records of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from segkit.data.normalize import Normalization
from segkit.data.resolution import Resolution
from segkit.data.working_grid import PART_MODES, TILES, VOLUME_MODES

EVERY_PIXEL = Resolution()
DEFAULT_OVERLAP = 0.5
"""Half a window, as nnU-Net steps: away from the border every voxel is in eight windows, every pixel in four."""


@dataclass(frozen=True)
class Preprocessing:
    """Everything between a file's values and the network, apart from the network.

    Attributes:
        mode: one of the dataset's modes; in `slices`, `slab` and `patches` the parts of a volume are shown one by one,
            in `tiles` those of a photograph.
        size: the working size (H, W) of photographs, slices and slabs, the patch (D, H, W), the tile (H, W), or the
            whole working grid.
        spacing: mm per voxel (D, H, W) that patches are taken at; None: each case's own.
        slab: neighbouring slices shown as channels, an odd number.
        overlap: share of a window that its neighbours cover too.
        mirror: average probabilities over mirrored copies.
        mirrored: names of the axes that training mirrored, the only ones that copies are mirrored along; None where
            that is not known.
        turn: average them over copies turned by quarters, too.
        window: of patches and tiles, what is shown at once in prediction; None: `size`, as in training.
        resolution: of tiles.
    """

    mode: str
    size: tuple[int, ...]
    normalization: Normalization
    spacing: tuple[float, ...] | None = None
    slab: int = 1
    overlap: float = DEFAULT_OVERLAP
    mirror: bool = False
    mirrored: tuple[str, ...] | None = None
    turn: bool = False
    window: tuple[int, ...] | None = None
    resolution: Resolution = EVERY_PIXEL

    @property
    def plain(self) -> Preprocessing:
        """The same without copies and in windows as in training: what is quickest."""
        return replace(self, mirror=False, turn=False, window=None)

    @property
    def shown(self) -> tuple[int, ...]:
        """Sides of what the network is shown at once in prediction, at most."""
        return self.window or self.size

    @property
    def averages(self) -> bool:
        """Whether an image is shown more than once."""
        return self.mirror or self.turn

    @property
    def volumes(self) -> bool:
        """Whether it is for images that are shown to the network part by part: volumes, tiled photographs."""
        return self.mode in PART_MODES and (self.mode != "patches" or len(self.size) == 3)

    @property
    def tiles(self) -> bool:
        """Whether these are photographs."""
        return self.mode == TILES

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it; what only volumes have is left out elsewhere."""
        common = {
            "mode": self.mode,
            "size": list(self.size),
            "normalization": self.normalization.to_dict(),
            "mirror": self.mirror,
            **({} if self.mirrored is None else {"mirrored": list(self.mirrored)}),
            **({"turn": True} if self.turn else {}),
            **({} if self.window is None else {"window": list(self.window)}),
        }
        if not self.volumes:
            return common
        if self.tiles:
            return {**common, "resolution": self.resolution.to_dict(), "overlap": self.overlap}
        spacing = None if self.spacing is None else list(self.spacing)
        return {**common, "spacing": spacing, "slab": self.slab, "overlap": self.overlap}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Rebuild it from `to_dict`'s result, or from a checkpoint of before there were volumes.

        Raises:
            KeyError, TypeError, ValueError: something is missing or of another type.
            SegkitError: the normalization is not one of this version's.
        """
        mode = str(values.get("mode", "images"))
        spacing = values.get("spacing")
        return cls(
            # Before there were volumes, a 3D network was shown each volume whole, whatever its mode was called.
            mode=mode if mode not in VOLUME_MODES or "overlap" in values else f"whole {mode}",
            size=tuple(int(side) for side in values["size"]),
            normalization=Normalization.from_dict(values["normalization"]),
            spacing=None if spacing is None else tuple(float(length) for length in spacing),
            slab=int(values.get("slab", 1)),
            overlap=float(values.get("overlap", DEFAULT_OVERLAP)),
            resolution=Resolution.from_dict(values.get("resolution", {})),
            mirror=bool(values.get("mirror", False)),
            mirrored=None if values.get("mirrored") is None else tuple(values["mirrored"]),
            turn=bool(values.get("turn", False)),
            window=None if values.get("window") is None else tuple(int(side) for side in values["window"]),
        )
