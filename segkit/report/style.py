"""How figures look: colour-blind-safe colours, one light and one dark theme, and bytes that repeat."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 160
PLOT_SIZE = (4.5, 3.2)
"""Inches of a plot: one column of the page, still readable at 390 px."""
FOOTER_MARGIN, FOOTER_LINE, LEGEND_LINE = 0.06, 0.16, 0.3
"""Inches below the plots."""
DISCLAIMER = "for research, not for diagnosis"


class Titled(Protocol):
    """What a figure is from: a run, or a comparison of several."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def notice(self) -> str:
        """The warning that generated data carries everywhere; "" for real data."""


@dataclass(frozen=True)
class Theme:
    """Colours of a figure; `series` are told apart with any colour vision (Okabe and Ito 2008)."""

    name: str
    surface: str
    ink: str
    muted: str
    grid: str
    warning: str
    series: tuple[str, ...]


LIGHT = Theme(
    name="light",
    surface="#ffffff",
    ink="#1a1c1f",
    muted="#5d646d",
    grid="#e3e6ea",
    warning="#a33a00",
    series=("#0072b2", "#d55e00", "#009e73", "#b0568c", "#8a6d00", "#3d8fc4"),
)
DARK = Theme(
    name="dark",
    surface="#1b1e23",
    ink="#eceef1",
    muted="#a2a9b3",
    grid="#343941",
    warning="#ffb27a",
    series=("#56b4e9", "#ff9248", "#2fc79b", "#e08fbf", "#e6c84a", "#9fd3f5"),
)
DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Plot:
    """A figure that can be drawn in either theme.

    Attributes:
        name: stem of its file under figures/.
        alt: what it shows, for those who do not see it.
        draw: makes the figure; called inside `figure_style`.
    """

    name: str
    alt: str
    draw: Callable[[Theme], Figure]

    def png(self, theme: Theme) -> bytes:
        """Draw the figure and return the PNG file; the same bytes every time."""
        with figure_style(theme):
            return png_bytes(self.draw(theme))


@contextmanager
def figure_style(theme: Theme) -> Iterator[None]:
    """Draw in the theme's colours, whatever the user's own matplotlib settings say."""
    from matplotlib import style

    settings = {
        "figure.facecolor": theme.surface,
        "axes.facecolor": theme.surface,
        "savefig.facecolor": theme.surface,
        "axes.edgecolor": theme.muted,
        "axes.labelcolor": theme.muted,
        "axes.titlecolor": theme.ink,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "text.color": theme.ink,
        # Names of classes and cases are shown as they are: a "$" in one is no formula.
        "text.parse_math": False,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.size": 9.5,
        "lines.linewidth": 1.8,
    }
    with style.context(["default", settings]), warnings.catch_warnings():
        # A name in a script that the bundled font lacks is drawn as boxes; the page itself shows it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_plot(record: Titled, title: str, theme: Theme) -> tuple[Figure, Axes]:
    """Return a figure of one plot with the run's title, notice and footer."""
    figure = new_figure(record, theme, PLOT_SIZE)
    set_title(figure, title if not record.notice else f"{title} (generated sample)")
    return figure, figure.add_subplot()


def set_title(figure: Figure, title: str) -> None:
    """Write a title from the figure's own left edge: beside long labels the plots leave too little room for it."""
    figure.suptitle(title, x=0.02, ha="left", fontsize=10.5, weight="bold")


def new_figure(record: Titled, theme: Theme, size: tuple[float, float], legend: Sequence[Artist] = ()) -> Figure:
    """Return an empty figure whose footer says what run it is from and what it is good for.

    Args:
        size: width and height in inches.
        legend: labelled marks that are explained in one line above the footer.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    width, height = size
    bottom = FOOTER_MARGIN + FOOTER_LINE * (2 if record.notice else 1)
    reserved = bottom + (LEGEND_LINE if legend else 0.0)
    layout = ConstrainedLayoutEngine(rect=(0, reserved / height, 1, 1 - reserved / height))
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout=layout)
    FigureCanvasAgg(figure)

    def footer(line: int, content: str, **look: Any) -> None:
        figure.text(0.08 / width, (FOOTER_MARGIN + FOOTER_LINE * line) / height, content, va="bottom", **look)

    footer(0, f"{shorten(record.name, 44)} · {DISCLAIMER}", fontsize=7, color=theme.muted)
    if record.notice:
        footer(1, record.notice, fontsize=8, color=theme.warning, weight="bold")
    if legend:
        place = (0, bottom / height, 1, LEGEND_LINE / height)
        look: dict[str, Any] = {"ncols": len(legend), "handlelength": 1.6, "columnspacing": 1.2, "borderaxespad": 0.0}
        figure.legend(handles=list(legend), loc="center", bbox_to_anchor=place, **look)
    return figure


def shorten(name: str, length: int) -> str:
    """Cut a long name in its middle, where names differ least."""
    if len(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def png_bytes(figure: Figure) -> bytes:
    """Encode the figure without the program, time or path that wrote it."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
