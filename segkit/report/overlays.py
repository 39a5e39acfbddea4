"""A case as people look at it: the image with both outlines, and where prediction and reference agree."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from segkit.contracts import IGNORE
from segkit.data.in_parts import values_of
from segkit.report import text
from segkit.report.pictures import CasePicture
from segkit.report.style import Theme, figure_style, new_figure, png_bytes, shorten
from segkit.rundir.read import RunRecord

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

DISPLAY_SIDE = 640
THIN = 6.0
"""Display pixels: the two outlines of a structure that is not wider would hide it (issue 27)."""
THIN_SHARE, SHARE = 0.15, 0.5
"""Share of a display pixel that what is marked must cover to be seen there, of thin structures and of others."""
JPEG_QUALITY = 85

OUTLINE: dict[str, dict[str, Any]] = {
    "reference": {"color": "#56b4e9", "linestyle": "-"},
    "prediction": {"color": "#ffd23f", "linestyle": "--"},
}
"""Looks of the outlines in figures and, in colour, on the page."""
OVERLAP, EXTRA, MISSED, CONFUSED, IGNORED = 1, 2, 3, 4, 5
AGREEMENT = {
    OVERLAP: ("agreed", (0, 158, 115)),
    EXTRA: ("predicted only", (255, 176, 0)),
    MISSED: ("reference only", (0, 92, 200)),
    CONFUSED: ("wrong class", (204, 70, 160)),
    IGNORED: ("ignored", (128, 128, 128)),
}
"""What a pixel of the agreement map means: its name and colour (R, G, B), told apart with any colour vision."""
AGREEMENT_OPACITY = 0.5


@dataclass(frozen=True)
class Overlay:
    """A case picture at display size.

    Attributes:
        image: (H, W, 3) uint8.
        reference, prediction: outlines, each (points, 2) x and y in pixels of the display grid.
        agreement: (H, W) uint8, keys of AGREEMENT, 0 where both are background.
        missed_share: share of the reference that the prediction lacks; extra_share: share of the prediction
            that lies outside the reference; None where the mask is empty.
        thin: whether outlines would hide what they surround, so that the agreement is to be looked at.
    """

    image: np.ndarray
    reference: list[np.ndarray]
    prediction: list[np.ndarray]
    agreement: np.ndarray
    missed_share: float | None
    extra_share: float | None
    thin: bool = False

    @property
    def legend(self) -> list[tuple[str, tuple[int, int, int]]]:
        """Names and colours of what occurs in the agreement map."""
        return [AGREEMENT[key] for key in AGREEMENT if (self.agreement == key).any()]


def make_overlay(picture: CasePicture, side: int = DISPLAY_SIDE) -> Overlay:
    """Bring a case to display size, at most `side` pixels a side."""
    height, width = picture.image.shape[:2]
    scale = min(1.0, side / width, side / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    reference, prediction = picture.reference, picture.prediction
    agreement = agreement_map(reference, prediction)
    image = Image.fromarray(picture.image).resize(size, Image.Resampling.LANCZOS) if scale < 1 else picture.image
    here, there = (in_any_class(mask) for mask in (reference, prediction))
    counted = agreement != IGNORED
    lines = outlines(reference, size), outlines(prediction, size)
    thin = is_thin(*((lines[0], here) if lines[0] else (lines[1], there)), scale)
    return Overlay(
        image=np.asarray(image),
        reference=lines[0],
        prediction=lines[1],
        agreement=shrunk_agreement(agreement, size, THIN_SHARE if thin else SHARE) if scale < 1 else agreement,
        missed_share=share(agreement, (MISSED, CONFUSED), here & counted),
        extra_share=share(agreement, (EXTRA, CONFUSED), there & counted),
        thin=thin,
    )


def is_thin(lines: list[np.ndarray], marked: np.ndarray, scale: float) -> bool:
    """Whether what lines (points, 2) on the display surround is THIN there: twice its area by its circumference.

    Args:
        marked: bool (H, W), at full size; scale: display pixels a pixel.
    """
    around = sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)
    return around > 0 and bool(2 * np.count_nonzero(marked) * scale**2 / around < THIN)


def shrunk_agreement(agreement: np.ndarray, size: tuple[int, int], least: float) -> np.ndarray:
    """Shrink an agreement map to `size` (W, H): what covers most of a pixel, if all that is marked covers `least`.

    The nearest pixel alone would leave holes in vessels (issue 27).
    """
    keys = [key for key in AGREEMENT if (agreement == key).any()]
    if not keys:
        return np.zeros(size[::-1], np.uint8)
    covered = np.stack(
        [
            np.asarray(
                Image.fromarray((agreement == key).view(np.uint8)).convert("F").resize(size, Image.Resampling.BOX)
            )
            for key in keys
        ]
    )
    most = np.array(keys, np.uint8)[covered.argmax(axis=0)]
    return np.where(covered.sum(axis=0) >= least, most, np.uint8(0))


def agreement_map(reference: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Return (H, W) uint8: which pixels agree, and how the others differ; of overlapping classes in all of them."""
    here, there = in_any_class(reference), in_any_class(prediction)
    same, ignored = reference == prediction, reference == IGNORE
    if reference.ndim == 3:
        same, ignored = (same | ignored).all(axis=0), ignored.all(axis=0)
    agreement = np.zeros(here.shape, np.uint8)
    agreement[there & ~here] = EXTRA
    agreement[here & ~there] = MISSED
    agreement[here & there] = np.where(same, OVERLAP, CONFUSED)[here & there]
    agreement[ignored] = IGNORED
    return agreement


def in_any_class(mask: np.ndarray) -> np.ndarray:
    """Return where a mask (H, W) has a label, or one (classes, H, W) a class, bool (H, W)."""
    found: np.ndarray = mask > 0 if mask.ndim == 2 else (mask == 1).any(axis=0)
    return found


def share(agreement: np.ndarray, keys: tuple[int, ...], of: np.ndarray) -> float | None:
    """Return which share of the pixels `of` has one of the keys; None where there are no such pixels."""
    total = np.count_nonzero(of)
    return np.count_nonzero(np.isin(agreement, keys) & of) / total if total else None


def outlines(mask: np.ndarray, size: tuple[int, int]) -> list[np.ndarray]:
    """Trace every class of a mask; returns closed lines (points, 2), x and y on the display grid `size` (W, H).

    The mask is shrunk by covered area, so an outline runs between pixels, and a structure of less than half a
    display pixel is still drawn.
    """
    from matplotlib.figure import Figure

    lines = []
    labels = (
        [label for label in values_of(mask.astype(np.uint8, copy=False)) if label not in (0, IGNORE)]
        if mask.ndim == 2
        else []
    )
    inside = (mask == label for label in labels) if mask.ndim == 2 else (plane == 1 for plane in mask)
    for marked in inside:
        if not marked.any():
            continue
        covered = Image.fromarray(marked.view(np.uint8)).convert("F").resize(size, Image.Resampling.BOX)
        padded = np.pad(np.asarray(covered), 1)
        contours = Figure().add_subplot().contour(padded, levels=[min(0.5, float(padded.max()) / 2)])
        # One pixel of padding, and a pixel's centre lies half a pixel from its corner.
        lines += [np.clip(line - 0.5, 0, size) for line in contours.allsegs[0]]
    return lines


def svg_path(lines: list[np.ndarray]) -> str:
    """Write closed lines as the `d` of an SVG path, to a tenth of a pixel."""
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line[:-1]) + "Z" for line in lines)


def jpeg_bytes(image: np.ndarray) -> bytes:
    """Encode an image for the page, without metadata."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return stream.getvalue()


def agreement_png(agreement: np.ndarray) -> bytes:
    """Encode the agreement map as a palette PNG that lets the image shine through."""
    palette = [(0, 0, 0), *(AGREEMENT[key][1] for key in sorted(AGREEMENT))]
    opaque = round(255 * AGREEMENT_OPACITY)
    picture = Image.fromarray(agreement).convert("P")
    picture.putpalette(np.array(palette, np.uint8).tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True, transparency=bytes([0, *[opaque] * len(AGREEMENT)]))
    return stream.getvalue()


def case_png(record: RunRecord, picture: CasePicture, overlay: Overlay, theme: Theme) -> bytes:
    """Draw the case as a figure of three panels and return the PNG file; the same bytes every time."""
    with figure_style(theme):
        return png_bytes(_case_figure(record, picture, overlay, theme))


def _case_figure(record: RunRecord, picture: CasePicture, overlay: Overlay, theme: Theme) -> Figure:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    height, width = overlay.image.shape[:2]
    extent = (0, width, height, 0)
    outlined = {"reference": overlay.reference, "prediction": overlay.prediction}
    legend: list[Artist] = [Line2D([], [], label=kind, **OUTLINE[kind]) for kind in outlined]
    legend += [Patch(color=np.array(colour) / 255, label=meaning) for meaning, colour in overlay.legend]
    figure = new_figure(record, theme, (9.6, min(9.0, 3.1 * height / width + 1.3)), legend)

    name = shorten(record.case_names.get(picture.case, picture.case), 50)
    title = f"{picture.label}: {name}, {picture.score_name} {text.number(picture.score)}"
    title += f" of the whole; {picture.where}" if picture.where else ""
    figure.suptitle(title + (" (generated sample)" if record.notice else ""), x=0.008, ha="left", weight="bold")
    panels = figure.subplots(1, 3)
    for axes, label in zip(panels, ("image", "outlines", "agreement"), strict=True):
        axes.imshow(overlay.image, extent=extent)
        axes.set_title(label, fontsize=9.5, weight="normal", color=theme.muted)
        axes.set_axis_off()
    for kind, lines in outlined.items():
        for line in lines:
            panels[1].plot(line[:, 0], line[:, 1], color="black", linewidth=2.6, alpha=0.55)
            panels[1].plot(line[:, 0], line[:, 1], linewidth=1.5, **OUTLINE[kind])
    panels[2].imshow(agreement_colours(overlay.agreement), extent=extent, interpolation="nearest")
    return figure


def agreement_colours(agreement: np.ndarray) -> np.ndarray:
    """Return the agreement map as (H, W, 4) uint8, transparent where both are background."""
    palette = np.zeros((max(AGREEMENT) + 1, 4), np.uint8)
    for key, (_, colour) in AGREEMENT.items():
        palette[key] = (*colour, round(255 * AGREEMENT_OPACITY))
    return np.asarray(palette[agreement])
