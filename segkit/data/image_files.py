"""Open an image file whose form is one that is read, or say in a sentence why not."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from segkit.data.tiff_errors import tiff_errors
from segkit.errors import UnusableFileError

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif")
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
"""What turns an image upright, by EXIF orientation."""
SWAPPING = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
"""Those that make a width of a height."""
BACK = {
    **{method: method for method in Image.Transpose},
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}
"""What undoes a turn."""
LONGEST_SIDE = 65_535
"""Pixels along a side, as far as JPEG counts: of a PNG of 80,000,000 x 1 the scores alone took 11 GiB (issue 19)."""
PNG = b"\x89PNG\r\n\x1a\n"
ALPHA_MODES = ("LA", "PA", "RGBA", "La", "RGBa")
BROKEN_FILE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What Pillow raises on damaged files."""
FLATTEN = "save it without an alpha channel"


@contextmanager
def open_image(path: Path, formats: tuple[str, ...] = FORMATS, *, whole: bool = False) -> Iterator[Image.Image]:
    """Open an image of one of the formats, not decoded yet; the one place that does, so that no other format is tried.

    An EPS under another name would be handed to Ghostscript, a program that has been made to run others (issue 19).

    Args:
        whole: compare all checksums first, as is needed where pixels are read.

    Raises:
        OSError, ...: as `BROKEN_FILE` lists; it is none of these, or a pipe, which could be waited for in vain.
    """
    if path.exists() and not path.is_file():
        raise IsADirectoryError("it is a folder, a pipe or a device")
    if path.exists() and not path.stat().st_size:
        # Files of the system, such as /proc/kmsg, have no size, and reading them may not end.
        raise UnidentifiedImageError("it is empty")
    # Not by its path: Pillow (13.0) maps an uncompressed TIFF then, and mixes up the rows of one that is turned.
    opening = opened_whole if whole else open_formats
    with path.open("rb") as stream, opening(stream, formats) as opened:
        yield opened


@contextmanager
def opened_image(path: Path, file: str, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Open an image of one page, not decoded yet; what Pillow raises meanwhile is told in a sentence.

    Args:
        file: how messages call it.
        formats: those that are read, by Pillow's names.

    Raises:
        UnusableFileError: it cannot be read, has too many pixels, several pages or 16 bits per channel of a colour.
    """
    try:
        with tiff_errors() as wrong, open_image(path, formats, whole=True) as opened:
            check_size(opened, file)
            check_pages(opened, file)
            check_depth(opened, file)
            yield opened
            if wrong:
                raise OSError(wrong[0])  # Pillow went on with what was left of it
    except Image.DecompressionBombError:
        raise too_many_pixels(file, f"more than {2 * int(Image.MAX_IMAGE_PIXELS or 0):,}") from None
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


def open_formats(stream: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    """Open an image of one of the formats."""
    return Image.open(stream, formats=formats)


def opened_whole(stream: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    """Open an image; of a PNG all checksums are compared before, which Pillow (13.0) leaves out when it decodes one.

    Without that a PNG whose last bytes are zeros is read, with some pixels of its last rows as they are not (issue 19).
    """
    if "PNG" in formats and stream.read(len(PNG)) == PNG:
        stream.seek(0)
        with Image.open(stream, formats=("PNG",)) as whole:
            whole.verify()
    stream.seek(0)
    return open_formats(stream, formats)


def check_size(opened: Image.Image, file: str) -> None:
    """Raise UnusableFileError where a file has more pixels than Pillow takes for honest, or a side as no camera has."""
    if max(opened.size) > LONGEST_SIDE:
        raise UnusableFileError(
            file,
            f"is {size_text(opened.size)} pixels, at most {LONGEST_SIDE:,} along a side are read",
            "check the file, or cut it into parts",
        )
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and opened.width * opened.height > limit:
        raise too_many_pixels(file, size_text(opened.size))


def check_pages(opened: Image.Image, file: str) -> None:
    """Raise UnusableFileError where a TIFF has several pages or a GIF or PNG several frames.

    What follows the first picture of a JPEG (MPO) is a preview or the other eye, as telephones write it.
    """
    pages = 1 if opened.format in ("JPEG", "MPO") else getattr(opened, "n_frames", 1)
    if pages > 1:
        word = "pages" if opened.format == "TIFF" else "frames"
        raise UnusableFileError(file, f"has {pages} {word}", "save the one that is meant on its own")


def check_depth(opened: Image.Image, file: str) -> None:
    """Raise UnusableFileError where Pillow would cut 16 bits per channel down to 8 without a word."""
    if opened.mode.startswith(("I", "F")) or opened.format == "BMP":  # a BMP of 16 bits has five or six per channel
        return
    if any("16" in raw_mode(tile) for tile in getattr(opened, "tile", ())):
        raise UnusableFileError(
            file,
            "has 16 bits per channel, of which only 8 would be read",
            "save it with 8 bits per channel, the range that it uses stretched over them",
        )


def raw_mode(tile: tuple[object, ...]) -> str:
    """Return what Pillow calls the form of a tile's pixels as they are stored, such as "RGB;16B"."""
    told = tile[3]
    return str(told[0] if isinstance(told, tuple) and told else told)


def is_lossy(opened: Image.Image) -> bool:
    """Whether a file's compression changes values, of which TIFF has some too."""
    compression = str(opened.info.get("compression", ""))
    return opened.format in ("JPEG", "MPO") or compression in ("jpeg", "tiff_jpeg", "webp", "jpeg2000")


def hides(image: Image.Image) -> bool:
    """Whether a decoded image has pixels that are not wholly opaque."""
    if image.mode in ALPHA_MODES or ("transparency" in image.info and not image.mode.startswith("I")):
        return bool(image.convert("RGBA").getchannel("A").histogram()[255] < image.width * image.height)
    return "transparency" in image.info and bool((np.asarray(image) == image.info["transparency"]).any())


def load(opened: Image.Image) -> tuple[Image.Transpose | None, Image.Transpose | None]:
    """Decode an opened image.

    Returns:
        What turns the stored image as its EXIF orientation says, and what turns the loaded one back to the stored one:
        Pillow turns a TIFF as it loads it, and forgets the orientation.
    """
    # A PNG decodes itself to find its orientation, and damage would be taken for damaged EXIF: it is asked afterwards.
    before = upright(opened) if opened.format == "TIFF" else None
    opened.load()
    after = upright(opened)
    if before is None or after is not None:
        return after, None
    return before, BACK[before]


def upright(image: Image.Image) -> Image.Transpose | None:
    """Return what turns an image as its EXIF orientation says."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except BROKEN_FILE:
        # Only what the camera wrote beside the pixels is damaged.
        return None
    return UPRIGHT.get(orientation)


def too_many_pixels(file: str, found: str) -> UnusableFileError:
    """Describe a file that would fill the memory when decoded."""
    limit = f"{Image.MAX_IMAGE_PIXELS:,}"
    return UnusableFileError(
        file,
        f"has too many pixels: {found}, at most {limit} are read whole",
        "save it smaller, or as a tiled TIFF, which is read in parts (docs/large-images.md)",
    )


def unidentified(path: Path, file: str, formats: tuple[str, ...]) -> UnusableFileError:
    """Describe a file that is of none of the formats."""
    if path.stat().st_size == 0:
        return UnusableFileError(file, "is empty (0 bytes)", "fetch it again")
    known = " or ".join([", ".join(formats[:-1]), formats[-1]] if len(formats) > 1 else formats)
    return UnusableFileError(file, f"is not a {known} image, whatever its name says", "fetch it again or convert it")


def size_text(size: tuple[int, int]) -> str:
    """Width and height as people write them."""
    width, height = size
    return f"{width}x{height}"
