"""NIfTI volumes whose headers say what cannot be, that unpack to much, or that are something else."""

from __future__ import annotations

import gzip
import math
import random
import struct
from functools import lru_cache
from pathlib import Path

from siege import Attack
from spoiling import another_kind, spoil_bytes
from works import in_a_fork, volume

PREDICT = ("predict", "volumes", "images", "-o", "out", "--device", "cpu", "--workers", "0")
OPTIONS = ((), (), ("--overlays",), ("--probabilities",), ("--json",))
FLOATS = (0.0, -1.0, 1e-30, 1e-8, 0.001, 1e6, 1e30, 3.4e38, float("nan"), float("inf"), -float("inf"))
DIMENSIONS = (0, 1, 2, -1, -32768, 32767, 30000, 6, 7, 9000)
FIELDS: dict[str, tuple[int, str, tuple[float | int, ...]]] = {
    **{f"dim{axis}": (40 + 2 * axis, "<h", DIMENSIONS) for axis in range(8)},
    "datatype": (70, "<h", (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1536, 1792, 2048, 2304, -1)),
    "bitpix": (72, "<h", (0, 1, 8, 64, -8)),
    **{f"pixdim{axis}": (76 + 4 * axis, "<f", FLOATS) for axis in range(5)},
    "vox_offset": (108, "<f", (*FLOATS, 0, 348, 352, 1e9)),
    "scl_slope": (112, "<f", FLOATS),
    "scl_inter": (116, "<f", FLOATS),
    "units": (123, "<B", (0, 1, 2, 3, 7, 8, 255)),
    "qform_code": (252, "<h", (-1, 0, 1, 5, 99)),
    "sform_code": (254, "<h", (-1, 0, 1, 5, 99)),
    **{f"quatern_{place}": (256 + 4 * place, "<f", FLOATS) for place in range(6)},
    **{f"srow_{place}": (280 + 4 * place, "<f", FLOATS) for place in range(12)},
    "sizeof_hdr": (0, "<i", (0, 348, 540, -1, 1543569408)),
    "magic": (344, "<I", (0, 0x0031696E, 0x00312B6E, 0xFFFFFFFF)),
    "extension": (348, "<I", (0, 1, 0xFFFFFFFF)),
}
OTHERS = (
    *(b"", b"\0" * 400, b"\0" * 128 + b"DICM" + bytes(200), b"NRRD0004\n", b"\x1f\x8b", b"\x1f\x8b\x08" + bytes(7)),
    *(b"ObjectType = Image\nElementDataFile = ../outside/canary\n", b"\x89HDF\r\n\x1a\n", b"PK\3\4" + bytes(60)),
)
SIDES = ((512, 512, 900), (2000, 2000, 50), (1, 1, 30000), (30000, 1, 1), (2000, 2000, 1), (400, 400, 400))
RIGHT = ((8000, 8000, 1), (1, 8000, 8000), (8000, 1, 8000), (4000, 4000, 3), (400, 400, 400), (32000, 1000, 1))
ZEROS = gzip.compress(bytes(60_000_000), 9)
TEXT = b"\x1b]0;title\x07\x1b[2J<script>alert(1)</script>"


@lru_cache
def zeros(count: int) -> bytes:
    """So many zeros, packed."""
    return gzip.compress(bytes(count), 1)


def large(header: bytes, count: int) -> bytes:
    """A volume with all its voxels."""
    return gzip.compress(header) + zeros(count)


class Volumes:
    """Attacks by volumes beside a right one, whose prediction is what it is without them."""

    name = "volumes"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Predict the right one alone."""
        (place / "volumes").symlink_to(self.works / "volumes")
        (place / "images").mkdir()
        volume(0, place / "images" / "right.nii.gz")
        in_a_fork(PREDICT, place)
        self.right = gzip.decompress((place / "out" / "right.nii.gz").read_bytes())
        self.image = (place / "images" / "right.nii.gz").read_bytes()
        self.whole = gzip.decompress(self.image)

    def draw(self, home: Path, seed: int) -> Attack:
        """Lay one or two volumes beside the right one."""
        dice = random.Random(seed)
        (home / "volumes").symlink_to(self.works / "volumes")
        (home / "images").mkdir()
        (home / "images" / "right.nii.gz").write_bytes(self.image)
        for number in range(dice.randint(1, 2)):
            path = home / "images" / f"volume-{number}{dice.choice(('.nii', '.nii.gz', '.nii.gz', '.NII.GZ'))}"
            path.write_bytes(self.spoiled(dice))
            if dice.random() < 0.06:
                another_kind(path, dice)
            elif dice.random() < 0.1 and path.stat().st_size:
                spoil_bytes(path, dice)

        def check(code: int) -> str:
            path = home / "out" / "right.nii.gz"
            if not path.is_file() or gzip.decompress(path.read_bytes()) != self.right:
                return f"the right one is not predicted as alone, code {code}"
            return ""

        return Attack((*PREDICT, *dice.choice(OPTIONS)), check)

    def spoiled(self, dice: random.Random) -> bytes:
        """Return a volume with a few fields of its header changed, or another thing of its name."""
        kind = dice.random()
        if kind < 0.1:
            return dice.choice(OTHERS)
        data = bytearray(self.whole)
        if kind < 0.9:
            for _ in range(dice.choice((1, 1, 1, 2, 3))):
                place, form, values = FIELDS[dice.choice(sorted(FIELDS))]
                struct.pack_into(form, data, place, dice.choice(values))
        if dice.random() < 0.2:
            for place, length in ((148, 80), (228, 24), (328, 16), (4, 10), (14, 18)):
                data[place : place + length] = TEXT[:length].ljust(length, b"\0")
        if kind >= 0.97:
            return self.bomb(data, dice)
        return gzip.compress(data, 1) if dice.random() < 0.6 else bytes(data)

    @staticmethod
    def bomb(data: bytearray, dice: random.Random) -> bytes:
        """A small file that says that it holds much, unpacks to much, or holds all of a large volume."""
        if dice.random() < 0.3:
            sides = dice.choice(RIGHT)
            struct.pack_into("<4h", data, 40, 3, *sides)
            return large(bytes(data[:352]), math.prod(sides) * 2)
        struct.pack_into("<4h", data, 40, 3, *dice.choice(SIDES))
        return gzip.compress(bytes(data), 1) + ZEROS * dice.randint(1, 4)
