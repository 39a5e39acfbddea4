"""The pixels of a file as numbers: decoded, rescaled, and the right way round where black is stored as the largest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes

from segkit import UnusableFileError
from segkit_dicom.colours import GREYS, PALETTE, by_palette, check_meaning, is_coloured
from segkit_dicom.headers import AGAIN, MISTAKEN, syntax_of, text

MEASURED = ("CT", "MR", "PT", "NM")
"""Modalities whose values are measures: MONOCHROME1 there says how they are shown, not that they are turned round."""
JPEG: tuple[bytes, ...] = (b"\xff\xd8",)
JPEG_2000: tuple[bytes, ...] = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")
"""How streams begin, those of JPEG 2000 also in a box of their file format."""


def stored(dataset: Any, name: str) -> np.ndarray:
    """Decode a file's pixels.

    Returns:
        (frames, rows, columns) or (frames, rows, columns, 3) as stored, colours as RGB.

    Raises:
        UnusableFileError: it is cut off, of another transfer syntax than it says, or of one that nothing decodes; or
            what its values stand for cannot be read.
    """
    values = plain(dataset, name)
    if values is not None:
        return values
    if not any(tag in dataset for tag in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise UnusableFileError(name, "holds no pixels", AGAIN)
    check_meaning(dataset, name)
    try:
        _check_stream(dataset, name)
        pixels = pixel_array(dataset)
    except UnusableFileError:
        raise
    except Exception as error:  # of four libraries, on files from anywhere
        if isinstance(error, MemoryError):
            raise
        raise not_decoded(dataset, name) from error
    if text(dataset, "PhotometricInterpretation") == PALETTE:
        pixels = by_palette(pixels, dataset, name)
    frames: np.ndarray = pixels if pixels.ndim == (4 if is_coloured(dataset) else 3) else pixels[None]
    return frames


def not_decoded(dataset: Any, name: str) -> UnusableFileError:
    """The error of pixels that are not what the file says."""
    syntax = syntax_of(dataset, name)
    said = "no transfer syntax" if syntax is None else syntax.name
    told = f"cannot be decoded as what it says to be ({said}): cut off, or of another transfer syntax"
    return UnusableFileError(name, told, AGAIN)


def _check_stream(dataset: Any, name: str) -> None:
    """Raise UnusableFileError where JPEG 2000 says to be JPEG or the other way round.

    Some decoders take either, and what is done about colours after that follows from what the file says.
    """
    syntax = syntax_of(dataset, name)
    if syntax in (*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes):
        starts = JPEG
    elif syntax in JPEG2000TransferSyntaxes:
        starts = JPEG_2000
    else:
        return
    first = next(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1)))
    if not first.startswith(starts):
        raise not_decoded(dataset, name)


def plain(dataset: Any, name: str) -> np.ndarray | None:
    """Return pixels of one grey value each that are not compressed, without a copy; None of others."""
    syntax = syntax_of(dataset, name)
    bits = int(dataset.get("BitsAllocated") or 0)
    if syntax is None or syntax.is_compressed or bits not in (8, 16) or int(dataset.get("SamplesPerPixel") or 1) != 1:
        return None
    if text(dataset, "PhotometricInterpretation") not in GREYS:
        return None
    content = dataset.get("PixelData")
    if not isinstance(content, bytes) or getattr(dataset["PixelData"], "is_undefined_length", False):
        return None
    shape = (int(dataset.get("NumberOfFrames") or 1), int(dataset.Rows), int(dataset.Columns))
    needed = math.prod(shape) * bits // 8
    if len(content) < needed:
        raise UnusableFileError(name, f"is cut off: {len(content):,} of {needed:,} bytes of its pixels", AGAIN)
    if len(content) > needed + needed % 2:
        return None
    if bits == 8 and not syntax.is_little_endian and dataset["PixelData"].VR == "OW":
        return None  # swapped in pairs
    order = "<" if syntax.is_little_endian else ">"
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    values = np.frombuffer(content, np.dtype(f"{order}{'i' if signed else 'u'}{bits // 8}"), math.prod(shape))
    return _used_bits(values.reshape(shape), int(dataset.get("BitsStored") or bits), bits, signed)


def _used_bits(values: np.ndarray, used: int, bits: int, signed: bool) -> np.ndarray:
    """Return values without what stands in the bits above those that are used, such as overlays of old scanners."""
    if not 0 < used < bits:
        return values
    shift = bits - used
    return (values << shift) >> shift if signed else values & ((1 << used) - 1)


def upright(values: np.ndarray, dataset: Any) -> np.ndarray:
    """Turn values round where the largest is black, of modalities that take pictures; float or integer, same shape."""
    if text(dataset, "PhotometricInterpretation") != "MONOCHROME1" or text(dataset, "Modality") in MEASURED:
        return values
    if values.dtype.kind == "f":
        flipped: np.ndarray = values.max() + values.min() - values
        return flipped
    used = int(dataset.get("BitsStored") or 8 * values.dtype.itemsize)
    turned: np.ndarray = ~values if values.dtype.kind == "i" else ((1 << used) - 1) - values
    return turned


def rescaled(values: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Return values rescaled: int16 where all are whole numbers that it holds, else float32."""
    if values.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer():
        low, high = (int(value) * int(slope) + int(intercept) for value in (values.min(), values.max()))
        if min(low, high) >= -32768 and max(low, high) <= 32767:
            # What comes out fits in int16, so whatever wraps around on the way there wraps back.
            small = values.astype(np.int16)
            small *= wrapped(slope)
            small += wrapped(intercept)
            return small
    scaled: np.ndarray = (values.astype(np.float64) * slope + intercept).astype(np.float32)
    return scaled


def wrapped(value: float) -> np.int16:
    """Return a whole number modulo 2^16."""
    return np.int16((int(value) + 32768) % 65536 - 32768)


def modality_values(values: np.ndarray, dataset: Any, name: str) -> np.ndarray | None:
    """Return values after a modality table, where the file has one instead of slope and intercept; else None."""
    if not dataset.get("ModalityLUTSequence"):
        return None
    try:
        return np.asarray(apply_modality_lut(values, dataset)).astype(np.float32)
    except MISTAKEN as error:
        raise UnusableFileError(name, "has a damaged table of values (ModalityLUTSequence)", AGAIN) from error
