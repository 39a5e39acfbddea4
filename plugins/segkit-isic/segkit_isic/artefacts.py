"""What lies over the skin in dermoscopy: hair, rulers, stickers, gel, and the camera's light, frame, blur and noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Generator = np.random.Generator

SUPERSAMPLING = 3
STICKERS = ((63, 92, 190), (222, 180, 62), (88, 160, 84), (74, 168, 190))


def add(
    rng: Generator, picture: np.ndarray, lesion: np.ndarray, y: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Add a random choice of artefacts to a picture, float32 (H, W, 3) in 0 to 255.

    Args:
        lesion: bool (H, W), which stickers and the frame leave in sight.
        y, x: coordinates (H, W) in units of the shorter side, 0 at the centre.

    Returns:
        The picture, and which pixels are hair for the most part, bool (H, W).
    """
    hairs = np.zeros(lesion.shape, bool)
    if rng.random() < 0.30:
        picture = gel_bubbles(rng, picture)
    if rng.random() < 0.22:
        picture = sticker(rng, picture, lesion, y, x)
    if rng.random() < 0.50:
        picture, hairs = hair(rng, picture)
    if rng.random() < 0.25:
        picture = ruler(rng, picture)
    picture = uneven_light(rng, picture, y, x)
    if rng.random() < 0.60:
        picture = vignette(rng, picture, lesion, y, x)
    return camera(rng, picture), hairs


def painted(
    picture: np.ndarray, colour: np.ndarray, opacity: float, draw: Callable[[ImageDraw.ImageDraw, int], None]
) -> np.ndarray:
    """Blend a colour into the picture where `draw` paints, with smooth edges."""
    return blended(picture, colour, opacity, painted_share(picture, draw))


def painted_share(picture: np.ndarray, draw: Callable[[ImageDraw.ImageDraw, int], None]) -> np.ndarray:
    """Return which share of each pixel of a picture `draw` paints, float32 (H, W) in 0 to 255."""
    height, width = picture.shape[:2]
    canvas = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING))
    draw(ImageDraw.Draw(canvas), SUPERSAMPLING)
    return np.asarray(canvas.reduce(SUPERSAMPLING), dtype=np.float32)


def blended(picture: np.ndarray, colour: np.ndarray, opacity: float, share: np.ndarray) -> np.ndarray:
    """Blend a colour into the picture by its share of each pixel."""
    mixed: np.ndarray = picture + share[..., None] * (opacity / 255) * (colour - picture)
    return mixed


def disc(canvas: ImageDraw.ImageDraw, scale: int, x: float, y: float, radius: float, **style: int) -> None:
    """Draw a circle given in pixels of the picture."""
    canvas.ellipse([scale * (x - radius), scale * (y - radius), scale * (x + radius), scale * (y + radius)], **style)


def hair(rng: Generator, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curved strokes, mostly dark, most of them combed one way; and which pixels they cover by half, bool (H, W)."""
    height, width = picture.shape[:2]
    colour = np.array([200, 190, 180]) if rng.random() < 0.12 else np.array([38, 28, 24]) * rng.uniform(0.6, 2.2)
    combed = rng.uniform(0, np.pi)
    count = round(float(np.exp(rng.uniform(np.log(3), np.log(40)))))
    thickness = rng.uniform(0.5, 1.5)

    def draw(canvas: ImageDraw.ImageDraw, scale: int) -> None:
        for _ in range(count):
            start = rng.uniform(-0.1, 1.1, 2) * (width, height)
            turn = combed + rng.normal(0, 0.35)
            length = rng.uniform(0.25, 1.1) * height
            bend = rng.normal(0, 0.9)
            turns = turn + bend * np.linspace(0, 1, 16)
            steps = np.stack([np.cos(turns), np.sin(turns)], 1) * length / 16
            points = (start + np.cumsum(steps, axis=0)) * scale
            line_width = max(1, round(thickness * rng.uniform(0.7, 1.3) * scale))
            canvas.line([(float(px), float(py)) for px, py in points], fill=255, width=line_width)

    opacity = float(rng.uniform(0.6, 0.95))
    share = painted_share(picture, draw)
    return blended(picture, colour, opacity, share), share >= 128


def ruler(rng: Generator, picture: np.ndarray) -> np.ndarray:
    """Ticks of a millimetre ruler along one side of the picture."""
    height, width = picture.shape[:2]
    vertical, far = rng.random(2) < 0.5
    gap, offset = rng.uniform(5, 11), rng.uniform(2, 14)

    def draw(canvas: ImageDraw.ImageDraw, scale: int) -> None:
        length = height if vertical else width
        depth = width if vertical else height
        for number in range(int(length / gap) + 1):
            reach = 11 if number % 10 == 0 else 8 if number % 5 == 0 else 5
            near, end = (depth - offset, depth - offset - reach) if far else (offset, offset + reach)
            along = number * gap
            ends = ((near, along), (end, along)) if vertical else ((along, near), (along, end))
            canvas.line([(px * scale, py * scale) for px, py in ends], fill=255, width=scale)

    return painted(picture, np.array([25, 25, 30]), float(rng.uniform(0.6, 0.95)), draw)


def sticker(rng: Generator, picture: np.ndarray, lesion: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A coloured disc at the rim of the picture, where it leaves the lesion free; none in the colour of a lesion."""
    angle = rng.uniform(0, 2 * np.pi)
    radius = rng.uniform(0.12, 0.3)
    # On an ellipse a little outside the frame, so that only a part of the disc is seen.
    centre = np.array([0.55 * np.sin(angle), 0.55 * x.max() / y.max() * np.cos(angle)])
    distance = np.hypot(y - centre[0], x - centre[1]) - radius
    if (lesion & (distance < 0.03)).any():
        return picture
    cover = 1 / (1 + np.exp(np.clip(distance / 0.004, -30, 30)))[..., None]
    colour = np.array(STICKERS[rng.integers(len(STICKERS))]) * rng.uniform(0.75, 1.15)
    covered: np.ndarray = picture + cover * (colour - picture)
    return covered


def gel_bubbles(rng: Generator, picture: np.ndarray) -> np.ndarray:
    """Rings of contact gel with a bright spot in each."""
    height, width = picture.shape[:2]
    bubbles = [(rng.uniform(0, width), rng.uniform(0, height), rng.uniform(2, 11)) for _ in range(rng.integers(2, 14))]

    def rings(canvas: ImageDraw.ImageDraw, scale: int) -> None:
        for px, py, radius in bubbles:
            disc(canvas, scale, px, py, radius, outline=255, width=scale)

    def glints(canvas: ImageDraw.ImageDraw, scale: int) -> None:
        for px, py, radius in bubbles:
            cx, cy, reach = px - 0.4 * radius, py - 0.4 * radius, max(0.7, 0.2 * radius)
            canvas.ellipse(
                [(cx - reach) * scale, (cy - reach) * scale, (cx + reach) * scale, (cy + reach) * scale], fill=255
            )

    picture = painted(picture, picture * rng.uniform(0.75, 0.9), 0.8, rings)
    return painted(picture, np.array([250, 250, 250]), float(rng.uniform(0.4, 0.9)), glints)


def uneven_light(rng: Generator, picture: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Light that falls off towards one side."""
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.45)
    lit: np.ndarray = picture * (1 + fall * (np.cos(angle) * x + np.sin(angle) * y))[..., None]
    return lit


def vignette(rng: Generator, picture: np.ndarray, lesion: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The dark frame of the dermatoscope's round window, where it leaves the lesion in sight."""
    distance = np.hypot(y - rng.uniform(-0.05, 0.05), x - rng.uniform(-0.05, 0.05))
    rim, softness = rng.uniform(0.50, 0.78), np.exp(rng.uniform(np.log(0.006), np.log(0.09)))
    light = 1 / (1 + np.exp(np.clip((distance - rim) / softness, -30, 30)))
    if (light[lesion] < 0.5).mean() > 0.02:
        return picture
    floor = rng.uniform(0.02, 0.25)
    framed: np.ndarray = picture * (floor + (1 - floor) * light)[..., None]
    return framed


def camera(rng: Generator, picture: np.ndarray) -> np.ndarray:
    """The lens's blur and the sensor's noise."""
    pixels = Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    blurred = np.asarray(pixels.filter(ImageFilter.GaussianBlur(rng.uniform(0.0, 1.2))), dtype=np.float32)
    return blurred + rng.uniform(0.5, 5.0) * rng.standard_normal(picture.shape).astype(np.float32)
