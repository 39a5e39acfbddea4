"""The pictures of an explained image one by one, for a page that lays them out as wide as its window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from segkit.contracts import IGNORE
from segkit.explain.explanation import Explanation, coloured_heat
from segkit.report.overlays import outlines

TILE_SIDE = 560
"""Largest side in pixels: a third of the page's width, sharp on a screen of one and a half dots a pixel."""
LINE = 2
"""Width of an outline in pixels; a darker one of twice the width below it keeps it apart from any colour."""
DIMMED = 0.4
"""Brightness outside of a mask: lightness is told apart on any skin, in grey, and with any colour vision (issue 27)."""
FAINTEST, STRONGEST = 0.15, 0.75
"""Opacity of the coldest and of the hottest place: the image shines through a heat map everywhere."""


@dataclass(frozen=True)
class Tile:
    """One picture.

    Attributes:
        picture: (H, W, 3) uint8.
        map: the position of the explanation that it shows, None of image and masks.
    """

    title: str
    picture: np.ndarray
    map: int | None = None


def make_tiles(
    picture: np.ndarray,
    reference: np.ndarray | None,
    prediction: np.ndarray,
    rows: Sequence[Sequence[tuple[int, Explanation]]],
    labels: Sequence[int],
) -> Iterator[Tile]:
    """Yield image, masks and heat maps, a row of them for each target.

    Args:
        picture: (H, W, 3) uint8.
        rows: explanations of one target with their positions.
        labels: the label of each row's class.
    """
    display = at_display_size(picture)
    yield Tile("image", display)
    drawn: set[str] = set()
    for row, label in zip(rows, labels, strict=True):
        unsure = row[0][1].of_uncertainty
        masks = (
            beside_uncertainty(reference, prediction)
            if unsure
            else beside_class(label, str(row[0][1].meta["class"]), reference, prediction)
        )
        for title, inside in masks.items():
            if title not in drawn:
                yield Tile(title, outlined(spotlit(display, inside), inside))
        drawn |= {*masks}
        # Of a class the reference where there is one, of uncertainty the errors: what the heat is to be seen beside.
        pixels = list(masks.values())[-1 if unsure else 0]
        for position, explanation in row:
            yield Tile(title_of(explanation), outlined(blended(display, explanation.shown), pixels), position)


def beside_class(label: int, name: str, reference: np.ndarray | None, prediction: np.ndarray) -> dict[str, np.ndarray]:
    """Return a class in each mask, bool (H, W), by what it is called."""
    masks = {"reference": reference, "prediction": prediction}
    return {f"{kind}: {name}": of_label(mask, label) for kind, mask in masks.items() if mask is not None}


def beside_uncertainty(reference: np.ndarray | None, prediction: np.ndarray) -> dict[str, np.ndarray]:
    """Return what is predicted, whichever class, and where that is wrong, bool (H, W), by what it is called."""
    grid = prediction.shape[-2:]
    masks = {"prediction: any class": np.asarray((prediction > 0).reshape(-1, *grid).any(axis=0))}
    if reference is not None:
        wrong = (prediction != reference) & (reference != IGNORE)
        masks["wrong"] = np.asarray(wrong.reshape(-1, *grid).any(axis=0))
    return masks


def title_of(explanation: Explanation) -> str:
    """Say explainer and target; of uncertainty what its colours mean, which differs from map to map."""
    target = f"uncertainty, 0 to {explanation.top:.2g}" if explanation.of_uncertainty else explanation.meta["target"]
    return f"{str(explanation.meta['explainer']).rpartition(':')[2]}, {target}"


def of_label(mask: np.ndarray, label: int) -> np.ndarray:
    """Return where a mask (H, W), or (classes, H, W), has a label, bool (H, W)."""
    found: np.ndarray = mask == label if mask.ndim == 2 else mask[label - 1] == 1
    return found


def blended(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return a picture in grey with a heat map (H, W) in colours over it, the hotter the more opaque."""
    height, width = picture.shape[:2]
    grey = np.asarray(Image.fromarray(picture).convert("L"), np.float32)[..., None]
    way = Image.Resampling.BOX if heat.shape[0] > height else Image.Resampling.BILINEAR
    plane = Image.fromarray(heat.astype(np.float32)).resize((width, height), way)
    values = np.asarray(plane).clip(0, 1)
    opacity = (FAINTEST + (STRONGEST - FAINTEST) * values)[..., None]
    return np.asarray((1 - opacity) * grey + opacity * coloured_heat(values), np.uint8)


def spotlit(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return a picture that is dark outside of a mask (H, W)."""
    height, width = picture.shape[:2]
    plane = Image.fromarray(inside.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    light = DIMMED + (1 - DIMMED) * np.asarray(plane)[..., None]
    return np.asarray(picture * light, np.uint8)


def outlined(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return a picture with the outline of a mask (H, W)."""
    height, width = picture.shape[:2]
    drawn = Image.fromarray(picture)
    draw = ImageDraw.Draw(drawn)
    lines = [[(x - 0.5, y - 0.5) for x, y in line] for line in outlines(inside.astype(np.uint8), (width, height))]
    for colour, thickness in (((0, 0, 0), 2 * LINE), ((255, 255, 255), LINE)):
        for line in lines:
            draw.line(line, fill=colour, width=thickness, joint="curve")
    return np.asarray(drawn)


def at_display_size(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) with its longest side as the page shows it, so that outlines are equally sharp."""
    height, width = picture.shape[:2]
    scale = TILE_SIDE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize(size, way))
