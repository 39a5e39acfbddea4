"""Decode one photograph or mask, or say in words why not."""

from __future__ import annotations

import struct
import zlib
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
    upright = turned_upright(photograph)
    if upright.size == mask.size:
        photograph = upright
    elif photograph.size != mask.size:
        raise UnusableFileError(
            image_file,
            f"is {size_text(upright)} but its mask {Path(mask_file).name} is {size_text(mask)}",
            "replace the one that was resized or turned by the original",
        )
    pixels = np.asarray(photograph.convert("RGB"))
    binary = np.asarray(mask) > THRESHOLD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)), binary.view(np.uint8)


def read_mask(root: Path, file: str) -> Image.Image:
    """Read a mask as 8-bit greyscale; raises UnusableFileError where it is not black and white."""
    mask = decode(root, file).convert("L")
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


def decode(root: Path, file: str) -> Image.Image:
    """Decode a JPEG or PNG into an opaque 8-bit image, not turned; raises UnusableFileError."""
    path = root / file
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as opened:
            check_pixels(opened, file)
            opened.load()
            return without_alpha(opened.copy(), file)
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
        raise too_many_pixels(file, size_text(opened))
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


def without_alpha(image: Image.Image, file: str) -> Image.Image:
    """Drop an alpha channel that hides nothing; raises UnusableFileError where it hides something."""
    if "transparency" in image.info or image.mode in ALPHA_MODES:
        image = image.convert("RGBA")
        if image.getchannel("A").histogram()[255] < image.width * image.height:
            raise UnusableFileError(file, "is partly transparent", "save it without an alpha channel")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def turned_upright(image: Image.Image) -> Image.Image:
    """Turn a photograph as its EXIF orientation says."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except BROKEN_FILE:
        # Only what the camera wrote beside the pixels is damaged; the mask's size shows whether they lie right.
        return image
    method = UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def size_text(image: Image.Image) -> str:
    """Width and height as people write them."""
    return f"{image.width}x{image.height}"
