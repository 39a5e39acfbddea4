"""Decode one photograph or mask, or say in words why not."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from segkit import SegkitError

THRESHOLD = 128
"""A mask's pixel above this is lesion, as the official scorer of 2018 Task 1 has it."""
GREY = slice(32, 224)
"""Values that a mask written as black and white does not have, JPEG's ringing allowed for."""
MOST_GREY = 0.1
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
        file: relative to the data root.
        reason: what is wrong with it, to be read after its name.
        hint: the way out.
    """

    def __init__(self, file: str, reason: str, hint: str) -> None:
        super().__init__(f"{file} {reason}", hint)
        self.file = file
        self.reason = reason


@dataclass(frozen=True)
class Decoded:
    """A file's pixels, perhaps at a part of their scale.

    Attributes:
        picture: opaque, 8-bit, grey or RGB.
        size: width and height of the file.
        extent: left, top, right and bottom of the file in pixels of `picture`.
    """

    picture: Image.Image
    size: tuple[int, int]
    extent: tuple[float, float, float, float]


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
    method = turning(photograph, mask, image_file, mask_file)
    picture = photograph.picture
    return channels_first(picture if method is None else picture.transpose(method)), binary(mask)


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
    method = turning(photograph, mask, image_file, mask_file)
    height, width = size[::-1] if method in SWAPPING else size
    resized = photograph.picture.resize((width, height), Image.Resampling.BILINEAR, photograph.extent)
    return channels_first(resized if method is None else resized.transpose(method)), binary(mask)


def read_mask(root: Path, file: str) -> Image.Image:
    """Read a mask as 8-bit greyscale; raises UnusableFileError where it is not black and white."""
    mask = decode(root, file).picture
    if mask.mode != "L":
        mask = mask.convert("L")
    counts = np.asarray(mask.histogram())
    highest = int(counts.nonzero()[0].max())
    if 0 < highest <= THRESHOLD:
        raise UnusableFileError(
            file,
            f"has no pixel above {THRESHOLD} (its highest is {highest}) and would be read as empty",
            "write the mask with 0 for skin and 255 for lesion",
        )
    grey = counts[GREY].sum() / counts.sum()
    if grey > MOST_GREY and np.count_nonzero(counts) > 2:
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
    path = root / file
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as opened:
            check_pixels(opened, file)
            size = opened.size
            reduced = None if at_least is None else opened.draft(None, (at_least, at_least))
            opened.load()
            extent = (0.0, 0.0, float(size[0]), float(size[1])) if reduced is None else reduced[1]
            return Decoded(opaque(opened, file), size, extent)
    except Image.DecompressionBombError:
        raise too_many_pixels(file, "more than twice as many") from None
    except UnidentifiedImageError:
        raise unidentified(path, file) from None
    except FileNotFoundError:
        reason = "is a link to a file that does not exist" if path.is_symlink() else "does not exist any more"
        raise UnusableFileError(file, reason, "bring the file back or remove its pair") from None
    except PermissionError:
        raise UnusableFileError(file, "may not be read", "check its permissions") from None
    except BROKEN_FILE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnusableFileError(file, f"is damaged or cut short ({reason})", "fetch it again") from error


def check_pixels(opened: Image.Image, file: str) -> None:
    """Raise UnusableFileError where decoding would take more pixels than Pillow allows or a form that is not 8-bit."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and opened.width * opened.height > limit:
        raise too_many_pixels(file, size_text(opened.size))
    if opened.mode not in (*OPAQUE_MODES, *ALPHA_MODES):
        depth = "16-bit or floating-point pixels" if opened.mode[0] in "IF" else "pixels of an unknown form"
        raise UnusableFileError(file, f"has {depth} (mode {opened.mode})", "save it with 8 bits per channel")


def too_many_pixels(file: str, found: str) -> UnusableFileError:
    """Describe a file that would fill the memory when decoded."""
    limit = f"{Image.MAX_IMAGE_PIXELS:,}"
    return UnusableFileError(
        file, f"has too many pixels: {found}, at most {limit} are read", "check the file, or save it smaller"
    )


def unidentified(path: Path, file: str) -> UnusableFileError:
    """Describe a file that is neither JPEG nor PNG."""
    if path.stat().st_size == 0:
        return UnusableFileError(file, "is empty (0 bytes)", "fetch it again")
    return UnusableFileError(file, "is not a JPEG or PNG image, whatever its name says", "fetch it again or convert it")


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


def turning(photograph: Decoded, mask: Image.Image, image_file: str, mask_file: str) -> Image.Transpose | None:
    """Return what turns a photograph so that it lies as its mask: what its EXIF orientation says, or nothing.

    Raises:
        UnusableFileError: the sizes differ either way.
    """
    method = upright(photograph.picture)
    turned = photograph.size[::-1] if method in SWAPPING else photograph.size
    if turned == mask.size:
        return method
    if photograph.size == mask.size:
        return None
    raise UnusableFileError(
        image_file,
        f"is {size_text(turned)} but its mask {Path(mask_file).name} is {size_text(mask.size)}",
        "replace the one that was resized or turned by the original",
    )


def upright(image: Image.Image) -> Image.Transpose | None:
    """Return what turns an image as its EXIF orientation says."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except BROKEN_FILE:
        # Only what the camera wrote beside the pixels is damaged; the mask's size shows whether they lie right.
        return None
    return UPRIGHT.get(orientation)


def channels_first(picture: Image.Image) -> np.ndarray:
    """Return the pixels as (3, H, W) in one block of memory."""
    pixels = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def binary(mask: Image.Image) -> np.ndarray:
    """Return a grey mask as uint8 (H, W) of 0 and 1."""
    marked = np.asarray(mask) > THRESHOLD
    return marked.view(np.uint8)


def size_text(size: tuple[int, int]) -> str:
    """Width and height as people write them."""
    width, height = size
    return f"{width}x{height}"
