"""Read one photograph and its mask as a pair, or say in words why not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from segkit import UnusableFileError
from segkit.data.image_files import SWAPPING, size_text
from segkit.data.masks import MaskImage, laid_alike
from segkit.data.masks import read_mask as read_mask_file
from segkit.data.photographs import DETAIL, Decoded, channels_first, resized
from segkit.data.photographs import decode as decode_photograph

THRESHOLD = 128
"""A mask's pixel above this is lesion, as the official scorer of 2018 Task 1 has it."""
GREY = slice(32, 224)
"""Values that a mask written as black and white does not have, JPEG's ringing allowed for."""
MOST_GREY = 0.1
FORMATS = ("JPEG", "PNG")


def read_pair(root: Path, image_file: str, mask_file: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a photograph and its mask at their own resolution.

    Args:
        image_file, mask_file: relative to `root`.

    Returns:
        uint8 image (3, H, W) and uint8 mask (H, W) of 0 and 1.

    Raises:
        UnusableFileError: one of them cannot be used, or their sizes differ.
    """
    mask = read_mask(root, mask_file)
    photograph = decode(root, image_file)
    method, values = laid(photograph, mask, image_file, mask_file)
    return channels_first(resized(photograph, method, None)), binary(values)


def read_pair_resized(
    root: Path, image_file: str, mask_file: str, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Read a photograph on another grid, and its mask at its own resolution.

    A JPEG much larger than `size` is decoded at a half, a quarter or an eighth of its scale, which costs half the time
    and changes the result by less than one grey value on average; other files give what `read_pair` and Pillow's
    BILINEAR give.

    Args:
        image_file, mask_file: relative to `root`.
        size: height and width of the new grid.

    Returns:
        uint8 image (3, *size) and uint8 mask (H, W) of 0 and 1.

    Raises:
        UnusableFileError: one of them cannot be used, or their sizes differ.
    """
    mask = read_mask(root, mask_file)
    photograph = decode(root, image_file, at_least=math.ceil(max(size) * DETAIL))
    method, values = laid(photograph, mask, image_file, mask_file)
    return channels_first(resized(photograph, method, size)), binary(values)


def read_mask(root: Path, file: str) -> MaskImage:
    """Read a mask, grey; raises UnusableFileError where it is not black and white."""
    mask = read_mask_file(root / file, file, FORMATS)
    values = mask.values
    if mask.coloured:
        raise UnusableFileError(file, "is a mask in colours", "save it as black and white: 0 for skin, 255 for lesion")
    if values.dtype != np.uint8:
        raise UnusableFileError(file, "has 16-bit or floating-point pixels", "save it with 8 bits per channel")
    highest = int(values.max())
    if 0 < highest <= THRESHOLD:
        raise UnusableFileError(
            file,
            f"has no pixel above {THRESHOLD} (its highest is {highest}) and would be read as empty",
            "write the mask with 0 for skin and 255 for lesion",
        )
    # Wrapping around, one comparison covers both ends; a histogram takes ten times as long.
    grey = np.count_nonzero(values - np.uint8(GREY.start) < GREY.stop - GREY.start) / values.size
    if grey > MOST_GREY and len(np.unique(values)) > 2:
        raise UnusableFileError(
            file,
            f"is not a black and white mask: {grey:.0%} of its pixels are grey",
            "check that it is a mask and not a photograph or a probability map",
        )
    return mask


def decode(root: Path, file: str, at_least: int | None = None) -> Decoded:
    """Decode a JPEG or PNG into an opaque 8-bit image, not turned; raises UnusableFileError.

    Args:
        at_least: decode a JPEG at the smallest scale whose sides both have this many pixels.
    """
    return decode_photograph(root, file, at_least, FORMATS)


def laid(
    photograph: Decoded, mask: MaskImage, image_file: str, mask_file: str
) -> tuple[Image.Transpose | None, np.ndarray]:
    """Return what turns a photograph so that it lies as its mask, and the mask's grey values, turned alike.

    Raises:
        UnusableFileError: the sizes differ either way.
    """
    method = photograph.turning
    found = laid_alike(photograph.size[::-1], method, [mask])
    if found is not None:
        return found[0], found[1][0].values
    turned = photograph.size[::-1] if method in SWAPPING else photograph.size
    raise UnusableFileError(
        image_file,
        f"is {size_text(turned)} but its mask {Path(mask_file).name} is {size_text(mask.shape[::-1])}",
        "replace the one that was resized or turned by the original",
    )


def binary(mask: np.ndarray) -> np.ndarray:
    """Return a grey mask as uint8 (H, W) of 0 and 1."""
    marked = mask > THRESHOLD
    return marked.view(np.uint8)
