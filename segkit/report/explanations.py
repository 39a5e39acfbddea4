"""The report's part about explanations: panels, figures and remarks, from the folder that they were written to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.files import parse_json
from segkit.report.html import Section
from segkit.rundir.names import EXPLANATIONS
from segkit.rundir.read import RunRecord

INDEX = "index.json"
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
    folder = run_folder / EXPLANATIONS
    if not (folder / INDEX).exists():
        return None
    try:
        entries = parse_json((folder / INDEX).read_bytes())["explained"]
        shown = [shown_case(folder, entry, record) for entry in entries if entry["case"] in record.case_names]
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise SegkitError(f"{EXPLANATIONS}/{INDEX} cannot be shown: {error}", "explain the cases again") from None
    return Section("explanations", "Explanations", TEMPLATE, shown) if shown else None


def shown_case(folder: Path, entry: Mapping[str, Any], record: RunRecord) -> ExplainedCase:
    """Return one entry of the index as the page shows it."""
    return ExplainedCase(
        name=record.case_names[entry["case"]],
        label=entry["label"],
        score=figure(entry["score"]),
        score_name=entry["score_name"],
        panel=(folder / entry["panel"]).read_bytes(),
        maps=tuple(shown_map(one) for one in entry["maps"]),
    )


def shown_map(entry: Mapping[str, Any]) -> ShownMap:
    """Return one map of the index as the page shows it."""
    evidence = entry["evidence"]
    reference, prediction = evidence.get("reference") or {}, evidence.get("prediction") or {}
    curves, random = evidence.get("curves") or {}, evidence.get("randomisation") or {}
    notes = [f"{name}: {text}" for name, text in entry["notes"].items()]
    return ShownMap(
        explainer=entry["explainer"],
        target=entry["target"],
        layer=entry["layer"],
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
