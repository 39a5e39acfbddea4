"""What the values of a pixel stand for: greys, colours, or places in a palette."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import JPEG2000TransferSyntaxes

from segkit import UnusableFileError
from segkit_dicom.headers import AGAIN, syntax_of, text

GREYS = ("MONOCHROME1", "MONOCHROME2")
OF_JPEG_2000 = ("YBR_ICT", "YBR_RCT")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", *OF_JPEG_2000)
"""What the decoders turn into RGB, or leave as it is."""
PALETTE = "PALETTE COLOR"
OTHERS = ("HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420")
"""Retired ones and those of films: nothing here turns them into RGB, and their numbers look like colours."""
AS_RGB = "export it in RGB"
TABLES = ("Red", "Green", "Blue")


def samples_of(header: Any) -> int:
    """Return how many values a pixel has."""
    return int(header.get("SamplesPerPixel") or 1)


def is_coloured(header: Any) -> bool:
    """Whether pixels are colours once they are read."""
    return samples_of(header) > 1 or text(header, "PhotometricInterpretation") == PALETTE


def check_meaning(dataset: Any, name: str) -> None:
    """Raise UnusableFileError where a file does not say what its values stand for, or what cannot be read."""
    said, samples = text(dataset, "PhotometricInterpretation"), samples_of(dataset)
    if said in OF_JPEG_2000 and syntax_of(dataset, name) not in JPEG2000TransferSyntaxes:
        raise UnusableFileError(
            name, f"says {said} without being JPEG 2000: RGB after all, or not turned back into it", AS_RGB
        )
    if said in ((*GREYS, PALETTE) if samples == 1 else COLOURS if samples == 3 else ()):
        return
    if not said:
        raise UnusableFileError(name, "does not say what its values stand for (PhotometricInterpretation)", AGAIN)
    # Not what it says unless that is known: a damaged header may hold anything.
    known = said if said in (*GREYS, *COLOURS, PALETTE, *OTHERS) else "of an unknown kind"
    raise UnusableFileError(name, f"has {samples} values a pixel that are {known}, which is not read", AS_RGB)


def by_palette(places: np.ndarray, dataset: Any, name: str) -> np.ndarray:
    """Return the colours of places in a palette, (*places, 3) uint8.

    Raises:
        UnusableFileError: the palette is missing or damaged, or can be meant in two ways.
    """
    bits = [list(dataset.get(f"{table}PaletteColorLookupTableDescriptor") or ())[2:] for table in TABLES]
    if bits not in ([[8]] * 3, [[16]] * 3):
        raise UnusableFileError(name, "has no palette of 8 or 16 bits for its colours", AS_RGB)
    try:
        colours: np.ndarray = apply_color_lut(places, dataset)
    except Exception as error:  # a library, on files from anywhere
        if isinstance(error, MemoryError):
            raise
        raise UnusableFileError(name, "has a damaged palette", AS_RGB) from error
    if colours.dtype == np.uint8:
        return colours
    if 0 < colours.max() < 256:
        # Black by the standard, by which 16 bits reach to 65535; some write 8 bits into them all the same.
        raise UnusableFileError(
            name, "has a palette of 16 bits with no colour above 255: black, or meant as 8 bits", AS_RGB
        )
    return (colours >> 8).astype(np.uint8)
