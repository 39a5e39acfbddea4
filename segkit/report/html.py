"""Render report.html: one self-contained file that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit.data.dataset import SPLITS
from segkit.discovery import distribution_of
from segkit.report import text
from segkit.report.gallery import LargePicture
from segkit.report.overlays import (
    OUTLINE,
    Overlay,
    agreement_png,
    jpeg_bytes,
    svg_path,
)
from segkit.report.pictures import CasePicture
from segkit.report.style import DISCLAIMER
from segkit.report.tables import ALL_CLASSES, ScoreRow, readable, table_rows, unannotated_text, without_repeats
from segkit.report.volume_viewer import colours as volume_colours
from segkit.report.volume_viewer import packed
from segkit.rundir.privacy import renamed, without_paths
from segkit.rundir.read import CaseRow, RunRecord

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("report.js", "volumes.js", "gallery.js")
"""One script of the page, so that its policy names one hash."""


@dataclass(frozen=True)
class Section:
    """A further part of the page, between the pictures and the table of cases.

    Attributes:
        anchor: the `id` of its element, which links lead to.
        title: what the navigation calls it.
        template: file under templates/ that draws it; it sees this object as `section`.
        content: whatever the template shows.
    """

    anchor: str
    title: str
    template: str
    content: Any


@dataclass(frozen=True)
class PlotFiles:
    """A plot as PNG files for light and dark pages."""

    alt: str
    light: bytes
    dark: bytes


STAGES = ("data", "train", "evaluate", "explain", "report")
"""The parts of a run in their order."""


def render(
    record: RunRecord,
    curves: Sequence[PlotFiles],
    distributions: Sequence[PlotFiles],
    pictures: Sequence[tuple[CasePicture, Overlay]],
    sections: Sequence[Section] = (),
    no_pictures: str = "",
    gallery: Sequence[LargePicture] = (),
) -> str:
    """Return the page's HTML; everything that comes from the run is escaped.

    Args:
        no_pictures: why there are none, in a sentence.
        gallery: cases that can be looked at larger.
    """
    scores = readable(table_rows(record.summary))
    overall = overall_scores(scores)
    cases = worst_first(record)
    larger = in_rows(gallery, cases, record.case_names)
    context = {
        "record": record,
        "summary": record.summary,
        "environment": record.environment,
        "headline": next((row for row in overall if row.metric == record.main_metric), None),
        "scores": overall,
        "class_scores": class_scores(scores, overall),
        "datasets": dataset_scores(record.summary),
        "unannotated": unannotated_text(record.summary),
        "readers": reader_scores(record.summary),
        "cautions": cautions(record, scores, overall),
        "splits": in_order(record.summary.get("cases"), SPLITS),
        "times": in_order(record.summary.get("seconds"), STAGES),
        "interval_methods": list(dict.fromkeys(row.ci_method for row in scores if row.ci_method)),
        "curves": curves,
        "distributions": distributions,
        "pictures": pictures,
        "no_pictures": renamed(without_paths(no_pictures), record.case_names),
        "sections": sections,
        "legend": agreement_legend([overlay for _, overlay in pictures]),
        "thin": mostly_thin([overlay.thin for _, overlay in pictures]),
        "cases": cases,
        "larger": larger,
        "larger_legend": list(dict.fromkeys(entry for _, picture in larger for entry in picture.legend)),
        "larger_thin": mostly_thin([picture.thin for _, picture in larger]),
        "anchors": anchors(larger, pictures, record.case_names),
        "expected": any(row.expected is not None for row in record.cases),
        "case_metrics": list(record.cases[0].values) if record.cases else [],
        "statuses": sorted({row.status for row in record.cases}),
        "requirements": requirements(record),
        "repeatability": repeatability(record),
    }
    return page_environment().get_template("report.html.j2").render(context)


def cautions(record: RunRecord, scores: Sequence[ScoreRow], overall: Sequence[ScoreRow]) -> list[str]:
    """What a reader has to know before any number, each once, in sentences without a full stop."""
    told = [row.note for row in scores if row.note]
    missed = max((row.missed for row in overall), default=0)
    if missed:
        was = "was" if missed == 1 else "were"
        told.insert(0, f"{text.plural(missed, 'structure')} of the reference {was} missed altogether")
    return list(dict.fromkeys(told))


def in_order(values: Mapping[str, Any] | None, order: Sequence[str]) -> list[tuple[str, Any]]:
    """Return counts or times as they follow each other in a run, those of no known place last."""
    found = values or {}
    return [(name, found[name]) for name in (*order, *sorted(set(found) - set(order))) if name in found]


def agreement_legend(overlays: Sequence[Overlay]) -> list[tuple[str, tuple[int, int, int]]]:
    """Names and colours of all that occurs in the agreement maps."""
    return list(dict.fromkeys(entry for overlay in overlays for entry in overlay.legend))


def mostly_thin(thin: Sequence[bool]) -> bool:
    """Whether outlines would hide what most pictures show, so that the agreement is shown first."""
    return 2 * sum(thin) > len(thin)


def in_rows(
    gallery: Sequence[LargePicture], cases: Sequence[CaseRow], names: Mapping[str, str]
) -> list[tuple[str, LargePicture]]:
    """Return larger pictures beside their cases' shown names, in the order of the table."""
    place = {row.case: number for number, row in reversed(list(enumerate(cases)))}
    named = [(names.get(picture.case, picture.case), picture) for picture in gallery]
    return sorted(named, key=lambda entry: place.get(entry[0], len(cases)))


def anchors(
    larger: Sequence[tuple[str, LargePicture]],
    pictures: Sequence[tuple[CasePicture, Overlay]],
    names: Mapping[str, str],
) -> dict[str, str]:
    """Return where on the page a case is seen best, by its shown name: its larger picture, else the one shown."""
    shown = [names.get(picture.case, picture.case) for picture, _ in pictures]
    found = {case: f"picture-{number}" for number, case in reversed(list(enumerate(shown, start=1)))}
    return found | {case: f"larger-{number}" for number, (case, _) in enumerate(larger, start=1)}


def page_environment() -> Environment:
    """Return the environment that all pages are rendered in: style, script, filters."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": text.number,
        "count": text.count,
        "plural": text.plural,
        "probability": text.probability,
        "signed": text.signed,
        "short": lambda value: f"{value:g}",
        "duration": text.duration,
        "memory": text.memory,
        "jpeg_url": lambda image: data_url("image/jpeg", jpeg_bytes(image)),
        "agreement_url": lambda agreement: data_url("image/png", agreement_png(agreement)),
        "jpeg_file_url": lambda content: data_url("image/jpeg", content),
        "png_url": lambda content: data_url("image/png", content),
        "png_size": png_size,
        "packed": packed,
        "svg_path": svg_path,
        "sort_key": sort_key,
        "web_link": web_link,
    }
    script = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    environment.globals |= {
        "interval": text.interval,
        "signed_interval": text.signed_interval,
        "shares": text.shares,
        "volume_colours": volume_colours,
        "disclaimer": DISCLAIMER,
        "style": (TEMPLATES / "report.css").read_text(encoding="utf-8"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        "reference_colour": OUTLINE["reference"]["color"],
        "prediction_colour": OUTLINE["prediction"]["color"],
    }
    return environment


def data_url(kind: str, content: bytes) -> str:
    """Write a file into the page itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def png_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG file, so that the page keeps its place before it is decoded."""
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def web_link(address: str) -> str:
    """Return an address that is safe to link to, "" for any other scheme ("javascript:")."""
    return address if address.startswith(("https://", "http://")) else ""


def sort_key(value: float) -> str:
    """Write a value as the page's script sorts it; "" for NaN, which goes last either way."""
    return "" if math.isnan(value) else repr(value)


def overall_scores(scores: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Return one row per metric: over all classes, or of the only one."""
    overall: dict[str, ScoreRow] = {}
    for row in scores:
        if row.metric not in overall or row.class_name == ALL_CLASSES:
            overall[row.metric] = row
    return list(overall.values())


def dataset_scores(summary: Mapping[str, Any]) -> dict[str, dict[str, list[ScoreRow]]]:
    """Return the rows of each of several datasets by metric; nothing of one dataset."""
    found: dict[str, dict[str, list[ScoreRow]]] = {}
    for name, rows in summary.get("datasets", {}).items():
        by_metric: dict[str, list[ScoreRow]] = {}
        for row in table_rows({"scores": without_repeats(rows)}):
            by_metric.setdefault(row.metric, []).append(row)
        found[name] = by_metric
    return found


def reader_scores(summary: Mapping[str, Any]) -> dict[str, list[ScoreRow]]:
    """Return the rows of several readers' masks: against each of them, and last their agreement, the ceiling."""
    found = summary.get("readers")
    if not found:
        return {}
    against = {f"against {name}": table_rows({"scores": rows}) for name, rows in found["against"].items()}
    return {**against, "of every two readers": table_rows({"scores": found["agreement"]})}


def class_scores(scores: Sequence[ScoreRow], overall: Sequence[ScoreRow]) -> dict[str, list[ScoreRow]]:
    """Return the rows of single classes by metric; empty where there is one class."""
    rows = [row for row in scores if row not in overall]
    return {row.metric: [other for other in rows if other.metric == row.metric] for row in rows}


def worst_first(record: RunRecord) -> list[CaseRow]:
    """Rows of the case table by what they could expect, where that is known, else by the main metric.

    Undefined scores come last.
    """
    direction = record.direction(record.main_metric)
    sign = 1.0 if direction.higher else -1.0

    def key(row: CaseRow) -> tuple[bool, float, str]:
        value = row.values.get(record.main_metric, math.nan)
        return math.isnan(value), 0.0 if math.isnan(value) else sign * direction.comparable(value), row.case

    known = [row.expected for row in record.cases if row.expected is not None]
    if known and len(known) == len(record.cases):
        return sorted(record.cases, key=lambda row: (row.expected or 0.0, row.case))
    return sorted(record.cases, key=key)


def requirements(record: RunRecord) -> list[str]:
    """The distributions and versions that the run was made with, as pip takes them."""
    pinned = {"segkit-core": record.summary.get("segkit", "")}
    for component in record.summary.get("components", []):
        if distribution := distribution_of(component["name"]):
            pinned[distribution] = component.get("version", "")
    return [f"{name}=={version}" for name, version in pinned.items() if version]


def repeatability(record: RunRecord) -> str:
    """Say how exactly the run can be repeated."""
    device = str(record.environment.get("device", ""))
    deterministic = any(entry.name == "run.deterministic" and entry.value == "true" for entry in record.settings)
    if device == "cpu":
        known = record.environment.get("threads")
        threads = text.plural(known, "thread") if known else "as many threads"
        return f"On a CPU with {threads} the same seed gives the same weights, bit for bit."
    if device and deterministic:
        return "On the same kind of device the same seed gives the same weights, bit for bit."
    return "Not bit-reproducible on this device: scores of a repeated run differ slightly." if device else ""
