"""NIfTI files whose truth is known by construction, written byte by byte: every form of header that people have."""

from __future__ import annotations

import gzip
import random
import struct
from dataclasses import dataclass, field
from itertools import permutations, product
from pathlib import Path

import numpy as np

DTYPES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024, "u8": 1280}
UNITS = {"unknown": (0, 1.0), "mm": (2, 1.0), "m": (1, 1e-3), "um": (3, 1e3), "mm and s": (10, 1.0), "code 5": (5, 1.0)}
"""Code of xyzt_units, and by what a length in mm is multiplied to be written."""
ORIENTATIONS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
SFORMS = (
    "right", "right", "right", "absent", "no spacing", "twice as large", "identity", "zeros", "NaN", "absurd", "far",
    "sheared", "moved", "tilted", "mirrored", "negative code",
)  # fmt: skip
QFORMS = ("right", "right", "right", "absent", "not quite a unit", "no rotation", "NaN", "moved", "mirrored")
PIXDIMS = ("right", "right", "right", "zero", "negative", "ones", "twice as large", "NaN", "infinite", "absurd")
QFACS = ("right", "right", "0 for 1", "NaN for 1", "2")
SLOPES = (
    (1, 0),
    (0, 0),
    (float("nan"), 0),
    (0, 7),
    (float("nan"), float("nan")),
    (2, -3),
    (0.5, 1),
    (-1, 0),
    (0.25, 0),
)
PACKINGS = ("plain", "packed", "plain and trailing", "packed and trailing", "packed padding", "two members")
SPACINGS = ((1.4, 1.4, 10.0), (0.7, 0.8, 5.0), (1.0, 1.0, 1.0), (2.0, 3.0, 0.5), (1.0, 1.0, 3.0))


@dataclass
class Form:
    """One file: what was chosen for each part of its header, and what it holds.

    Attributes:
        volume: (D, H, W) in RAS as it truly is.
        scaling: slope and intercept that count.
    """

    sform: str = "right"
    sform_code: int = 1
    qform: str = "right"
    qform_code: int = 1
    pixdim: str = "right"
    qfac: str = "right"
    unit: str = "mm"
    dtype: str = "i2"
    scaling: tuple[float, float] = (1, 0)
    packing: str = "plain"
    big: bool = False
    second: bool = False
    orientation: tuple[tuple[int, ...], tuple[int, ...]] = ((0, 1, 2), (1, 1, 1))
    tilt: float = 0.0
    lengths: tuple[float, float, float] = (1.4, 1.4, 10.0)
    """Spacing in RAS: left to right, posterior to anterior, inferior to superior."""
    offset: int = 0
    volume: np.ndarray = field(default_factory=lambda: np.zeros((3, 4, 5)))

    def __post_init__(self) -> None:
        """Turn voxels wrongly in one form only, beside one that is right: a form that stands alone is what it says."""
        sound = self.pixdim in ("right", "negative") and self.qfac == "right"
        if self.qform == "mirrored" and not (sound and self.sform == "right"):
            self.qform = "right"
        if self.sform in ("mirrored", "identity") and not (sound and self.qform in ("right", "not quite a unit")):
            self.sform = "right"

    @property
    def affine(self) -> np.ndarray:
        """(4, 4) of the file's index order to RAS mm."""
        order, signs = self.orientation
        linear = np.zeros((3, 3))
        for axis, (towards, sign) in enumerate(zip(order, signs, strict=True)):
            linear[towards, axis] = sign * self.lengths[towards]
        return with_origin(turned(self.tilt) @ linear, (-20.0, 11.0, 300.0))

    @property
    def voxels(self) -> np.ndarray:
        """(X, Y, Z) of the file: of the volume in RAS (W, H, D), axes taken in the file's order and direction."""
        order, signs = self.orientation
        voxels = self.volume.transpose(2, 1, 0).transpose(order)
        return voxels[tuple(slice(None, None, sign) for sign in signs)]


def draw(source: random.Random) -> Form:
    """Draw one form; most parts of most files are right, as with people's files."""
    dtype = source.choice([*DTYPES])
    slope, intercept = source.choice(SLOPES)
    shape = source.choice([(3, 4, 5), (4, 3, 3), (2, 5, 4)])
    most = 100 if dtype in ("u1", "i1") else 255
    count = shape[0] * shape[1] * shape[2]
    values = (np.arange(count) * 37 % most).reshape(shape)
    return Form(
        sform=source.choice(SFORMS),
        sform_code=source.choice([1, 1, 2, 3, 4, 5]),
        qform=source.choice(QFORMS),
        qform_code=source.choice([1, 1, 1, 2, 3]),
        pixdim=source.choice(PIXDIMS),
        qfac=source.choice(QFACS),
        unit=source.choice([*UNITS]),
        dtype=dtype,
        scaling=(slope, intercept),
        packing=source.choice(PACKINGS),
        big=source.random() < 0.3,
        second=source.random() < 0.3,
        orientation=source.choice(ORIENTATIONS),
        tilt=source.choice([0.0, 0.0, 0.2]),
        lengths=source.choice(SPACINGS),
        offset=source.choice([0, 0, 16, 5]),
        volume=values,
    )


def write(form: Form, folder: Path) -> Path:
    """Write a file; `struct` alone makes it, so that no library's habits are in it."""
    end = ">" if form.big else "<"
    header = bytearray(540 if form.second else 348)
    factor = UNITS[form.unit][1]
    dims = [3, *form.voxels.shape, 1, 1, 1, 1]
    fields = nifti2(form, end, factor, dims) if form.second else nifti1(form, end, factor, dims)
    for place, packed in fields:
        header[place : place + len(packed)] = packed
    stored = np.asarray(form.voxels).astype(end + form.dtype)
    content = bytes(header) + b"\0" * (4 + form.offset) + stored.tobytes(order="F")
    return pack(content, form.packing, folder)


def pack(content: bytes, packing: str, folder: Path) -> Path:
    """Write plain or packed bytes, with or without some after their end."""
    trailing = b"\x07" * 300 if "trailing" in packing else b""
    if packing.startswith("plain"):
        path = folder / "a.nii"
        path.write_bytes(content + trailing)
        return path
    path = folder / "a.nii.gz"
    if packing == "two members":
        path.write_bytes(gzip.compress(content[:400]) + gzip.compress(content[400:]))
    elif packing == "packed padding":
        path.write_bytes(gzip.compress(content) + b"\x07 padding")
    else:
        path.write_bytes(gzip.compress(content + trailing))
    return path


def nifti1(form: Form, end: str, factor: float, dims: list[int]) -> list[tuple[int, bytes]]:
    """Bytes of a NIfTI-1 header by place."""
    slope, intercept = form.scaling
    quaternion, origin, qfac = quaternion_of(form)
    return [
        (0, struct.pack(end + "i", 348)),
        (40, struct.pack(end + "8h", *dims)),
        (70, struct.pack(end + "2h", DTYPES[form.dtype], 8 * int(form.dtype[1]))),
        (76, struct.pack(end + "8f", qfac, *pixdim_of(form, factor), 1, 1, 1, 1)),
        (108, struct.pack(end + "3f", 352 + form.offset, slope, intercept)),
        (123, bytes([UNITS[form.unit][0]])),
        (252, struct.pack(end + "2h", *codes_of(form))),
        (256, struct.pack(end + "6f", *quaternion, *numbers(origin * factor))),
        (280, struct.pack(end + "12f", *numbers(sform_of(form)[:3] * factor))),
        (344, b"n+1\0"),
    ]


def nifti2(form: Form, end: str, factor: float, dims: list[int]) -> list[tuple[int, bytes]]:
    """Bytes of a NIfTI-2 header by place."""
    slope, intercept = form.scaling
    quaternion, origin, qfac = quaternion_of(form)
    return [
        (0, struct.pack(end + "i", 540)),
        (4, b"n+2\0\r\n\x1a\n"),
        (12, struct.pack(end + "2h", DTYPES[form.dtype], 8 * int(form.dtype[1]))),
        (16, struct.pack(end + "8q", *dims)),
        (104, struct.pack(end + "8d", qfac, *pixdim_of(form, factor), 1, 1, 1, 1)),
        (168, struct.pack(end + "q2d", 544 + form.offset, slope, intercept)),
        (344, struct.pack(end + "2i", *codes_of(form))),
        (352, struct.pack(end + "6d", *quaternion, *numbers(origin * factor))),
        (400, struct.pack(end + "12d", *numbers(sform_of(form)[:3] * factor))),
        (500, struct.pack(end + "i", UNITS[form.unit][0])),
    ]


def numbers(values: np.ndarray) -> list[float]:
    """Return values as float32 holds them."""
    return [float(value) for value in np.clip(values.ravel(), -3.4e38, 3.4e38)]


def codes_of(form: Form) -> tuple[int, int]:
    """Return qform_code and sform_code."""
    sform = -1 if form.sform == "negative code" else 0 if form.sform == "absent" else form.sform_code
    return 0 if form.qform == "absent" else form.qform_code, sform


def pixdim_of(form: Form, factor: float) -> list[float]:
    """Return pixdim of the file's axes, in the header's unit."""
    true = np.linalg.norm(form.affine[:3, :3], axis=0) * factor
    made = {
        "right": true,
        "zero": true * [1, 1, 0],
        "negative": true * [-1, 1, 1],
        "ones": np.ones(3),
        "twice as large": 2 * true,
        "NaN": true * [np.nan, 1, 1],
        "infinite": true * [1, np.inf, 1],
        "absurd": true * 1e30,
    }
    return [float(length) for length in made[form.pixdim]]


def sform_of(form: Form) -> np.ndarray:
    """Return the sform in mm."""
    true, origin = form.affine, form.affine[:3, 3]
    linear = true[:3, :3]
    if form.sform == "absurd":
        return np.full((4, 4), -3.4e38)
    if form.sform == "NaN":
        return true * np.where(np.eye(4) > 0, np.nan, 1)
    made = {
        "no spacing": with_origin(linear / np.linalg.norm(linear, axis=0), origin),
        "twice as large": with_origin(2 * linear, origin),
        "identity": np.eye(4),
        "zeros": np.zeros((4, 4)),
        "far": with_origin(linear, (1e30, 0, 0)),
        "sheared": with_origin(np.array([[1, 0.4, 0], [0, 1, 0], [0, 0, 1]]) @ linear, origin),
        "moved": with_origin(linear, origin + 40),
        "tilted": with_origin(turned(0.15) @ linear, origin),
        "mirrored": with_origin(np.diag([-1, 1, 1]) @ linear, origin),
    }
    return made.get(form.sform, true)


def quaternion_of(form: Form) -> tuple[np.ndarray, np.ndarray, float]:
    """Return (b, c, d), the offset in mm, and qfac."""
    linear, origin = form.affine[:3, :3].copy(), form.affine[:3, 3]
    if form.qform == "mirrored":
        linear[0] *= -1
    linear /= np.linalg.norm(linear, axis=0)
    qfac = 1.0 if np.linalg.det(linear) > 0 else -1.0
    linear[:, 2] *= qfac
    vector = rotation_vector(linear)
    vector = {"not quite a unit": vector * (1 + 4e-4), "no rotation": np.array([0.9, 0.9, 0.9])}.get(form.qform, vector)
    if form.qform == "NaN":
        origin = origin * [np.nan, 1, 1]
    origin = origin + 25 if form.qform == "moved" else origin
    other = {"0 for 1": 0.0, "NaN for 1": float("nan"), "2": 2.0}.get(form.qfac, qfac)
    return vector, origin, other if qfac > 0 else qfac


def rotation_vector(rotation: np.ndarray) -> np.ndarray:
    """Return (b, c, d) of the unit quaternion with a positive first part: the axis times the sine of half the angle."""
    values, vectors = np.linalg.eigh((rotation + rotation.T) / 2)
    axis = vectors[:, int(np.argmax(values))]
    skew = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    axis = -axis if skew @ axis < 0 else axis
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    vector: np.ndarray = axis * np.sin(angle / 2)
    return vector


def turned(angle: float) -> np.ndarray:
    """A rotation by some angle about an oblique axis, by Rodrigues' formula."""
    x, y, z = np.array([1.0, -2.0, 0.5]) / np.sqrt(5.25)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def with_origin(linear: np.ndarray, origin: object) -> np.ndarray:
    """Make an affine."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, origin
    return affine
