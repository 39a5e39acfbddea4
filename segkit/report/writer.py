"""Write a run directory's figures and report.html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segkit.files import write_text
from segkit.report.curves import curve_plots
from segkit.report.distribution import distribution_plots
from segkit.report.explanations import explanations_section
from segkit.report.figures import Figures, figures_of
from segkit.report.gallery import LargePicture
from segkit.report.html import PlotFiles, Section, render
from segkit.report.overlays import case_png, make_overlay
from segkit.report.pictures import CasePicture
from segkit.report.reliability import reliability_plots
from segkit.report.style import DARK, LIGHT, Plot
from segkit.rundir.names import REPORT
from segkit.rundir.read import read_record


def write_report(
    run_folder: Path,
    pictures: Sequence[CasePicture],
    *,
    anonymous: bool = False,
    sections: Sequence[Section] = (),
    no_pictures: str = "",
    gallery: Sequence[LargePicture] = (),
) -> Path:
    """Write figures/*.png and report.html from a run directory's data files; returns the page's path.

    Args:
        pictures: the cases to show, the worst first.
        anonymous: show numbers in the place of case ids and groups.
        sections: further parts of the page.
        no_pictures: why there are none, in a sentence.
        gallery: cases that can be looked at larger.

    Raises:
        SegkitError: a file of the run is missing or cannot be understood, or the disk is full.
    """
    record = read_record(run_folder, anonymous=anonymous)
    overlays = [make_overlay(picture) for picture in pictures]
    with figures_of(run_folder) as figures:
        curves = [draw_plot(plot, figures) for plot in curve_plots(record)]
        distributions = [draw_plot(plot, figures) for plot in (*distribution_plots(record), *reliability_plots(record))]
        for number, (picture, overlay) in enumerate(zip(pictures, overlays, strict=True), start=1):
            stem = f"case-{number:02d}-{picture.label.lower()}"
            figures.write(stem, case_png(record, picture, overlay, LIGHT))

    page = run_folder / REPORT
    shown = list(zip(pictures, overlays, strict=True))
    explained = explanations_section(run_folder, record)
    volumes = viewer_section(pictures)
    further = [*([volumes] if volumes else []), *([explained] if explained else []), *sections]
    write_text(page, render(record, curves, distributions, shown, further, no_pictures, gallery))
    return page


def viewer_section(pictures: Sequence[CasePicture]) -> Section | None:
    """Return the part of the page that lets one scroll through volumes; None where there are none."""
    shown = [picture for picture in pictures if picture.volume is not None]
    return Section("volumes", "Volumes", "volumes.html.j2", shown) if shown else None


def draw_plot(plot: Plot, figures: Figures) -> PlotFiles:
    """Draw a plot in both themes; the light one is also kept as a file."""
    files = PlotFiles(plot.alt, light=plot.png(LIGHT), dark=plot.png(DARK))
    figures.write(plot.name, files.light)
    return files
