"""At what resolution tiles are taken: a share of the image's own, or micrometres per pixel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segkit.errors import SegkitError, UsageError

WRITTEN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*((?:um|µm|μm)(?:/px)?)?\Z")
"""Both signs for micro are in use: U+00B5 and U+03BC."""
LARGEST_SCALE = 4.0
SAY = "give a scale such as 0.5 (half as many pixels along each side), or micrometres per pixel such as 0.5um"


@dataclass(frozen=True)
class Resolution:
    """The working grid of tiles.

    Attributes:
        scale: working pixels for one of the image's own, along each side.
        micrometres: per working pixel; None: by `scale`.
    """

    scale: float = 1.0
    micrometres: float | None = None

    @classmethod
    def parse(cls, text: str | None) -> Resolution:
        """Read what `data.resolution` says; None is every pixel. Raises UsageError where it cannot be meant."""
        if text is None:
            return cls()
        found = WRITTEN.match(text.strip())
        number = 0.0 if found is None else float(found[1])
        if found is None or number <= 0 or (found[2] is None and number > LARGEST_SCALE):
            raise UsageError(f"data.resolution={text!r} is no resolution", SAY)
        return cls(number) if found[2] is None else cls(micrometres=number)

    def working_size(self, shape: Sequence[int], spacing: Sequence[float] | None) -> tuple[int, ...]:
        """Return the working grid (H, W) of an image.

        Args:
            spacing: mm per pixel of its own grid; None where it is not known.

        Raises:
            SegkitError: micrometres are asked for and the image's are not known.
        """
        if self.micrometres is None:
            return tuple(max(1, round(side * self.scale)) for side in shape)
        if spacing is None:
            raise SegkitError(
                f"tiles are taken at {self.micrometres:g} micrometres per pixel, and its file says none of its own",
                "give a scale in their place: --set data.resolution=0.5",
            )
        sides = zip(shape, spacing, strict=True)
        return tuple(max(1, round(side * 1000 * length / self.micrometres)) for side, length in sides)

    def __str__(self) -> str:
        if self.micrometres is not None:
            return f"{self.micrometres:g} micrometres per pixel"
        return "full resolution" if self.scale == 1 else f"{self.scale:g} of the resolution"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"scale": self.scale} if self.micrometres is None else {"micrometres": self.micrometres}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Resolution:
        """Rebuild it from `to_dict`'s result; raises ValueError where that is damaged."""
        micrometres = values.get("micrometres")
        found = cls(float(values.get("scale", 1.0)), None if micrometres is None else float(micrometres))
        if not 0 < found.scale <= LARGEST_SCALE or (found.micrometres is not None and not found.micrometres > 0):
            raise ValueError(f"a resolution of {dict(values)}")
        return found
