"""Write a run directory's figures and report.html."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from segkit.files import write_text, write_whole
from segkit.report.curves import curve_plots
from segkit.report.distribution import distribution_plots
from segkit.report.explanations import explanations_section
from segkit.report.html import PlotFiles, Section, render
from segkit.report.overlays import case_png, make_overlay
from segkit.report.pictures import CasePicture
from segkit.report.style import DARK, LIGHT, Plot
from segkit.rundir.names import FIGURES, REPORT
from segkit.rundir.read import read_record

CASE_FIGURE = "case-{number:02d}-{label}.png"


def write_report(
    run_folder: Path,
    pictures: Sequence[CasePicture],
    *,
    anonymous: bool = False,
    sections: Sequence[Section] = (),
    no_pictures: str = "",
) -> Path:
    """Write figures/*.png and report.html from a run directory's data files; returns the page's path.

    Args:
        pictures: the cases to show, the worst first.
        anonymous: show numbers in the place of case ids and groups.
        sections: further parts of the page.
        no_pictures: why there are none, in a sentence.

    Raises:
        SegkitError: a file of the run is missing or cannot be understood, or the disk is full.
    """
    record = read_record(run_folder, anonymous=anonymous)
    figures = run_folder / FIGURES
    figures.mkdir(exist_ok=True)
    for left_over in figures.glob("case-[0-9]*.png"):
        left_over.unlink()

    curves = [draw_plot(plot, figures) for plot in curve_plots(record)]
    distributions = [draw_plot(plot, figures) for plot in distribution_plots(record)]
    overlays = [make_overlay(picture) for picture in pictures]
    for number, (picture, overlay) in enumerate(zip(pictures, overlays, strict=True), start=1):
        label = re.sub(r"[^a-z0-9]+", "-", picture.label.lower()).strip("-")
        name = CASE_FIGURE.format(number=number, label=label)
        _write_bytes(figures / name, case_png(record, picture, overlay, LIGHT))

    page = run_folder / REPORT
    shown = list(zip(pictures, overlays, strict=True))
    explained = explanations_section(run_folder, record)
    further = [*([explained] if explained else []), *sections]
    write_text(page, render(record, curves, distributions, shown, further, no_pictures))
    return page


def draw_plot(plot: Plot, folder: Path) -> PlotFiles:
    """Draw a plot in both themes; the light one is also kept as a file."""
    files = PlotFiles(plot.alt, light=plot.png(LIGHT), dark=plot.png(DARK))
    _write_bytes(folder / f"{plot.name}.png", files.light)
    return files


def _write_bytes(path: Path, content: bytes) -> None:
    write_whole(path, lambda stream: stream.write(content))
