"""Files that strangers may upload, by dice: of every format that is read, spoiled, or something else of their name."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

CANARY = "canary-of-the-server.png"
"""A file beside the server's own, which no name of an upload may lead to."""
PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif")
VOLUMES = (".nii", ".nii.gz", ".dcm", ".tif", ".ome.tif", ".svs", ".zarr", ".mrxs")
TEXT = b"\x1b]0;title\x07<script>alert(1)</script>"


ZEROS = zlib.compress(bytes(20_000_000), 1)
ZEROS_OF_GZIP = gzip.compress(bytes(40_000_000), 1)


def encoded(suffix: str, number: int) -> bytes:
    """A right photograph in the format of a suffix."""
    pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    stream = io.BytesIO()
    known = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".gif": "GIF"}
    Image.fromarray(pixels).save(stream, known.get(suffix, "PNG"))
    return stream.getvalue()


def volume(packed: bool) -> bytes:
    """A right volume."""
    values = np.random.default_rng(0).normal(0, 90, (10, 9, 8)).astype(np.int16)
    data = nibabel.Nifti1Image(values, np.diag([1.0, 2.0, 2.0, 1.0])).to_bytes()
    return gzip.compress(data, 1) if packed else data


def dicom_slice(place: int) -> bytes:
    """A slice of a series in explicit little endian, written by hand, so that a test needs no pydicom."""

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        value += (b"\0" if kind in (b"UI", b"OW") else b" ") * (len(value) % 2)
        long = kind in (b"OW", b"OB", b"SQ", b"UN")
        size = struct.pack("<2xI" if long else "<H", len(value))
        return struct.pack("<HH", group, number) + kind + size + value

    uid = b"1.2.826.0.1.3680043.10."
    meta = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    rows = [
        *(
            (8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.4"),
            (8, 0x18, b"UI", uid + b"%d" % place),
            (8, 0x60, b"CS", b"MR"),
        ),
        *((0x18, 0x50, b"DS", b"1"), (0x20, 0xD, b"UI", uid + b"77"), (0x20, 0xE, b"UI", uid + b"88")),
        *((0x20, 0x13, b"IS", b"%d" % place), (0x20, 0x32, b"DS", b"0\\0\\%d" % place)),
        *((0x20, 0x37, b"DS", b"1\\0\\0\\0\\1\\0"), (0x20, 0x52, b"UI", uid + b"99")),
        *((0x28, 2, b"US", b"\1\0"), (0x28, 4, b"CS", b"MONOCHROME2"), (0x28, 0x10, b"US", b"\x10\0")),
        *((0x28, 0x11, b"US", b"\x10\0"), (0x28, 0x30, b"DS", b"1\\1"), (0x28, 0x100, b"US", b"\x10\0")),
        *((0x28, 0x101, b"US", b"\x10\0"), (0x28, 0x102, b"US", b"\x0f\0"), (0x28, 0x103, b"US", b"\0\0")),
        (0x7FE0, 0x10, b"OW", np.random.default_rng(place).integers(0, 900, 256).astype("<u2").tobytes()),
    ]
    whole = b"".join(element(*row) for row in rows)
    length = element(2, 0, b"UL", struct.pack("<I", len(meta)))
    return bytes(128) + b"DICM" + length + meta + whole


def bomb(dice: random.Random) -> bytes:
    """A small file that says that it is large, or unpacks to much."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    if dice.random() < 0.5:
        width, height = dice.choice(
            ((1, 80_000_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1), (0, 0), (13_000, 13_000))
        )
        head = struct.pack(">IIBBBBB", width, height, 8, dice.choice((0, 2, 6)), 0, 0, 0)
        pixels = ZEROS
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    data = bytearray(volume(packed=False))
    struct.pack_into("<4h", data, 40, 3, *dice.choice(((512, 512, 900), (30_000, 30_000, 30_000), (1, 1, 32_767))))
    return gzip.compress(bytes(data), 1) + ZEROS_OF_GZIP


OTHERS = (
    *(b"", b"\0", b"\0" * 5000, b"404 not found", b"<html>", b"II*\0\x08\0\0\0\xff\xff", b"MM\0*" + b"\xff" * 100),
    *(b"GIF89a\xff\xff\xff\xff\0\0\0", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(x) run showpage\n"),
    *(
        b"8BPS\0\1" + bytes(30),
        b"RIFF\0\0\0\0WEBP",
        b"<svg onload=alert(1)>",
        b"PK\3\4" + bytes(60),
        b"\x89HDF\r\n\x1a\n",
    ),
    *(b"\0" * 128 + b"DICM" + bytes(200), b"NRRD0004\n", b"\x1f\x8b", b"\x1f\x8b\x08" + bytes(7), b"#!/bin/sh\nid\n"),
)
FLOATS = (0.0, -1.0, 1e-30, 1e6, 1e30, float("nan"), float("inf"))
FIELDS = (
    *((40 + 2 * axis, "<h", (0, 1, -1, -32768, 32767, 9000)) for axis in range(5)),
    *((76 + 4 * axis, "<f", FLOATS) for axis in range(4)),
    *((280 + 4 * place, "<f", FLOATS) for place in range(12)),
    *((70, "<h", (0, 1, 16, 64, 128, 1792, -1)), (108, "<f", FLOATS), (112, "<f", FLOATS), (116, "<f", FLOATS)),
    *((252, "<h", (-1, 0, 99)), (254, "<h", (-1, 0, 99)), (0, "<i", (0, 540, -1)), (123, "<B", (0, 1, 7, 255))),
)
"""Of a NIfTI header: where a field lies, how, and what it may be told to be."""


def spoiled(data: bytes, dice: random.Random) -> bytes:
    """Return a file with bytes cut, changed, put in or put after it."""
    changed, kind = bytearray(data), dice.randrange(5)
    if kind == 0:
        return data[: dice.randrange(len(data))]
    if kind == 1:
        for _ in range(dice.choice((1, 1, 2, 20))):
            changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    elif kind == 2:
        start = dice.randrange(len(data))
        changed[start : start + dice.randrange(400)] = dice.randbytes(dice.randrange(400))
    elif kind == 3:
        changed += dice.randbytes(dice.randrange(1, 5000))
    else:
        start = dice.randrange(min(len(data), 600))
        changed[start : start + 4] = dice.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"))
    return bytes(changed)


def spoiled_volume(dice: random.Random) -> bytes:
    """Return a volume with some fields of its header changed, or its bytes."""
    data = bytearray(volume(packed=False))
    for _ in range(dice.choice((1, 1, 2, 3))):
        place, layout, values = dice.choice(FIELDS)
        struct.pack_into(layout, data, place, dice.choice(values))
    if dice.random() < 0.2:
        data[148:228] = TEXT[:80].ljust(80, b"\0")
    return gzip.compress(bytes(data), 1) if dice.random() < 0.6 else bytes(data)


def names(dice: random.Random, suffix: str, place: Path) -> str:
    """What a client may call a file."""
    wild = (
        *(f"../{CANARY}", f"../../{CANARY}", str(place / CANARY), f"file://{place / CANARY}", f"..\\..\\{CANARY}"),
        *(
            "/etc/passwd",
            "C:\\windows\\win.ini",
            "\\\\host\\share\\x",
            "CON",
            ".",
            "..",
            "",
            "/",
            "~/.ssh/id_rsa",
            "-rf",
        ),
        *("\x1b]0;title\x07", "\u202egnp", "a\0b", "%00", "%2e%2e%2f", "x" * 300, "x" * 60_000, "=1+1", "a;b", "{0}"),
        *(
            "<img src=x onerror=alert(1)>",
            "\ud800",
            "é" * 200,
            "a\tb",
            "a b",
            "$(touch pwned)",
            "`id`",
            "_0000",
            "_9999",
        ),
        *('a"; filename="b', 'a\\"b', "upload00000", "mask-0", "labels-0.gz", "shown.npy", "series"),
    )
    return dice.choice(wild) + dice.choice((suffix, suffix, suffix.upper(), "", ".exe", suffix * 2))
