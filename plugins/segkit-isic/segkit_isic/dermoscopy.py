"""Draw one dermoscopy-like photograph and the mask of its lesion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from segkit_isic import artefacts

Generator = np.random.Generator

SKIN = np.array(
    [
        [238, 205, 186],
        [229, 178, 158],
        [216, 186, 160],
        [200, 150, 125],
        [201, 183, 190],
        [170, 121, 95],
        [226, 160, 130],
    ]
)
"""Skin under a dermatoscope's light, from fair to dark, some of it under a cold white balance (RGB)."""
PIGMENT = {
    "brown": (0.62, 0.47, 0.38),
    "dark": (0.36, 0.28, 0.26),
    "red": (0.93, 0.62, 0.60),
    "tan": (0.88, 0.76, 0.60),
    "blue-grey": (0.60, 0.68, 0.78),
    "pale": (1.04, 1.20, 1.24),
}
"""What is left of the skin's colour where a lesion is fully pigmented (factor per channel)."""
SHARE_OF_PIGMENT = {"brown": 0.40, "dark": 0.16, "red": 0.20, "tan": 0.12, "blue-grey": 0.07, "pale": 0.05}
SMALLEST, LARGEST = 0.02, 0.60
"""Share of the picture that a lesion takes."""


@dataclass(frozen=True)
class Grid:
    """Pixel coordinates of a picture, in units of its shorter side, (0, 0) at its centre."""

    y: np.ndarray
    x: np.ndarray

    @classmethod
    def of(cls, height: int, width: int) -> Grid:
        """Coordinates of the pixel centres."""
        side = min(height, width)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        return cls((y + 0.5 - height / 2) / side, (x + 0.5 - width / 2) / side)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.y.shape
        return height, width


def draw_pair(rng: Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a photograph and its mask.

    Returns:
        uint8 image (H, W, 3) and uint8 mask (H, W) of 0 and 1.
    """
    image, lesion, _ = draw_with_hair(rng, height, width)
    return image, lesion


def draw_with_hair(rng: Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the same photograph and mask as `draw_pair`, and a mask of the hair that lies over skin and lesion."""
    grid = Grid.of(height, width)
    edge = lesion_edge(rng, grid)
    picture = draw_skin(rng, grid)
    picture = draw_lesion(rng, picture, edge)
    picture, hair = artefacts.add(rng, picture, edge < 0, grid.y, grid.x)
    image = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return image, (edge < 0).astype(np.uint8), hair.astype(np.uint8)


def smooth_noise(rng: Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Noise of about zero mean and unit deviation (H, W) whose blobs are a `cells`-th of the shorter side."""
    height, width = shape
    cell = min(shape) / cells
    coarse = rng.standard_normal((int(np.ceil(height / cell)) + 3, int(np.ceil(width / cell)) + 3)).astype(np.float32)
    box = (1.0, 1.0, 1.0 + width / cell, 1.0 + height / cell)
    fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC, box=box)
    return np.asarray(fine) * np.float32(1.3)


def lesion_edge(rng: Generator, grid: Grid) -> np.ndarray:
    """Draw an outline of wanted size: a field (H, W), negative inside, about the distance from the edge."""
    wanted = np.exp(rng.uniform(np.log(SMALLEST * 1.5), np.log(LARGEST * 0.85)))
    room = max(0.06, 0.30 - 0.30 * np.sqrt(wanted))
    centre = rng.uniform(-room, room, 2) * (1.0, grid.shape[1] / grid.shape[0])
    outlines = [Outline.draw(rng, centre)]
    if rng.random() < 0.25:
        angle = rng.uniform(0, 2 * np.pi)
        beside = centre + 0.9 * np.sqrt(wanted) * np.array([np.sin(angle), np.cos(angle)]) * rng.uniform(0.4, 0.7)
        outlines.append(Outline.draw(rng, beside))
    size = np.sqrt(wanted * grid.shape[1] / grid.shape[0] / np.pi)
    # The frame cuts and lobes overlap, so that the size which gives the wanted area has to be found.
    for _ in range(4):
        edge: np.ndarray = np.min([outline.field(grid, size) for outline in outlines], axis=0)
        size *= np.sqrt(wanted / max(float((edge < 0).mean()), 1e-3))
    return edge


@dataclass(frozen=True)
class Outline:
    """One star-shaped lobe: a turned ellipse with waves of falling height around it."""

    centre: np.ndarray
    turn: float
    aspect: float
    waves: np.ndarray
    phases: np.ndarray

    @classmethod
    def draw(cls, rng: Generator, centre: np.ndarray) -> Outline:
        """Draw a lobe of unit size."""
        orders = np.arange(2, 26)
        irregular = rng.uniform(0.05, 0.30)
        waves = irregular * rng.standard_normal(orders.size) / orders ** rng.uniform(0.9, 1.6)
        turn, aspect = rng.uniform(0, np.pi), rng.uniform(1.0, 1.8)
        return cls(centre, turn, aspect, waves, rng.uniform(0, 2 * np.pi, orders.size))

    def field(self, grid: Grid, size: float) -> np.ndarray:
        """Signed distance from the outline, taken along the ray from the centre."""
        y, x = grid.y - np.float32(self.centre[0]), grid.x - np.float32(self.centre[1])
        along = (np.cos(self.turn) * x + np.sin(self.turn) * y) / np.sqrt(self.aspect)
        across = (np.cos(self.turn) * y - np.sin(self.turn) * x) * np.sqrt(self.aspect)
        around = np.linspace(-np.pi, np.pi, 721)
        orders = np.arange(2, 2 + self.waves.size)
        radius = np.clip(1 + (self.waves * np.cos(np.outer(around, orders) + self.phases)).sum(1), 0.35, 2.0)
        reach = np.interp(np.arctan2(across, along), around, radius).astype(np.float32)
        distance: np.ndarray = np.hypot(along, across) - reach * np.float32(size)
        return distance


def draw_skin(rng: Generator, grid: Grid) -> np.ndarray:
    """Skin of one tone with blotches, fine texture, freckles and vessels, float32 (H, W, 3) in 0 to 255."""
    tone = SKIN[rng.integers(len(SKIN))] * rng.uniform(0.9, 1.06) * (1 + rng.normal(0, 0.03, 3))
    blotches = rng.uniform(0.01, 0.04) * smooth_noise(rng, grid.shape, int(rng.integers(3, 8)))
    texture = rng.uniform(0.008, 0.03) * smooth_noise(rng, grid.shape, int(rng.integers(40, 90)))
    redness = rng.uniform(0.0, 0.04) * np.abs(smooth_noise(rng, grid.shape, int(rng.integers(5, 14))))
    freckles = rng.uniform(0.0, 0.12) * np.clip(smooth_noise(rng, grid.shape, 26) - 1.9, 0, 1)
    shade = (1 + blotches + texture - freckles)[..., None]
    skin: np.ndarray = tone * shade * (1 + redness[..., None] * (0.3, -1.0, -0.8))
    return skin.astype(np.float32)


def draw_lesion(rng: Generator, skin: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Pigment the skin inside the edge: one or two colours, network, dots, sometimes a white-blue veil."""
    shape = edge.shape
    size = float(np.sqrt((edge < 0).mean()))
    blur = rng.uniform(0.004, 0.02) * (1 + 0.5 * smooth_noise(rng, shape, 4).clip(-1, 1))
    cover = 1 / (1 + np.exp(np.clip(edge / blur, -30, 30)))
    first, second = rng.choice(list(PIGMENT), 2, p=list(SHARE_OF_PIGMENT.values()))
    strength = rng.uniform(0.6, 1.1)
    factor = np.array(PIGMENT[first]) ** strength
    two_toned = np.zeros(shape)
    if rng.random() < 0.45:
        two_toned = 1 / (
            1 + np.exp(-4 * (smooth_noise(rng, shape, max(2, round(1.5 / size))) + rng.uniform(-0.8, 0.4)))
        )
    other = np.array(PIGMENT[second]) ** strength
    factor = factor + two_toned[..., None] * (other - factor)
    depth = 1 + rng.uniform(0.05, 0.35) * smooth_noise(rng, shape, int(rng.integers(5, 12)))
    depth -= rng.uniform(0.1, 0.4) * np.abs(smooth_noise(rng, shape, int(rng.integers(22, 40))))
    if rng.random() < 0.4:
        depth += rng.uniform(0.5, 1.2) * (smooth_noise(rng, shape, int(rng.integers(24, 44))) > 1.5)
    lesion = skin * factor ** (np.clip(depth, 0.15, 2.2)[..., None])
    # Lesions flatten the skin's own lines and carry a grain of pigment.
    lesion *= (1 + rng.uniform(0.02, 0.06) * smooth_noise(rng, shape, 64))[..., None]
    if rng.random() < 0.15:
        veil = np.clip(smooth_noise(rng, shape, max(2, round(1.2 / size))), 0, 1.2)[..., None] * rng.uniform(0.3, 0.6)
        lesion = lesion + veil * (np.array([172, 186, 208]) - lesion)
    blended: np.ndarray = skin + cover[..., None] * (lesion - skin)
    return blended.astype(np.float32)
