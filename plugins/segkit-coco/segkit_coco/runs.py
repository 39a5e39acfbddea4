"""COCO's run lengths: columns from left to right, each from top to bottom, background first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_CHARACTERS = 7
"""Of one number in a compressed string: five bits each, enough for images of any size that is read."""


def decode(counts: str | Sequence[int], shape: tuple[int, int]) -> np.ndarray:
    """Decode run lengths into pixels, bool (H, W).

    The library that wrote the format decodes in C and trusts the lengths; here they are checked.

    Args:
        counts: the lengths, or COCO's compressed string of them.

    Raises:
        ValueError: they do not cover the image; the message is to be read after "its run lengths".
    """
    lengths = decompress(counts) if isinstance(counts, str) else list(counts)
    height, width = shape
    if any(length < 0 for length in lengths):
        raise ValueError("have a negative length")
    if sum(lengths) != height * width:
        raise ValueError(f"cover {sum(lengths):,} pixels, the image has {height * width:,}")
    marked = np.arange(len(lengths)) % 2 == 1
    return np.repeat(marked, np.array(lengths, np.int64)).reshape(width, height).T


def decompress(text: str) -> list[int]:
    """Return the lengths in a compressed string: five bits a character, from the fourth on differences.

    Raises:
        ValueError: it is no such string.
    """
    lengths: list[int] = []
    value = used = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"have the character {character!r}")
        value |= (bits & 31) << (5 * used)
        used += 1
        if bits & 32:
            if used == MOST_CHARACTERS:
                raise ValueError("have a number that is too long")
            continue
        if bits & 16:
            value -= 1 << (5 * used)
        lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
        value = used = 0
    if used:
        raise ValueError("end within a number")
    return lengths
