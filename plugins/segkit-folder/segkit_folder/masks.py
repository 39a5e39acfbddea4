"""Masks of photographs: label images, palette images, black and white ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from segkit.data.photographs import BROKEN_FILE
from segkit_nifti.problems import UnusableFileError

THRESHOLD = 128
"""In a JPEG mask, brighter pixels are foreground: its compression blurs every other value."""
WHOLE_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
GREY_MODES = ("LA", "RGB", "RGBA")
ONE_VALUE = "save it with one number per pixel: a grey or palette PNG"


def read_values(path: Path, name: str) -> np.ndarray:
    """Read a mask's pixels as numbers: grey values, or a palette's indices.

    Returns:
        (H, W) uint8 or int32; of a JPEG 0 and 255 only.

    Raises:
        UnusableFileError: it cannot be read, or has colours.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG", "TIFF")) as opened:
            mode, lossy = opened.mode, opened.format == "JPEG"
            opened.load()
            if mode in GREY_MODES:
                return grey_of(np.asarray(opened.convert("RGB")), name)
            if mode not in WHOLE_MODES:
                raise UnusableFileError(name, f"is no mask (its pixels are of mode {mode})", ONE_VALUE)
            values = np.asarray(opened.convert("L") if mode == "1" else opened)
    except Image.DecompressionBombError:
        raise UnusableFileError(name, "has too many pixels", "check the file, or save it smaller") from None
    except BROKEN_FILE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnusableFileError(name, f"cannot be read ({reason})", "save it anew as PNG") from error
    if lossy:
        return ((values > THRESHOLD) * 255).astype(np.uint8)
    return values if values.dtype == np.uint8 else values.astype(np.int32)


def grey_of(pixels: np.ndarray, name: str) -> np.ndarray:
    """Return the grey values of RGB pixels (H, W, 3) that have no colour; raises UnusableFileError where they have."""
    if (pixels != pixels[..., :1]).any():
        raise UnusableFileError(name, "is a mask in colours", ONE_VALUE)
    return np.ascontiguousarray(pixels[..., 0])


def is_foreground(values: np.ndarray) -> np.ndarray:
    """Which pixels of one class's own mask are of the class: any number but 0."""
    marked: np.ndarray = values != 0
    return marked
