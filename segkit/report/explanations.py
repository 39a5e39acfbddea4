"""The report's part about explanations: panels, figures and remarks, from the folder that they were written to."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.files import inside, own_folder, read_bytes
from segkit.report.html import Section
from segkit.rundir.names import EXPLANATIONS
from segkit.rundir.read import RunRecord, read_explained

INDEX = "index.json"
EXPLAIN_AGAIN = "explain the cases again"
PNG, PNG_HEAD = b"\x89PNG\r\n\x1a\n", 33
LARGEST_PANEL = 64 * 2**20
TEMPLATE = "explanations.html.j2"


@dataclass(frozen=True)
class ShownMap:
    """One heat map's line of figures; NaN where undefined.

    Attributes:
        status: "" where it is ok.
        words: what the figures mean, the doubts first.
    """

    explainer: str
    target: str
    layer: str
    status: str
    auroc: float
    auroc_prediction: float
    energy: float
    pointing: float
    deletion: float
    insertion: float
    decoder: float
    everything: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class ExplainedCase:
    """One explained case.

    Attributes:
        panel: a PNG file.
    """

    name: str
    label: str
    score: float
    score_name: str
    panel: bytes
    maps: tuple[ShownMap, ...]

    @property
    def measured(self) -> bool:
        """Whether there is evidence to show."""
        return any(one.words for one in self.maps)


def explanations_section(run_folder: Path, record: RunRecord) -> Section | None:
    """Return the part of the page about the cases that were explained; None where there are none.

    Raises:
        SegkitError: the index or a panel that it names cannot be read.
    """
    if not os.path.lexists(run_folder / EXPLANATIONS / INDEX):
        return None
    folder = own_folder(run_folder, EXPLANATIONS)
    entries = read_explained(folder / INDEX)
    shown = [shown_case(folder, entry, record) for entry in entries if entry["case"] in record.case_names]
    return Section("explanations", "Explanations", TEMPLATE, shown) if shown else None


def shown_case(folder: Path, entry: Mapping[str, Any], record: RunRecord) -> ExplainedCase:
    """Return one entry of the index as the page shows it."""
    return ExplainedCase(
        name=record.case_names[entry["case"]],
        label=entry["label"],
        score=entry["infinite"] * math.inf if entry.get("infinite") else figure(entry["score"]),
        score_name=entry["score_name"],
        panel=read_panel(folder, entry["panel"]),
        maps=tuple(shown_map(one) for one in entry["maps"]),
    )


def read_panel(folder: Path, name: str) -> bytes:
    """Return a picture that the index names; raises SegkitError where it is none, or none of the folder."""
    file = f"{EXPLANATIONS}/{INDEX}"
    content = read_bytes(inside(folder, name, named_by=file), hint=EXPLAIN_AGAIN, most=LARGEST_PANEL)
    if not content.startswith(PNG) or len(content) < PNG_HEAD:
        raise SegkitError(f"{file} names {name}, which is no PNG file", EXPLAIN_AGAIN)
    return content


def shown_map(entry: Mapping[str, Any]) -> ShownMap:
    """Return one map of the index as the page shows it."""
    evidence = entry["evidence"]
    reference, prediction = evidence.get("reference") or {}, evidence.get("prediction") or {}
    curves, random = evidence.get("curves") or {}, evidence.get("randomisation") or {}
    notes = [f"{name}: {text}" for name, text in entry.get("notes", {}).items()]
    return ShownMap(
        explainer=entry["explainer"],
        target=entry["target"],
        layer=entry["layer"] or "",
        status="" if entry["status"] == "ok" else entry["status"],
        auroc=figure(reference.get("auroc")),
        auroc_prediction=figure(prediction.get("auroc")),
        energy=figure(reference.get("energy")),
        pointing=figure(reference.get("pointing")),
        deletion=figure(curves.get("deletion_area")),
        insertion=figure(curves.get("insertion_area")),
        decoder=figure(random.get("decoder")),
        everything=figure(random.get("everything")),
        words=(*evidence.get("words", ()), *notes),
    )


def figure(value: float | None) -> float:
    """Return a number, NaN for none."""
    return math.nan if value is None else float(value)
