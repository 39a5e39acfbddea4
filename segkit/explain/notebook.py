"""An explanation as a notebook shows it: verdict first, then the image and the map over it."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from segkit.explain.explanation import Explanation, coloured_heat

SIDE = 400
"""Pixels of a picture's longer side."""
OPACITY = 0.55
"""Of the map over the image."""


def panel(explanation: Explanation) -> str:
    """Return a piece of HTML that holds its pictures; names and verdict in it are text, whatever they hold."""
    level = fullest(explanation.shown)
    heat = coloured_heat(explanation.shown if level is None else explanation.shown[level])
    size = display_size(heat.shape[1], heat.shape[0])
    over: np.ndarray = np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR), np.float32)
    pictures = []
    if explanation.image is not None:
        beneath = np.asarray(Image.fromarray(as_rgb(explanation.image, level)).resize(size, Image.Resampling.BILINEAR))
        pictures.append(("image", beneath))
        over = OPACITY * over + (1 - OPACITY) * beneath
    pictures.append(("map over the image" if pictures else "map", np.rint(over).astype(np.uint8)))
    figures = "".join(
        f'<figure style="margin:0"><img alt="{name}" src="{png_url(picture)}"><figcaption>{name}</figcaption></figure>'
        for name, picture in pictures
    )
    said = [explanation.evidence.get("verdict", explanation.status), *explanation.evidence.get("words", ())]
    about = repr(explanation)[1:-1].partition(":")[0].removeprefix("Explanation ")
    verdict = (
        f"<p><strong>{html.escape(str(said[0]))}</strong>{html.escape(''.join(f'; {word}' for word in said[1:]))}</p>"
    )
    row = f'<div style="display:flex;flex-wrap:wrap;gap:12px">{figures}</div>'
    return f"<div>{verdict}{row}<p>{html.escape(about)}</p></div>"


def fullest(heat: np.ndarray) -> int | None:
    """The axial slice of a volume with the most heat; None of a plane."""
    return None if heat.ndim == 2 else int(heat.sum(axis=(1, 2)).argmax())


def display_size(width: int, height: int) -> tuple[int, int]:
    """Width and height whose longer side is SIDE."""
    scale = SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def as_rgb(image: np.ndarray, level: int | None) -> np.ndarray:
    """Return an image (C, *S), of a volume one slice, as (H, W, 3) uint8: three channels as colours, else the first."""
    plane = image if level is None else image[:, level]
    shown = plane if len(plane) == 3 else np.repeat(plane[:1], 3, axis=0)
    if shown.dtype != np.uint8:
        low, high = np.percentile(shown, (1, 99))
        shown = (np.clip((shown.astype(np.float32) - low) / max(float(high - low), 1e-6), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(shown.transpose(1, 2, 0))


def png_url(picture: np.ndarray) -> str:
    """A picture as an address that holds it."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
