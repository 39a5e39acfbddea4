"""What a finished run directory says, read and checked."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segkit.config import ORIGINS, flatten, toml_value
from segkit.declarations.direction import Direction
from segkit.engine.shapes import EXPECTED, OF_DATASET
from segkit.errors import SegkitError
from segkit.files import from_cell, read_json, read_lines, read_rows, read_toml
from segkit.rundir import shapes
from segkit.rundir.names import CASES, CONFIG, ENVIRONMENT, HISTORY, MODEL, PROFILE, SUMMARY
from segkit.rundir.privacy import FOLDER_SETTINGS, last_part, pseudonyms, without_paths
from segkit.rundir.profile import Profile, read_profile

CASE_COLUMNS = ("case", "group", "class", "reference", "predicted", "status")
SCORE_AGAIN = "score the run again"
LARGEST_SCORE = 1e15
LARGEST_COUNT = 2**63
GENERATED = "generated sample: not real data"
BY_HAND = "changed in config.toml since"
"""Who set a value that is another one than the run was made with."""
ID_SETTING = "explain.cases"
"""The setting that may hold ids of cases."""


@dataclass(frozen=True)
class CaseRow:
    """One scored case and class, from cases.csv.

    Attributes:
        group: the patient, "" where unknown.
        reference, predicted: pixels or voxels of the class.
        status: ok, empty, missed or spurious.
        values: by metric; NaN where undefined.
        expected: the Dice that the case could expect, of a calibrated model; else None.
        dataset: which of several datasets the case is of; "" where there is one.
    """

    case: str
    group: str
    class_name: str
    reference: int
    predicted: int
    status: str
    values: Mapping[str, float]
    expected: float | None = None
    dataset: str = ""


@dataclass(frozen=True)
class Setting:
    """One value of the run's config and where it came from."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class RunRecord:
    """A run directory's data, free of absolute paths.

    Attributes:
        summary, environment: the JSON files.
        history: one entry per epoch; empty where nothing was trained.
        cases: rows of cases.csv; empty where nothing was scored.
        settings: the resolved config.
        case_names: case id -> what is shown for it.
        profile: where the time went; None where that was not measured.
        trained: day on which the model was written, 2026-11-27, by UTC; empty where there is none.
    """

    summary: Mapping[str, Any]
    environment: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    cases: Sequence[CaseRow]
    settings: Sequence[Setting]
    case_names: Mapping[str, str]
    profile: Profile | None = None
    trained: str = ""

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.summary["name"])

    @property
    def notice(self) -> str:
        """The warning that generated data carries everywhere; "" for real data."""
        return str(self.summary.get("notice") or (GENERATED if self.summary.get("generated_sample") else ""))

    @property
    def leak(self) -> str:
        """The warning that some of the scored images were trained on too; "" where none was found to be."""
        count = (self.summary.get("leaks") or {}).get("scored_and_trained", 0)
        if not isinstance(count, int) or count < 1:
            return ""
        return f"{count} of the scored images {'is' if count == 1 else 'are'} among those trained on too"

    @property
    def classes(self) -> list[str]:
        """Foreground class names in label order."""
        return list(self.summary["task"]["classes"])

    @property
    def main_metric(self) -> str:
        """Plain name of the first metric."""
        return str(self.summary["main_metric"])

    def direction(self, metric: str) -> Direction:
        """Which values of the metric are better."""
        higher = bool(self.summary.get("higher_is_better", {}).get(metric, True))
        return Direction(higher, self.summary.get("targets", {}).get(metric))


def read_record(run_folder: Path, *, anonymous: bool = False) -> RunRecord:
    """Read a run directory; history.jsonl, cases.csv, environment.json and config.toml may be missing.

    Args:
        anonymous: show numbers in the place of case ids and groups.

    Raises:
        SegkitError: summary.json is missing, or a file cannot be understood.
    """
    summary = read_summary(run_folder / SUMMARY)
    cases = read_cases(run_folder / CASES)
    if cases and summary["main_metric"] not in cases[0].values:
        raise SegkitError(f"{run_folder / CASES} has no column {summary['main_metric']!r}", SCORE_AGAIN)
    case_names = {row.case: row.case for row in cases}
    settings = read_settings(run_folder / CONFIG)
    if anonymous:
        case_names = pseudonyms((row.case for row in cases), "case")
        groups = pseudonyms((row.group for row in cases if row.group), "group") | {"": ""}
        cases = [replace(row, case=case_names[row.case], group=groups[row.group]) for row in cases]
        settings = [without_ids(setting, case_names) for setting in settings]
    return RunRecord(
        summary=without_paths(summary),
        environment=without_paths(read_environment(run_folder / ENVIRONMENT)),
        history=read_history(run_folder / HISTORY),
        cases=cases,
        settings=settings,
        case_names=case_names,
        profile=read_profile(run_folder / PROFILE),
        trained=day_of(run_folder / MODEL),
    )


def day_of(path: Path) -> str:
    """Return the day on which a file was last written, by UTC; empty where there is none."""
    try:
        return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d}"
    except (OSError, ValueError, OverflowError):
        return ""


def without_ids(setting: Setting, names: Mapping[str, str]) -> Setting:
    """Return a setting in which cases are called as the page calls them; one that names others names nobody."""
    if setting.name != ID_SETTING:
        return setting
    ranks = ("worst", "median", "best")
    wanted = [part.strip() for part in setting.value.split(",")]
    shown = [names.get(part, part if part.partition(":")[0] in ranks else "a case") for part in wanted]
    return replace(setting, value=", ".join(shown))


def read_summary(path: Path, *, absent: str | None = None) -> dict[str, Any]:
    """Read summary.json.

    Args:
        absent: what is read where there is no such file; None to refuse that.
    """
    if absent is None and not os.path.lexists(path):
        raise SegkitError(f"{path} does not exist", "give the directory of a finished run")
    found: dict[str, Any] = read_json(path, shapes.SUMMARY, hint=SCORE_AGAIN, absent=absent)
    return found


def read_environment(path: Path) -> dict[str, Any]:
    """Read environment.json; empty where there is no file."""
    found: dict[str, Any] = read_json(path, shapes.ENVIRONMENT, hint="delete it to go on without it", absent="{}")
    return found


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read one JSON object per line; empty where there is no file."""
    return read_lines(path, shapes.EPOCH, absent="")


def read_explained(path: Path) -> list[dict[str, Any]]:
    """Read the entries of an index of explanations; empty where there is no file."""
    hint = "remove it, and explain again"
    found: list[dict[str, Any]] = read_json(path, shapes.EXPLAINED, hint=hint, absent='{"explained": []}')["explained"]
    return found


def read_cases(path: Path) -> list[CaseRow]:
    """Read cases.csv; empty where there is no file."""
    if not os.path.lexists(path):
        return []
    rows: list[CaseRow] = []
    seen: set[tuple[str, str]] = set()
    for line, cells in read_rows(path, CASE_COLUMNS, hint=SCORE_AGAIN):
        row = case_row(cells)
        if row is None or not row.values:
            raise SegkitError(f"{path}, line {line} is not a scored case", SCORE_AGAIN)
        if (row.case, row.class_name) in seen:
            raise SegkitError(f"{path}, line {line} scores class {row.class_name} of {row.case} again", SCORE_AGAIN)
        seen.add((row.case, row.class_name))
        rows.append(row)
    return rows


def case_row(cells: Mapping[str, str]) -> CaseRow | None:
    """Return one row of cases.csv; None where its figures are none."""
    try:
        further = (*CASE_COLUMNS, EXPECTED, OF_DATASET)
        values = {name: float(text) for name, text in cells.items() if name not in further}
        expected = float(cells[EXPECTED]) if cells.get(EXPECTED) else None
        reference, predicted = int(cells["reference"]), int(cells["predicted"])
    except ValueError:
        return None
    if expected is not None and not 0 <= expected <= 1:
        return None
    within = all(abs(value) < LARGEST_SCORE or not math.isfinite(value) for value in values.values())
    if not within or not 0 <= reference < LARGEST_COUNT or not 0 <= predicted < LARGEST_COUNT or not cells["case"]:
        return None
    case, group, class_name = (from_cell(cells[name]) for name in ("case", "group", "class"))
    dataset = from_cell(cells.get(OF_DATASET, ""))
    return CaseRow(case, group, class_name, reference, predicted, cells["status"], values, expected, dataset)


def read_settings(path: Path) -> list[Setting]:
    """Read the settings of config.toml and who set each, as its table of origins says; empty where there is no file."""
    tables = read_toml(path, shapes.CONFIG, absent="")
    groups = tables.pop(ORIGINS, [])
    values = {name: value for name, value in flatten(tables).items() if "." in name}
    sources = {}
    for group in groups:
        for name, written in flatten(group["values"]).items():
            same = name in values and toml_value(values[name]) == toml_value(written)
            sources[name] = group["source"] if same else BY_HAND
    settings = []
    for name, value in values.items():
        shown = last_part(value) if name in FOLDER_SETTINGS and isinstance(value, str) else without_paths(value)
        settings.append(Setting(name, setting_text(shown), without_paths(sources.get(name, ""))))
    return settings


def setting_text(value: Any) -> str:
    """Write a config value for people: 128, 128 for a list, true and false as TOML has them."""
    if isinstance(value, list):
        return ", ".join(map(setting_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
