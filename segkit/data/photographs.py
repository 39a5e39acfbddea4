"""Photographs: JPEG, PNG and TIFF files as viewers show them, or a sentence that says why not."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from segkit.errors import SegkitError

FORMATS = ("JPEG", "PNG", "TIFF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
ORIENTATION_TAG = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a photograph upright, by EXIF orientation."""
SWAPPING = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
"""Those that make a width of a height."""
DETAIL = 1.5
"""A reduced JPEG has at least this many pixels for one of the grid it is resampled to, along each axis."""
OPAQUE_MODES = ("1", "L", "P", "RGB", "CMYK")
ALPHA_MODES = ("LA", "PA", "RGBA")
BROKEN_FILE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What Pillow raises on damaged files."""


class UnusableFileError(SegkitError):
    """A file that cannot be used.

    Args:
        file: as the user knows it, such as relative to the data root.
        reason: what is wrong with it, to be read after its name.
        hint: the way out.
    """

    def __init__(self, file: str, reason: str, hint: str) -> None:
        super().__init__(f"{file} {reason}", hint)
        self.file = file
        self.reason = reason


@dataclass(frozen=True)
class Decoded:
    """A file's pixels, perhaps at a part of their scale, not turned.

    Attributes:
        picture: opaque, 8-bit, grey or RGB.
        size: width and height of the file.
        extent: left, top, right and bottom of the file in pixels of `picture`.
    """

    picture: Image.Image
    size: tuple[int, int]
    extent: tuple[float, float, float, float]


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
    method = upright(decoded.picture)
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
    path = root / file
    try:
        with Image.open(path, formats=formats) as opened:
            check_pixels(opened, file)
            size = opened.size
            reduced = None if at_least is None else opened.draft(None, (at_least, at_least))
            opened.load()
            if reduced is None:
                size = opened.size  # Pillow turns a TIFF upright as it loads it
            extent = (0.0, 0.0, float(size[0]), float(size[1])) if reduced is None else reduced[1]
            return Decoded(opaque(opened, file), size, extent)
    except Image.DecompressionBombError:
        raise too_many_pixels(file, "more than twice as many") from None
    except UnidentifiedImageError:
        raise unidentified(path, file, formats) from None
    except FileNotFoundError:
        reason = "is a link to a file that does not exist" if path.is_symlink() else "does not exist any more"
        raise UnusableFileError(file, reason, "bring it back, or leave it out") from None
    except PermissionError:
        raise UnusableFileError(file, "may not be read", "check its permissions") from None
    except BROKEN_FILE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnusableFileError(file, f"is damaged or cut short ({reason})", "fetch it again") from error


def check_pixels(opened: Image.Image, file: str) -> None:
    """Raise UnusableFileError where a file has too many pixels or pages, or pixels of a form that is not 8-bit."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and opened.width * opened.height > limit:
        raise too_many_pixels(file, size_text(opened.size))
    pages = getattr(opened, "n_frames", 1) if opened.format == "TIFF" else 1
    if pages > 1:
        raise UnusableFileError(file, f"has {pages} pages", "save the one that is meant on its own")
    if opened.mode not in (*OPAQUE_MODES, *ALPHA_MODES):
        depth = "16-bit or floating-point pixels" if opened.mode[0] in "IF" else "pixels of an unknown form"
        raise UnusableFileError(file, f"has {depth} (mode {opened.mode})", "save it with 8 bits per channel")


def too_many_pixels(file: str, found: str) -> UnusableFileError:
    """Describe a file that would fill the memory when decoded."""
    limit = f"{Image.MAX_IMAGE_PIXELS:,}"
    return UnusableFileError(
        file, f"has too many pixels: {found}, at most {limit} are read", "check the file, or save it smaller"
    )


def unidentified(path: Path, file: str, formats: tuple[str, ...]) -> UnusableFileError:
    """Describe a file that is of none of the formats."""
    if path.stat().st_size == 0:
        return UnusableFileError(file, "is empty (0 bytes)", "fetch it again")
    known = " or ".join([", ".join(formats[:-1]), formats[-1]] if len(formats) > 1 else formats)
    return UnusableFileError(file, f"is not a {known} image, whatever its name says", "fetch it again or convert it")


def opaque(image: Image.Image, file: str) -> Image.Image:
    """Return an image as grey or RGB, without an alpha channel that hides nothing.

    Raises:
        UnusableFileError: the alpha channel hides something.
    """
    if "transparency" in image.info or image.mode in ALPHA_MODES:
        image = image.convert("RGBA")
        if image.getchannel("A").histogram()[255] < image.width * image.height:
            raise UnusableFileError(file, "is partly transparent", "save it without an alpha channel")
    wanted = "L" if image.mode in ("1", "L") else "RGB"
    # Converting to the mode it has would copy it.
    return image if image.mode == wanted else image.convert(wanted)


def upright(image: Image.Image) -> Image.Transpose | None:
    """Return what turns an image as its EXIF orientation says."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except BROKEN_FILE:
        # Only what the camera wrote beside the pixels is damaged.
        return None
    return UPRIGHT.get(orientation)


def channels_first(picture: Image.Image, channels: int = 3) -> np.ndarray:
    """Return the pixels as (channels, H, W) in one block of memory: 3 for RGB, 1 for grey."""
    wanted = "RGB" if channels == 3 else "L"
    pixels = np.asarray(picture if picture.mode == wanted else picture.convert(wanted))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) if channels == 3 else pixels[None])


def size_text(size: tuple[int, int]) -> str:
    """Width and height as people write them."""
    width, height = size
    return f"{width}x{height}"
