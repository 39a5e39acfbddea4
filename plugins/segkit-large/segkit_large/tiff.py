"""TIFF files of any size, read tile by tile or strip by strip."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from segkit import UnusableFileError
from segkit.data.large_array import LargeArray
from segkit_large.opened import Opened, check_level

LARGEST_PART = 2**28
"""Bytes of a strip or tile once it is decoded: more of it is no part, it is the image."""
IN_MM = {"nm": 1e-6, "um": 1e-3, "\u00b5m": 1e-3, "\u03bcm": 1e-3, "micron": 1e-3, "mm": 1.0, "cm": 10.0}
MICRONS_PER_PIXEL = re.compile(r"MPP\s*=\s*([0-9.]+)")
"""As Aperio's scanners write it into the description."""
CENTIMETRE = 3
BROKEN = (tifffile.TiffFileError, OSError, ValueError, KeyError, IndexError, RuntimeError, TypeError, StopIteration)
"""What tifffile and its decoders raise on damaged files."""


class TiffArray(LargeArray):
    """The pixels of a TIFF, (H, W) or (C, H, W), as they are stored; palettes are not looked up.

    Attributes:
        pages: of one channel each, or one that has them all.
    """

    def __init__(self, path: Path, pages: Sequence[Any], name: str) -> None:
        self.path, self.pages, self.name = path, pages, name
        first = pages[0]
        self.samples = int(first.samplesperpixel)
        self.planar = self.samples > 1 and int(first.planarconfig) == 2
        channels = max(self.samples, len(pages))
        size = (int(first.imagelength), int(first.imagewidth))
        self.shape = size if channels == 1 else (channels, *size)
        self.dtype = np.dtype(np.uint8) if first.bitspersample == 1 else np.dtype(first.dtype)
        tiled = bool(first.is_tiled)
        self.part = (
            int(first.tilelength) if tiled else min(int(first.rowsperstrip), size[0]),
            int(first.tilewidth) if tiled else size[1],
        )
        held = self.part[0] * self.part[1] * self.dtype.itemsize * (1 if self.planar else self.samples)
        if held > LARGEST_PART:
            raise UnusableFileError(
                name,
                f"is stored in strips of {self.part[0]} x {self.part[1]} pixels, which are decoded whole",
                "save it in tiles, as with vips tiffsave --tile",
            )
        self.band = max(self.part[0], min(256, size[0]) // self.part[0] * self.part[0])
        self.across = -(-size[1] // self.part[1])
        self.down = -(-size[0] // self.part[0])

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle of the stored values; raises UnusableFileError where a part is damaged or not there."""
        found = np.empty(
            (max(self.samples, len(self.pages)), rows.stop - rows.start, columns.stop - columns.start), self.dtype
        )
        with self.path.open("rb") as stream:
            for y, x in self.touched(rows, columns):
                for plane, page, index in self.parts(y, x):
                    values = self.decoded(stream.fileno(), page, index)
                    top, left = y * self.part[0], x * self.part[1]
                    here = shared(rows, top, values.shape[0]), shared(columns, left, values.shape[1])
                    there = (
                        slice(here[0].start + top - rows.start, here[0].stop + top - rows.start),
                        slice(here[1].start + left - columns.start, here[1].stop + left - columns.start),
                    )
                    found[(plane, *there)] = values[here].transpose(2, 0, 1)
        return found if len(self.shape) == 3 else found[0]

    def touched(self, rows: slice, columns: slice) -> Iterator[tuple[int, int]]:
        """Yield the rows and columns of parts that a rectangle touches."""
        if rows.stop > rows.start and columns.stop > columns.start:
            for y in range(rows.start // self.part[0], -(-rows.stop // self.part[0])):
                for x in range(columns.start // self.part[1], -(-columns.stop // self.part[1])):
                    yield y, x

    def parts(self, y: int, x: int) -> Iterator[tuple[slice, Any, int]]:
        """Yield which channels lie in which segment of which page, for one part of the image."""
        place = y * self.across + x
        if self.planar:
            for sample in range(self.samples):
                yield slice(sample, sample + 1), self.pages[0], sample * self.down * self.across + place
        else:
            for channel, page in enumerate(self.pages):
                yield slice(channel, channel + self.samples), page, place

    def decoded(self, descriptor: int, page: Any, index: int) -> np.ndarray:
        """Read and decode one segment, (rows, columns, samples)."""
        count, offset = page.databytecounts[index], page.dataoffsets[index]
        data = os.pread(descriptor, count, offset) if count else b""
        if not data or len(data) < count:
            raise UnusableFileError(
                self.name, f"lacks the part {index + 1} of {len(page.dataoffsets)}: it is cut short", "fetch it again"
            )
        try:
            values, _, shape = page.decode(data, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)
        except BROKEN as error:
            raise damaged(self.name, error) from error
        if values is None:
            raise UnusableFileError(self.name, f"lacks the part {index + 1}", "fetch it again")
        whole: np.ndarray = np.asarray(values)[0, : shape[1], : shape[2]]
        return whole


def shared(part: slice, start: int, length: int) -> slice:
    """Return which of `length` places from `start` on lie in a part of an axis."""
    return slice(max(part.start - start, 0), min(part.stop - start, length))


class Coloured(LargeArray):
    """A palette's indices as colours (3, H, W) uint8."""

    def __init__(self, source: TiffArray, colours: np.ndarray) -> None:
        self.source, self.colours = source, (colours >> 8).astype(np.uint8)
        self.shape, self.dtype, self.band = (3, *source.shape), np.dtype(np.uint8), source.band

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle's colours."""
        found: np.ndarray = self.colours[:, self.source.read(rows, columns)]
        return found


class Turned(LargeArray):
    """Grey values whose smallest is white, the other way round."""

    def __init__(self, source: TiffArray) -> None:
        self.source, self.shape, self.dtype, self.band = source, source.shape, source.dtype, source.band
        self.most = 1 if source.pages[0].bitspersample == 1 else np.iinfo(source.dtype).max

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle, light as it is meant."""
        found: np.ndarray = (self.most - self.source.read(rows, columns)).astype(self.dtype)
        return found


def open_tiff(path: Path, name: str, level: int = 0, *, labels: bool = False) -> Opened:
    """Open a TIFF, BigTIFF or OME-TIFF; nothing of its pixels is read.

    Args:
        level: of its pyramid.
        labels: it is a mask: a palette's indices are its values.

    Raises:
        UnusableFileError: it is damaged, has several planes or time points, an alpha channel, or no such level.
    """
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            check_level(level, len(series.levels), name)
            pages = pages_of(file, series.levels[level], name)
            array = TiffArray(path, pages, name)
            factor = series.levels[0].keyframe.imagewidth / pages[0].imagewidth
            spacing = spacing_of(file, series.levels[0].keyframe)
            check_whole(path, [page for each in series.levels for page in pages_of(file, each, name)], name)
            colours = pages[0].colormap
            for page in pages:
                page.decode  # noqa: B018 - looked up once, while the file is open
                page.dataoffsets, page.databytecounts  # noqa: B018
    except UnusableFileError:
        raise
    except FileNotFoundError:
        raise UnusableFileError(name, "does not exist any more", "bring it back, or leave it out") from None
    except BROKEN as error:
        raise damaged(name, error) from error
    scaled = None if spacing is None else (spacing[0] * factor, spacing[1] * factor)
    photometric = getattr(pages[0].photometric, "name", "")
    if photometric == "PALETTE" and not labels:
        return Opened(Coloured(array, np.asarray(colours)), scaled)
    if photometric == "MINISWHITE" and array.dtype.kind == "u":
        return Opened(Turned(array), scaled)
    return Opened(array, scaled)


def check_whole(path: Path, pages: Sequence[Any], name: str) -> None:
    """Raise UnusableFileError where a file ends before its last part, of whichever level."""
    length = path.stat().st_size
    for page in pages:
        ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if max(ends, default=0) > length:
            raise UnusableFileError(
                name, f"is cut short: it has {length:,} of at least {max(ends):,} bytes", "fetch it again"
            )


def pages_of(file: Any, level: Any, name: str) -> list[Any]:
    """Return the pages of an image's channels; raises UnusableFileError where it is no plane of channels."""
    sizes = dict(zip(level.axes, level.shape, strict=True))
    more = {axis: size for axis, size in sizes.items() if axis not in "YXSC" and size > 1}
    if more:
        told = ", ".join(f"{size} along {axis}" for axis, size in more.items())
        raise UnusableFileError(name, f"has more than one plane ({told})", "save the one that is meant on its own")
    pages = [page.aspage() if hasattr(page, "aspage") else page for page in level.pages]
    if not pages or "Y" not in sizes or "X" not in sizes:
        raise UnusableFileError(
            name, f"has the axes {level.axes}, none of them rows and columns", "save it as an image"
        )
    if any(int(extra) in (1, 2) for extra in getattr(pages[0], "extrasamples", ())):
        raise UnusableFileError(name, "has an alpha channel", "save it without an alpha channel")
    turned = pages[0].tags.get("Orientation")
    if turned is not None and int(turned.value) != 1:
        raise UnusableFileError(
            name, f"is to be turned (orientation {int(turned.value)})", "save it upright, its mask too"
        )
    return pages


def spacing_of(file: Any, page: Any) -> tuple[float, float] | None:
    """Return mm per pixel along rows and columns, as OME, ImageJ, Aperio or the tags in centimetres say them.

    Resolutions in inches are those of a printer (72, 300), and say nothing of what is shown.
    """
    if file.is_ome:
        found = re.search(r"<(?:\w+:)?Pixels[^>]*>", file.ome_metadata or "")
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', found[0])) if found else {}
        lengths = [
            positive(attributes.get(f"PhysicalSize{axis}"), IN_MM.get(attributes.get(f"PhysicalSize{axis}Unit", "um")))
            for axis in "YX"
        ]
        return None if None in lengths else (lengths[0] or 0.0, lengths[1] or 0.0)
    said = MICRONS_PER_PIXEL.search(page.description or "")
    if said:
        length = positive(said[1], 1e-3)
        return None if length is None else (length, length)
    unit = IN_MM.get(str((file.imagej_metadata or {}).get("unit", ""))) if file.is_imagej else None
    if unit is None and int(page.resolutionunit or 0) == CENTIMETRE:
        unit = 10.0
    if unit is None:
        return None
    tags = [page.tags.get(tag) for tag in ("YResolution", "XResolution")]
    per_unit = [None if tag is None or not tag.value[1] else tag.value[0] / tag.value[1] for tag in tags]
    lengths = [unit / count if count else None for count in per_unit]
    return None if None in lengths else (lengths[0] or 0.0, lengths[1] or 0.0)


def positive(text: str | None, unit: float | None) -> float | None:
    """Return a length in mm; None where it is none."""
    try:
        value = float(text or "") * (unit or 0.0)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def damaged(name: str, error: Exception) -> UnusableFileError:
    """Describe a file that cannot be decoded."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return UnusableFileError(name, f"is damaged or cut short ({reason})", "fetch it again")
