"""The report's part about explanations: panels, figures and remarks, from the folder that they were written to."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.explain.explanation import UNCERTAINTY
from segkit.explain.verdict import BELIEVE
from segkit.files import inside, own_folder, read_bytes
from segkit.report.html import Section
from segkit.rundir.names import EXPLANATIONS
from segkit.rundir.read import RunRecord, read_explained

INDEX = "index.json"
EXPLAIN_AGAIN = "explain the cases again"
FILE = f"{EXPLANATIONS}/{INDEX}"
PNG, JPEG, SHORTEST = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", 33
LARGEST_PANEL = 64 * 2**20
TEMPLATE = "explanations.html.j2"


@dataclass(frozen=True)
class Errors:
    """How uncertainty goes with being wrong, of one map; NaN where undefined."""

    auroc: float
    spearman: float
    wrong: int
    of: int
    mean_wrong: float
    mean_right: float


@dataclass(frozen=True)
class ShownMap:
    """One heat map's line of figures; NaN where undefined.

    Attributes:
        status: "" where it is ok.
        verdict: "believe", "doubtful" or "empty"; "" where there is no evidence.
        words: what the figures mean, the doubts first.
        stages: what was random, the size of Spearman's coefficient, and the coefficient with each seed.
        uncertainty: it says how unsure the model is.
        errors: where it was held against a reference, how that goes with being wrong.
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
    verdict: str
    words: tuple[str, ...]
    stages: tuple[tuple[str, float, tuple[float, ...]], ...]
    uncertainty: bool = False
    errors: Errors | None = None

    @property
    def doubts(self) -> str:
        """The verdict in one line: with its first reason where it is not to believe the map."""
        return self.verdict if self.verdict == BELIEVE or not self.words else f"{self.verdict}: {self.words[0]}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is left to say beside the verdict."""
        return self.words if self.verdict in (BELIEVE, "") else self.words[1:]


@dataclass(frozen=True)
class ShownPicture:
    """One picture of a case.

    Attributes:
        content: a JPEG file.
        map: the heat map that it shows, None of image and masks.
    """

    title: str
    content: bytes
    map: ShownMap | None


@dataclass(frozen=True)
class ExplainedCase:
    """One explained case.

    Attributes:
        panel: a PNG file with everything; b"" where there are pictures.
        pictures: one by one; none of runs of old.
    """

    name: str
    label: str
    score: float
    score_name: str
    panel: bytes
    pictures: tuple[ShownPicture, ...]
    maps: tuple[ShownMap, ...]

    @property
    def rows(self) -> list[list[ShownPicture]]:
        """The pictures target by target: the masks, then the maps beside them; the image stands with the first."""
        rows: list[list[ShownPicture]] = []
        for picture in self.pictures:
            if not rows or (picture.map is None and rows[-1][-1].map is not None):
                rows.append([])
            rows[-1].append(picture)
        return rows

    @property
    def attributions(self) -> tuple[ShownMap, ...]:
        """The maps of what speaks for a class that have evidence."""
        return tuple(one for one in self.maps if one.words and not one.uncertainty)

    @property
    def unsure(self) -> tuple[ShownMap, ...]:
        """The maps of uncertainty that were held against a reference."""
        return tuple(one for one in self.maps if one.errors is not None)


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
    maps = tuple(shown_map(one) for one in entry["maps"])
    pictures = tuple(shown_picture(folder, one, maps) for one in entry.get("pictures", ()))
    return ExplainedCase(
        name=record.case_names[entry["case"]],
        label=entry["label"],
        score=entry["infinite"] * math.inf if entry.get("infinite") else figure(entry["score"]),
        score_name=entry["score_name"],
        panel=b"" if pictures else read_picture(folder, entry["panel"], PNG, "PNG"),
        pictures=pictures,
        maps=maps,
    )


def shown_picture(folder: Path, entry: Mapping[str, Any], maps: Sequence[ShownMap]) -> ShownPicture:
    """Return one picture of the index as the page shows it; raises SegkitError where it shows no map of the index."""
    position = entry["map"]
    if position is not None and position >= len(maps):
        raise SegkitError(f"{FILE} is damaged: {entry['file']} shows map {position} of {len(maps)}", EXPLAIN_AGAIN)
    content = read_picture(folder, entry["file"], JPEG, "JPEG")
    return ShownPicture(entry["title"], content, None if position is None else maps[position])


def read_picture(folder: Path, name: str, head: bytes, kind: str) -> bytes:
    """Return a picture that the index names; raises SegkitError where it is none, or none of the folder."""
    content = read_bytes(inside(folder, name, named_by=FILE), hint=EXPLAIN_AGAIN, most=LARGEST_PANEL)
    if not content.startswith(head) or len(content) < SHORTEST:
        raise SegkitError(f"{FILE} names {name}, which is no {kind} file", EXPLAIN_AGAIN)
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
        verdict=evidence.get("verdict", ""),
        words=(*evidence.get("words", ()), *notes),
        stages=tuple(
            (stage["random"], figure(stage.get("absolute")), tuple(figure(value) for value in stage["by_seed"]))
            for stage in random.get("stages", ())
        ),
        uncertainty=entry.get("map") == UNCERTAINTY,
        errors=shown_errors(evidence.get("errors")),
    )


def shown_errors(found: Mapping[str, Any] | None) -> Errors | None:
    """Return how uncertainty goes with errors; None where it was not held against a reference."""
    if not found:
        return None
    names = ("auroc", "spearman", "mean_wrong", "mean_right")
    return Errors(wrong=found["wrong"], of=found["of"], **{name: figure(found.get(name)) for name in names})


def figure(value: float | None) -> float:
    """Return a number, NaN for none."""
    return math.nan if value is None else float(value)
