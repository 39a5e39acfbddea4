"""One image's explanations in one picture: image, reference, prediction, and every heat map with a colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from segkit.contracts import IGNORE
from segkit.explain.explanation import COLOUR_MAP, Explanation
from segkit.explain.targets import OK
from segkit.report.overlays import outlines
from segkit.report.pictures import displayable
from segkit.report.style import DISCLAIMER, LIGHT, figure_style, png_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_SIDE = 320
"""Largest side of a shown image, in pixels."""
PANEL_INCHES = 2.35
DOTS_PER_INCH = 130
MASK_COLOUR = (230, 159, 0)
"""The orange of Okabe and Ito's palette, told apart with any colour vision."""


def panel_png(
    image: np.ndarray,
    reference: np.ndarray | None,
    prediction: np.ndarray,
    found: Sequence[Explanation],
    *,
    classes: Sequence[str],
    notice: str = "",
) -> bytes:
    """Draw one row per class and target and return the PNG file; the same bytes every time.

    Args:
        image: (C, *S); of a volume one slice is drawn.
        reference, prediction: (*S), or (classes, *S).
        found: by explainer, then by class.
        notice: said below: that the data are generated.
    """
    rows: dict[str, list[Explanation]] = {}
    for explanation in found:
        rows.setdefault(str(explanation.meta["target"]), []).append(explanation)
    if image.ndim == 4:
        image, reference, prediction, rows = one_slice(image, reference, prediction, rows)
    with figure_style(LIGHT):
        return png_bytes(_figure(displayable(image), reference, prediction, list(rows.values()), classes, notice))


def one_slice(
    image: np.ndarray, reference: np.ndarray | None, prediction: np.ndarray, rows: dict[str, list[Explanation]]
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, dict[str, list[Explanation]]]:
    """Return the axial slice of a volume with the most foreground, seen with the anterior side up."""
    shown = prediction if reference is None or not (reference > 0).any() else reference
    foreground = ((shown > 0) & (shown != IGNORE)).reshape(-1, *shown.shape[-3:])
    plane = int(foreground.sum(axis=(0, 2, 3)).argmax())
    return (
        image[:, plane, ::-1],
        None if reference is None else reference[..., plane, ::-1, :],
        prediction[..., plane, ::-1, :],
        {target: [replace(one, heat=one.heat[plane, ::-1]) for one in row] for target, row in rows.items()},
    )


def _figure(
    picture: np.ndarray,
    reference: np.ndarray | None,
    prediction: np.ndarray,
    rows: Sequence[Sequence[Explanation]],
    classes: Sequence[str],
    notice: str,
) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    first = 2 if reference is None else 3
    columns = first + max(len(row) for row in rows)
    height, width = picture.shape[:2]
    shape = min(1.3, height / width)
    size = (PANEL_INCHES * columns + 0.45, (0.82 * PANEL_INCHES * shape + 0.5) * len(rows) + 0.2)
    footer = 0.25 / size[1]
    layout = ConstrainedLayoutEngine(rect=(0, footer, 1, 1 - footer), w_pad=0.04, h_pad=0.05)
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout=layout)
    FigureCanvasAgg(figure)
    figure.text(0.006, 0.05 / size[1], " · ".join(filter(None, [DISCLAIMER, notice])), fontsize=7, color=LIGHT.muted)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, line in zip(rows, axes, strict=True):
        label = label_of(row[0], classes)
        masks = [("reference", reference), ("prediction", prediction)]
        show(line[0], shrunk(picture), "image")
        for place, (name, mask) in zip(line[1:], [pair for pair in masks if pair[1] is not None], strict=False):
            assert mask is not None
            show(place, with_mask(picture, of_label(mask, label)), f"{name}: {row[0].meta['class']}")
        outlined = prediction if reference is None else reference
        for place, explanation in zip(line[first:], row, strict=False):
            heat(figure, place, explanation, of_label(outlined, label))
        for place in line[first + len(row) :]:
            place.set_axis_off()
    return figure


def of_label(mask: np.ndarray, label: int) -> np.ndarray:
    """Return where a mask (H, W), or (classes, H, W), has a label, bool (H, W)."""
    found: np.ndarray = mask == label if mask.ndim == 2 else mask[label - 1] == 1
    return found


def label_of(explanation: Explanation, classes: Sequence[str]) -> int:
    """Return the label of an explanation's class, 0 for the background."""
    name = explanation.meta["class"]
    return list(classes).index(name) + 1 if name in classes else 0


def show(axes: Axes, picture: np.ndarray, title: str) -> None:
    """Draw a picture."""
    axes.imshow(picture)
    axes.set_title(title, fontsize=9, weight="normal")
    axes.set_axis_off()


def heat(figure: Figure, axes: Axes, explanation: Explanation, inside: np.ndarray) -> None:
    """Draw a heat map with the outline of the class, its title and a colour bar."""
    shown = axes.imshow(shrunk_map(explanation.heat), cmap=COLOUR_MAP, vmin=0, vmax=1)
    height, width = shrunk_map(explanation.heat).shape
    for line in outlines(inside.astype(np.uint8), (width, height)):
        axes.plot(line[:, 0] - 0.5, line[:, 1] - 0.5, color="black", linewidth=2.2, alpha=0.6)
        axes.plot(line[:, 0] - 0.5, line[:, 1] - 0.5, color="white", linewidth=1.1)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_title(title_of(explanation), fontsize=8.5, weight="normal")
    axes.set_axis_off()
    bar = figure.colorbar(shown, cax=axes.inset_axes((1.025, 0, 0.045, 1)), ticks=[0, 0.5, 1])
    bar.ax.tick_params(labelsize=6.5, length=2)
    bar.outline.set_visible(False)


def title_of(explanation: Explanation) -> str:
    """Say explainer and target, then score and status."""
    meta = explanation.meta
    name = str(meta["explainer"]).rpartition(":")[2]
    pixels = int(meta["target_pixels"])
    score = f"mean logit {explanation.target_score / pixels:.2f}, {pixels} px" if pixels else "no pixels"
    if pixels and len(meta["working_size"]) == 3:
        score = score.replace(" px", " voxels")
    status = "" if explanation.status == OK else f"\n{explanation.status.upper()}"
    return f"{name}, {meta['target']}\n{score}{status}"


def with_mask(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the picture, small and dim, with a mask in full colour over it."""
    small = shrunk(picture).astype(np.float32) * 0.55
    covered = shrunk_map(inside.astype(np.float32))[..., None]
    return np.asarray(np.clip(small * (1 - 0.75 * covered) + 0.75 * covered * np.array(MASK_COLOUR), 0, 255), np.uint8)


def shrunk(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) at display size."""
    height, width = picture.shape[:2]
    return np.asarray(Image.fromarray(picture).resize(display_size(width, height), Image.Resampling.BOX))


def shrunk_map(values: np.ndarray) -> np.ndarray:
    """Return a map (H, W) of numbers at display size."""
    height, width = values.shape
    plane = Image.fromarray(values.astype(np.float32))
    return np.asarray(plane.resize(display_size(width, height), Image.Resampling.BOX))


def display_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at which an image is shown."""
    scale = min(1.0, PANEL_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
