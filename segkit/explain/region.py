"""The part of a large image that is explained."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit.errors import UsageError

WRITTEN = re.compile(r"\s*" + r"\s*,\s*".join([r"([0-9]{1,9})"] * 4) + r"\s*\Z")


@dataclass(frozen=True)
class Region:
    """A rectangle of an image, in its own pixels: the column and the row of its first pixel, its width and height."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Region:
        """Read "x,y,w,h"; raises UsageError where it is something else, or has no pixel."""
        found = WRITTEN.match(text)
        numbers = [int(number) for number in found.groups()] if found else []
        if not numbers or not (numbers[2] and numbers[3]):
            raise UsageError(
                f"--region {text!r} is no region", "give x,y,w,h in pixels: column and row of its corner, width, height"
            )
        return cls(*numbers)

    def of(self, array: Any) -> np.ndarray:
        """Return the region of an image (C, H, W) or a mask (..., H, W), in memory.

        Raises:
            UsageError: it does not lie inside.
        """
        height, width = array.shape[-2:]
        if self.x + self.width > width or self.y + self.height > height:
            raise UsageError(
                f"--region {self} reaches over an image of {width:,} x {height:,} pixels", "give one that lies in it"
            )
        return np.array(array[..., self.y : self.y + self.height, self.x : self.x + self.width])

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"
