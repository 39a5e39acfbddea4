"""Photographs: image files as viewers show them, or a sentence that says why not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from segkit.data.image_files import FLATTEN, FORMATS, SWAPPING, hides, load, opened_image
from segkit.errors import UnusableFileError, UsageError

DETAIL = 1.5
"""A reduced JPEG has at least this many pixels for one of the grid it is resampled to, along each axis."""
BAND = 2**20
"""Pixels of a picture that are turned into an array at once."""
OF_CHANNELS = {1: "L", 3: "RGB"}
"""Pillow's modes by the channels of a photograph."""
DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Those whose values 8 bits do not hold: converting would cut them."""
MODES = ("1", "L", "P", "RGB", "CMYK", "LA", "PA", "RGBA")


@dataclass(frozen=True)
class Decoded:
    """A file's pixels, perhaps at a part of their scale, not turned.

    Attributes:
        picture: opaque, 8-bit, grey or RGB.
        size: width and height of the file.
        extent: left, top, right and bottom of the file in pixels of `picture`.
        turning: what turns it as its EXIF orientation says.
    """

    picture: Image.Image
    size: tuple[int, int]
    extent: tuple[float, float, float, float]
    turning: Image.Transpose | None = None


def read_photograph(
    root: Path,
    file: str,
    size: tuple[int, int] | None = None,
    *,
    channels: int = 3,
    formats: tuple[str, ...] = FORMATS,
) -> tuple[np.ndarray, tuple[int, int]]:
    """Read a photograph upright, as its EXIF orientation says.

    A JPEG much larger than `size` is decoded at a half, a quarter or an eighth of its scale, which costs half the time
    and changes the result by less than one grey value on average.

    Args:
        file: relative to `root`.
        size: height and width of the grid to resample to, with Pillow's BILINEAR; its own where not given.
        channels: 3 for RGB (grey is repeated), 1 for grey (colours become their luma).

    Returns:
        uint8 image (channels, H, W), and height and width of the upright photograph.

    Raises:
        UnusableFileError: it cannot be used.
    """
    at_least = None if size is None else math.ceil(max(size) * DETAIL)
    decoded = decode(root, file, at_least, formats)
    method = decoded.turning
    width, height = decoded.size[::-1] if method in SWAPPING else decoded.size
    return channels_first(resized(decoded, method, size), channels), (height, width)


def resized(decoded: Decoded, method: Image.Transpose | None, size: tuple[int, int] | None) -> Image.Image:
    """Resample a picture, then turn it by `method`; `size` is the height and width of the turned one."""
    picture = decoded.picture
    if size is not None:
        height, width = size[::-1] if method in SWAPPING else size
        picture = picture.resize((width, height), Image.Resampling.BILINEAR, decoded.extent)
    return picture if method is None else picture.transpose(method)


def decode(root: Path, file: str, at_least: int | None = None, formats: tuple[str, ...] = FORMATS) -> Decoded:
    """Decode a file into an opaque 8-bit image, not turned; raises UnusableFileError.

    Args:
        file: relative to `root`.
        at_least: decode a JPEG at the smallest scale whose sides both have this many pixels.
        formats: those that are read, by Pillow's names.
    """
    with opened_image(root / file, file, formats) as opened:
        check_mode(opened, file)
        size = opened.size
        # The JPEG decoder's own halving: half the time, and less than one grey value of difference on average.
        reduced = None if at_least is None else opened.draft(None, (at_least, at_least))
        turning, back = load(opened)
        picture = opaque(opened, file) if back is None else opaque(opened, file).transpose(back)
        if reduced is None:
            size = picture.size
        extent = (0.0, 0.0, float(size[0]), float(size[1])) if reduced is None else reduced[1]
        return Decoded(picture, size, extent, turning)


def check_mode(opened: Image.Image, file: str) -> None:
    """Raise UnusableFileError where a file's pixels are not of 8 bits, grey or in colours that are known."""
    if opened.mode not in MODES:
        depth = "16-bit or floating-point pixels" if opened.mode[0] in "IF" else "pixels of an unknown form"
        raise UnusableFileError(file, f"has {depth} (mode {opened.mode})", "save it with 8 bits per channel")


def opaque(image: Image.Image, file: str) -> Image.Image:
    """Return an image as grey or RGB, without an alpha channel that hides nothing.

    Raises:
        UnusableFileError: the alpha channel hides something.
    """
    if hides(image):
        raise UnusableFileError(file, "is partly transparent", FLATTEN)
    wanted = "L" if image.mode in ("1", "L", "LA") else "RGB"
    # Converting to the mode it has would copy it.
    return image if image.mode == wanted else image.convert(wanted)


def channels_first(picture: Image.Image, channels: int = 3) -> np.ndarray:
    """Return the pixels as (channels, H, W) in one block of memory: 3 for RGB, 1 for grey."""
    wanted, (width, height) = "RGB" if channels == 3 else "L", picture.size
    pixels = np.empty((channels, height, width), np.uint8)
    rows = max(1, BAND // max(1, width))
    for top in range(0, height, rows):  # a picture as large as is read would be held three times over (issue 19)
        band = picture.crop((0, top, width, min(top + rows, height)))
        values = np.asarray(band if band.mode == wanted else band.convert(wanted))
        pixels[:, top : top + rows] = values.transpose(2, 0, 1) if channels == 3 else values
    return pixels


def pixels_of(image: Image.Image, channels: int) -> np.ndarray:
    """Return the pixels (C, H, W) uint8 of a Pillow image, upright; raises UsageError where it has no such."""
    if channels not in OF_CHANNELS:
        raise UsageError(f"a Pillow image was given, the model takes {channels} channels", "give an array (C, H, W)")
    if image.mode in DEEP:
        raise UsageError(
            f"the Pillow image has {image.mode} pixels, more than 8 bits", "give an array (C, H, W), float32"
        )
    upright = ImageOps.exif_transpose(image).convert(OF_CHANNELS[channels])
    return np.atleast_3d(np.asarray(upright)).transpose(2, 0, 1)
