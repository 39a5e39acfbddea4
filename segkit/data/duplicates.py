"""Find images that are there twice: exactly, or nearly, as after resizing, compressing or a change of brightness."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from segkit.data.in_parts import bands_of
from segkit.data.large_array import LargeArray, is_large
from segkit.data.resample import resize_image

SIDE = {2: 24, 3: 10}
"""Side of the grid that a perceptual hash is taken on, by spatial dims."""
NEAR = 0.12
"""Share of differing bits up to which two images are told as near duplicates.

Of 504 dermoscopy photographs no two differ by less than 0.16; a copy that was made half as large, stretched, brightened
or compressed hard differs from its original by 0.00 to 0.13, mostly below 0.06; one cropped by 5 % per side by 0.24.
"""
FLAT = 1e-4
"""Contrast, as a share of the largest value, below which there is only rounding."""
BLOCK = 1024
"""Images compared with all others at a time: of 10,000 the table of distances is 41 MB, of all at once 400 MB."""


@dataclass(frozen=True)
class Prints:
    """What an image is recognised by.

    Attributes:
        exact: SHA-256 of its pixels.
        bits: perceptual hash, (b,) bool: whether it gets brighter from each grid point to the next; None where flat.
    """

    exact: str
    bits: np.ndarray | None


@dataclass(frozen=True)
class Pair:
    """Two cases with the same image.

    Attributes:
        first, second: positions of the cases.
        distance: share of differing bits of the perceptual hash; 0 and `exact` where all pixels are equal.
    """

    first: int
    second: int
    exact: bool
    distance: float


def prints_of(image: np.ndarray) -> Prints:
    """Return what an image (C, *S), in memory or not, is recognised by."""
    exact = hashlib.sha256(f"{image.dtype}{image.shape}".encode())
    dims = image.ndim - 1
    size = (SIDE[dims],) * dims
    if is_large(image):
        for rows in bands_of(image):
            exact.update(np.ascontiguousarray(image[..., rows, :]).data)
        small = resize_image(Grey(image), size)[0]
    else:
        exact.update(np.ascontiguousarray(image).data)
        small = resize_image(image.mean(axis=0, dtype=np.float32, keepdims=True), size)[0]
    if np.ptp(small) <= FLAT * np.abs(small).max():
        return Prints(exact.hexdigest(), None)
    bits = [np.diff(small, axis=axis).ravel() > 0 for axis in range(dims)]
    return Prints(exact.hexdigest(), np.concatenate(bits))


class Grey(LargeArray):
    """The mean of the channels of an image (C, H, W) that is not in memory, (1, H, W) float32."""

    def __init__(self, image: LargeArray) -> None:
        self.image, self.shape, self.band = image, (1, *image.shape[1:]), image.band
        self.dtype = np.dtype(np.float32)

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        found: np.ndarray = self.image.read(rows, columns).mean(axis=0, dtype=np.float32, keepdims=True)
        return found


def find_pairs(prints: Sequence[Prints], near: float = NEAR) -> list[Pair]:
    """Return the pairs of equal or nearly equal images, the nearest first."""
    pairs = [Pair(first, second, True, 0.0) for first, second in _equal(prints)]
    known = {(pair.first, pair.second) for pair in pairs}
    pairs += [pair for pair in _near(prints, near) if (pair.first, pair.second) not in known]
    return sorted(pairs, key=lambda pair: (not pair.exact, pair.distance, pair.first, pair.second))


def _equal(prints: Sequence[Prints]) -> Iterator[tuple[int, int]]:
    seen: dict[str, list[int]] = {}
    for position, found in enumerate(prints):
        before = seen.setdefault(found.exact, [])
        yield from ((earlier, position) for earlier in before)
        before.append(position)


def _near(prints: Sequence[Prints], near: float) -> Iterator[Pair]:
    positions = np.array([position for position, found in enumerate(prints) if found.bits is not None], np.int64)
    if not len(positions):
        return
    # Equal bits minus differing bits is the product of +1 and -1, summed: exact in float32, and fast.
    signs = np.stack([prints[position].bits for position in positions]).astype(np.float32) * 2 - 1
    length = signs.shape[1]
    for start in range(0, len(signs), BLOCK):
        distance = (length - signs[start : start + BLOCK] @ signs[start:].T) / (2 * length)
        for row, column in zip(*np.nonzero(np.triu(distance <= near, k=1)), strict=True):
            first, second = int(positions[start + row]), int(positions[start + column])
            yield Pair(first, second, False, float(distance[row, column]))
