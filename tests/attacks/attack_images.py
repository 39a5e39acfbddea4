"""Photographs that are none, are damaged, too large, or of a format that is read by other programs."""

from __future__ import annotations

import io
import random
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from siege import Attack
from spoiling import another_kind, spoil_bytes
from works import in_a_fork, photograph

PREDICT = ("predict", "run", "images", "-o", "out", "--device", "cpu", "--workers", "0")
OPTIONS = ((), ("--overlays",), ("--probabilities",), ("--json",), ("--overlays", "--workers", "2"))
FORMS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("PNG", {}), ("PNG", {"exif": 6}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"exif": 8})),
    *(("BMP", {}), ("GIF", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"exif": 3})),
    *(("TIFF", {"compression": name}) for name in ("jpeg", "tiff_adobe_deflate", "group4")),
    *((name, {}) for name in ("WEBP", "ICO", "PPM", "EPS", "PDF", "TGA", "SGI", "PCX", "DDS")),
)
MODES = ("RGB", "L", "P", "1", "RGBA", "LA", "CMYK", "I;16", "I", "F", "YCbCr")
SUFFIXES = (".png", ".jpg", ".tif", ".bmp", ".gif", ".JPEG")
PROGRAMS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) run showpage\n",
    *(b"8BPS\0\1" + bytes(30), b"P6\n8 8\n255\n" + bytes(192), b"%PDF-1.4\n", b"<svg onload=alert(1)>"),
    *(b"II*\0\x08\0\0\0\xff\xff", b"MM\0*" + b"\xff" * 100, b"GIF89a\xff\xff\xff\xff\0\0\0", b"RIFF\0\0\0\0WEBP"),
    *(b"SIMPLE  =                    T" + bytes(2850), b"\x89HDF\r\n\x1a\n" + bytes(500), b"GRIB" + bytes(200)),
    *(b"BUFR" + bytes(200), b"#!/bin/sh\n", b"\0" * 4096),
)
SIZES = (
    *((1, 80_000_000), (80_000_000, 1), (2**31, 2**31), (0, 5), (3000, 3000), (40_000, 40_000), (2**32 - 1, 1)),
    *((13_000, 13_000), (300, 200), (65_536, 65_536), (2**31 - 1, 1), (100_000, 3)),
)
RIGHT = ((9000, 9000), (8000, 8000), (1, 80_000_000), (80_000_000, 1), (65_535, 1000))
"""Sizes of large images with all their pixels."""
ZEROS = zlib.compress(bytes(100_000_000), 9)


def encoded(dice: random.Random) -> bytes:
    """A photograph in some form and mode."""
    picture = photograph(dice.randrange(3), dice.choice(((40, 32), (1, 1), (300, 2), (2, 257), (64, 64))))
    for _ in range(20):
        form, options = dice.choice(FORMS)
        how = dict(options)
        if "exif" in how:
            how["exif"] = Image.Exif()
            how["exif"][0x0112] = options["exif"]
        stream = io.BytesIO()
        try:
            picture.convert(dice.choice(MODES)).save(stream, form, **how)
            return stream.getvalue()
        except (OSError, ValueError, KeyError):
            continue
    return b""


def declared_png(width: int, height: int, depth: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    """A PNG of any declared size, with checksums that are right."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width % 2**32, height % 2**32, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@lru_cache
def large(mode: str, size: tuple[int, int]) -> bytes:
    """A right PNG of zeros."""
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def bomb(dice: random.Random) -> bytes:
    """A small file that says it is large, or unpacks to much."""
    width, height = dice.choice(SIZES)
    depth, colour = dice.choice(((8, 2), (1, 0), (16, 6), (8, 3), (16, 0)))
    kind = dice.randrange(5)
    if kind == 4:
        return large(dice.choice(("1", "L", "RGB")), dice.choice(RIGHT))
    if kind == 0:
        return declared_png(width, height, depth, colour, ZEROS)
    if kind == 1:
        return declared_png(width, height, depth, colour, ZEROS[: dice.randrange(len(ZEROS))])
    if kind == 2:
        size = struct.pack("<ii", width % 2**31, dice.choice((-1, 1)) * (height % 2**31))
        depths = struct.pack("<HHIIiiII", 1, dice.choice((24, 8, 1)), 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHII", 54, 0, 0, 54, 40) + size + depths
    stream = io.BytesIO()  # a text chunk that unpacks to a hundred megabytes
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    whole, content = stream.getvalue(), b"Comment\0\0" + ZEROS
    text = struct.pack(">I", len(content)) + b"zTXt" + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))
    return whole[:33] + text + whole[33:]


class Images:
    """Attacks by photographs, one of them right: its prediction is what it is without the others."""

    name = "images"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Predict the right one alone."""
        (place / "run").symlink_to(self.works / "run")
        (place / "images").mkdir()
        photograph(0).save(place / "images" / "right.png")
        in_a_fork(PREDICT, place)
        self.right = (place / "out" / "right.png").read_bytes()

    def draw(self, home: Path, seed: int) -> Attack:
        """Lay one to three images beside the right one."""
        dice = random.Random(seed)
        (home / "run").symlink_to(self.works / "run")
        (home / "images").mkdir()
        photograph(0).save(home / "images" / "right.png")
        for number in range(dice.randint(1, 3)):
            path = home / "images" / f"image-{number}{dice.choice(SUFFIXES)}"
            kind = dice.random()
            if kind < 0.25:
                path.write_bytes(dice.choice(PROGRAMS))
            elif kind < 0.28:
                path.write_bytes(bomb(dice))
            else:
                path.write_bytes(encoded(dice))
                if kind < 0.75 and path.stat().st_size:
                    spoil_bytes(path, dice)
                elif kind < 0.8:
                    another_kind(path, dice)

        def check(code: int) -> str:
            path = home / "out" / "right.png"
            if not path.is_file() or path.read_bytes() != self.right:
                return f"the right one is not predicted as alone, code {code}"
            return ""

        return Attack((*PREDICT, *dice.choice(OPTIONS)), check)
