"""One image's explanations in one picture: image, reference, prediction, and every heat map with a colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from segkit.contracts import IGNORE
from segkit.explain.explanation import COLOUR_MAP, UNCERTAINTY, Explanation
from segkit.explain.targets import OK
from segkit.report.explanation_tiles import Tile, make_tiles
from segkit.report.pictures import displayable
from segkit.report.style import DISCLAIMER, LIGHT, figure_style, png_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_INCHES = 2.9
DOTS_PER_INCH = 130


@dataclass(frozen=True)
class Pictures:
    """Everything that is drawn of one explained image.

    Attributes:
        tiles: one by one.
        found: the explanations, by explainer, then by class.
    """

    tiles: tuple[Tile, ...]
    found: Sequence[Explanation]

    def panel(self, notice: str = "") -> bytes:
        """Draw all of them in one picture and return the PNG file; the same bytes every time.

        Args:
            notice: said below: that the data are generated.
        """
        with figure_style(LIGHT):
            return png_bytes(_figure(self.tiles, self.found, notice))


def draw_pictures(
    image: np.ndarray,
    reference: np.ndarray | None,
    prediction: np.ndarray,
    found: Sequence[Explanation],
    *,
    classes: Sequence[str],
) -> Pictures:
    """Draw image, masks and heat maps, a row for each class and target.

    Args:
        image: (C, *S); of a volume one slice is drawn.
        reference, prediction: (*S), or (classes, *S).
        found: by explainer, then by class.
    """
    rows: dict[str, list[tuple[int, Explanation]]] = {}
    if image.ndim == 4:
        image, reference, prediction, found = one_slice(image, reference, prediction, found)
    for position, explanation in enumerate(found):
        # What the model is unsure of is of no class: a row of its own, whatever else is explained.
        row = UNCERTAINTY if explanation.of_uncertainty else str(explanation.meta["target"])
        rows.setdefault(row, []).append((position, explanation))
    labels = [label_of(row[0][1], classes) for row in rows.values()]
    return Pictures(tuple(make_tiles(displayable(image), reference, prediction, list(rows.values()), labels)), found)


def one_slice(
    image: np.ndarray, reference: np.ndarray | None, prediction: np.ndarray, found: Sequence[Explanation]
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, list[Explanation]]:
    """Return the axial slice of a volume with the most foreground, seen with the anterior side up."""
    shown = prediction if reference is None or not (reference > 0).any() else reference
    foreground = ((shown > 0) & (shown != IGNORE)).reshape(-1, *shown.shape[-3:])
    plane = int(foreground.sum(axis=(0, 2, 3)).argmax())
    return (
        image[:, plane, ::-1],
        None if reference is None else reference[..., plane, ::-1, :],
        prediction[..., plane, ::-1, :],
        [replace(one, heat=one.heat[plane, ::-1]) for one in found],
    )


def _figure(tiles: Sequence[Tile], found: Sequence[Explanation], notice: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns = min(3, len(tiles))
    lines = -(-len(tiles) // columns)
    height, width = tiles[0].picture.shape[:2]
    shape = min(1.3, height / width)
    size = (PANEL_INCHES * columns + 0.45, (0.9 * PANEL_INCHES * shape + 0.55) * lines + 0.2)
    footer = 0.25 / size[1]
    layout = ConstrainedLayoutEngine(rect=(0, footer, 1, 1 - footer), w_pad=0.04, h_pad=0.05)
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout=layout)
    FigureCanvasAgg(figure)
    figure.text(0.006, 0.05 / size[1], " · ".join(filter(None, [DISCLAIMER, notice])), fontsize=8, color=LIGHT.muted)
    places = figure.subplots(lines, columns, squeeze=False).flatten()
    for tile, place in zip(tiles, places, strict=False):
        place.imshow(tile.picture)
        heading = tile.title if tile.map is None else "\n".join([tile.title, *described(found[tile.map])])
        place.set_title(heading, fontsize=9.5, weight="normal")
        if tile.map is not None:
            add_colour_bar(figure, place, found[tile.map].top)
    for place in places:
        place.set_axis_off()
    return figure


def label_of(explanation: Explanation, classes: Sequence[str]) -> int:
    """Return the label of an explanation's class, 0 for the background."""
    name = explanation.meta["class"]
    return list(classes).index(name) + 1 if name in classes else 0


def add_colour_bar(figure: Figure, axes: Axes, top: float) -> None:
    """Say which colour is which heat, from 0 to `top`."""
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap=COLOUR_MAP), cax=axes.inset_axes((1.025, 0, 0.04, 1)), ticks=[0, 0.5, 1])
    bar.ax.set_yticklabels([f"{share * top:.2g}" for share in (0, 0.5, 1)])
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_visible(False)


def described(explanation: Explanation) -> list[str]:
    """Say a map's verdict, and the score of its target; a count is of the pixels that the network saw."""
    meta = explanation.meta
    pixels = int(meta["target_pixels"])
    unit = "working voxels" if len(meta["working_size"]) == 3 else "working pixels"
    if explanation.of_uncertainty:
        lines = [f"mean {explanation.heat.mean():.2g}"]
    else:
        lines = [f"mean logit {explanation.target_score / pixels:.2f} of {pixels:,} {unit}" if pixels else "no pixels"]
    verdict = explanation.evidence.get("verdict")
    if explanation.status != OK:
        lines.append(explanation.status.upper())
    elif verdict:
        lines.append(str(verdict))
    return lines
