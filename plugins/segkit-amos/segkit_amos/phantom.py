"""Draw one abdomen and its label map: no two alike, in CT or MR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segkit_amos import anatomy
from segkit_amos.anatomy import BODY, Ellipsoid
from segkit_amos.organs import ORGANS

Generator = np.random.Generator

SIDE = 96
"""Rows and columns of a slice."""
FIELD = (345.0, 400.0)
"""Width of a slice in mm, from the narrowest to the widest."""
THICKNESS = (6.5, 8.0)
"""Of a slice, in mm: about twice the distance of two pixels."""
BOWEL_LOOPS = 14
LUMPS = 10
"""Bumps along the width of the volume that make organs other than smooth."""
UNEVEN = 0.1
"""How far bumps reach, as a share of an organ's radius."""
TEXTURE = {"ct": 7.0, "mr": 10.0}
"""How uneven an organ's brightness is."""
NO_GALLBLADDER = 0.08
"""Share of patients whose gallbladder was removed."""


@dataclass(frozen=True)
class Abdomen:
    """One drawn scan in RAS.

    Attributes:
        image: (X, Y, Z) int16.
        label: (X, Y, Z) uint8, AMOS's labels.
        affine: (4, 4) to RAS mm.
    """

    image: np.ndarray
    label: np.ndarray
    affine: np.ndarray


@dataclass(frozen=True)
class Space:
    """Coordinates of every voxel in mm, x to the right, y to the front, z to the head; they broadcast to (X, Y, Z)."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """(X, Y, Z)."""
        return np.broadcast_shapes(self.x.shape, self.y.shape, self.z.shape)

    def around(self, organ: Ellipsoid) -> tuple[slice, ...]:
        """The part of the volume that an ellipsoid can reach into, turned and uneven as it may be."""
        reach = 1.5 * max(organ.radii[:2])
        reaches = (reach, reach, 1.5 * organ.radii[2])
        places = []
        for axis, centre, far in zip((self.x, self.y, self.z), organ.centre, reaches, strict=True):
            near = np.flatnonzero(np.abs(axis.ravel() - centre) <= far)
            places.append(slice(int(near[0]), int(near[-1]) + 1) if near.size else slice(0, 0))
        return tuple(places)

    def part(self, place: tuple[slice, ...]) -> Space:
        """The coordinates of a part of the volume."""
        return Space(self.x[place[0]], self.y[:, place[1]], self.z[:, :, place[2]])


def draw(rng: Generator, modality: str) -> Abdomen:
    """Draw one scan, "ct" or "mr"."""
    pixel = rng.uniform(*FIELD) / SIDE
    thickness = rng.uniform(*THICKNESS)
    slices = round(anatomy.HEIGHT / thickness)
    affine = np.diag([pixel, pixel, thickness, 1.0])
    offset = np.array([SIDE - 1, SIDE - 1, slices - 1]) / 2 * np.diag(affine)[:3]
    affine[:3, 3] = -offset + rng.uniform(-40, 40, 3)
    steps = [
        np.arange(length) * size - shift
        for length, size, shift in zip((SIDE, SIDE, slices), np.diag(affine), offset, strict=False)
    ]
    x, y, z = np.meshgrid(*steps, indexing="ij", sparse=True)
    growth = rng.uniform(0.93, 1.07, 3)
    moved = rng.normal(0, 4, 3)
    space = Space(*((axis - shift) / size for axis, shift, size in zip((x, y, z), moved, growth, strict=True)))
    brightness = draw_body(rng, space, modality)
    label = draw_organs(rng, space, modality, brightness)
    image = scan_ct(rng, brightness) if modality == "ct" else scan_mr(rng, brightness)
    return Abdomen(image, label, affine)


def draw_body(rng: Generator, space: Space, modality: str) -> np.ndarray:
    """Skin, fat, muscle, spine and bowel: everything that is no organ, float32 (X, Y, Z)."""
    column = 0 if modality == "ct" else 1
    tissue = {name: values[column] for name, values in anatomy.TISSUES.items()}
    from_centre = np.broadcast_to(np.hypot(space.x / BODY[0], space.y / BODY[1]), space.shape)
    picture = np.full(space.shape, tissue["air"], np.float32)
    picture[from_centre < 1] = tissue["fat"]
    picture[from_centre < anatomy.SKIN] = tissue["muscle"]
    inside = from_centre < anatomy.MUSCLE
    picture[inside] = tissue["inside"]
    for _ in range(BOWEL_LOOPS):
        centre = rng.uniform((-95, -15, -95), (95, 65, 20))
        loop = Ellipsoid("bowel", (centre[0], centre[1], centre[2]), tuple(rng.uniform(10, 24, 3)), 0, 0)
        place = space.around(loop)
        taken = inside_of(loop, space.part(place)) & inside[place]
        picture[place][taken] = tissue["bowel"] + rng.normal(0, 12)
    picture[inside_of(anatomy.SPINE, space)] = anatomy.SPINE.ct if modality == "ct" else anatomy.SPINE.mr
    return picture


def draw_organs(rng: Generator, space: Space, modality: str, picture: np.ndarray) -> np.ndarray:
    """Draw the organs into `picture`; returns their label map, uint8 (X, Y, Z)."""
    label = np.zeros(space.shape, np.uint8)
    from_centre = np.hypot(space.x / BODY[0], space.y / BODY[1])
    within = np.broadcast_to(from_centre < anatomy.SKIN - 0.02, space.shape)
    for organ in anatomy.ORGANS:
        if organ.name == "gallbladder" and rng.random() < NO_GALLBLADDER:
            continue
        centre = np.asarray(organ.centre) + rng.normal(0, 3, 3)
        radii = np.asarray(organ.radii) * rng.uniform(0.9, 1.12) * rng.uniform(0.95, 1.05, 3)
        own = Ellipsoid(organ.name, tuple(centre), tuple(radii), organ.ct, organ.mr)
        place = space.around(own)
        part = space.part(place)
        noise = smooth_noise(rng, part.shape, space.shape[0] / LUMPS)
        taken = inside_of(own, part, turn=rng.normal(0, 0.12), bumps=UNEVEN * noise) & within[place]
        label[place][taken] = ORGANS.index(organ.name) + 1
        mean = organ.ct + rng.normal(0, 8) if modality == "ct" else organ.mr * rng.uniform(0.92, 1.08)
        picture[place][taken] = mean + TEXTURE[modality] * noise[taken]
    return label


def inside_of(organ: Ellipsoid, space: Space, turn: float = 0.0, bumps: np.ndarray | float = 0.0) -> np.ndarray:
    """Which voxels an ellipsoid takes, bool (X, Y, Z), turned about the z axis by radians, its surface made uneven."""
    x, y, z = space.x - organ.centre[0], space.y - organ.centre[1], space.z - organ.centre[2]
    cosine, sine = np.cos(turn), np.sin(turn)
    along, across = cosine * x + sine * y, cosine * y - sine * x
    a, b, c = organ.radii
    taken: np.ndarray = np.sqrt((along / a) ** 2 + (across / b) ** 2 + (z / c) ** 2) < 1 + bumps
    return taken


def smooth_noise(rng: Generator, shape: tuple[int, ...], cell: float) -> np.ndarray:
    """Noise (X, Y, Z) of about unit deviation, smooth over `cell` voxels."""
    from scipy.ndimage import map_coordinates

    coarse = rng.standard_normal([int(length / cell) + 3 for length in shape]).astype(np.float32)
    places = np.meshgrid(*(np.arange(length) / cell + 0.5 for length in shape), indexing="ij")
    noise: np.ndarray = map_coordinates(coarse, places, order=1, mode="nearest") * 1.6
    return noise


def scan_ct(rng: Generator, brightness: np.ndarray) -> np.ndarray:
    """Hounsfield units as a scanner gives them: blurred a little, with noise."""
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(brightness, (0.6, 0.6, 0.3))
    return rounded(blurred + rng.normal(0, rng.uniform(12, 22), blurred.shape), -1024, 3071)


def scan_mr(rng: Generator, brightness: np.ndarray) -> np.ndarray:
    """MR brightness: an uneven coil, any scale, and noise that is never negative (Rician)."""
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(brightness, (0.6, 0.6, 0.3))
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, length) for length in blurred.shape), indexing="ij", sparse=True)
    tilt, bend = rng.normal(0, 0.10, 3), rng.normal(0, 0.06, 3)
    coil = np.exp(tilt[0] * x + tilt[1] * y + tilt[2] * z + bend[0] * x**2 + bend[1] * y**2 + bend[2] * z**2)
    level = rng.uniform(8, 14)
    real, imaginary = (rng.normal(0, level, blurred.shape) for _ in range(2))
    values = np.hypot(blurred * coil + real, imaginary) * rng.uniform(0.6, 2.5)
    return rounded(values, 0, 32767)


def rounded(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """Whole numbers from `low` to `high`, int16."""
    whole: np.ndarray = np.clip(np.rint(values), low, high).astype(np.int16)
    return whole
