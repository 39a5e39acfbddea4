"""What a finished run directory says, read and checked."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segkit.config import ORIGINS
from segkit.errors import SegkitError
from segkit.files import from_cell
from segkit.rundir.names import CASES, CONFIG, ENVIRONMENT, HISTORY, PROFILE, SUMMARY
from segkit.rundir.privacy import last_part, pseudonyms, without_paths
from segkit.rundir.profile import Profile, read_profile

CASE_COLUMNS = ("case", "group", "class", "reference", "predicted", "status")
FOLDER_SETTINGS = ("data.root", "run.output")
GENERATED = "generated sample: not real data"


@dataclass(frozen=True)
class CaseRow:
    """One scored case and class, from cases.csv.

    Attributes:
        group: the patient, "" where unknown.
        reference, predicted: pixels or voxels of the class.
        status: ok, empty, missed or spurious.
        values: by metric; NaN where undefined.
    """

    case: str
    group: str
    class_name: str
    reference: int
    predicted: int
    status: str
    values: Mapping[str, float]


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
    """

    summary: Mapping[str, Any]
    environment: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    cases: Sequence[CaseRow]
    settings: Sequence[Setting]
    case_names: Mapping[str, str]
    profile: Profile | None = None

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

    def higher_is_better(self, metric: str) -> bool:
        """Whether larger values of the metric are better."""
        return bool(self.summary.get("higher_is_better", {}).get(metric, True))


def read_record(run_folder: Path, *, anonymous: bool = False) -> RunRecord:
    """Read a run directory; history.jsonl, cases.csv, environment.json and config.toml may be missing.

    Args:
        anonymous: show numbers in the place of case ids and groups.

    Raises:
        SegkitError: summary.json is missing, or a file cannot be understood.
    """
    summary = _read_json(run_folder / SUMMARY)
    for field in ("name", "task", "scores", "main_metric"):
        if field not in summary:
            raise SegkitError(f"{run_folder / 'summary.json'} has no {field!r}", "score the run again")
    environment = run_folder / ENVIRONMENT
    cases = read_cases(run_folder / CASES)
    case_names = {row.case: row.case for row in cases}
    if anonymous:
        case_names = pseudonyms((row.case for row in cases), "case")
        groups = pseudonyms((row.group for row in cases if row.group), "group") | {"": ""}
        cases = [replace(row, case=case_names[row.case], group=groups[row.group]) for row in cases]
    return RunRecord(
        summary=without_paths(summary),
        environment=without_paths(_read_json(environment)) if environment.exists() else {},
        history=read_history(run_folder / HISTORY),
        cases=cases,
        settings=read_settings(run_folder / CONFIG),
        case_names=case_names,
        profile=read_profile(run_folder / PROFILE),
    )


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read one JSON object per line; empty where there is no file."""
    entries = []
    for number, line in enumerate(_read_text(path).splitlines() if path.exists() else [], start=1):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise SegkitError(f"{path}, line {number} is not JSON: {error.msg}", "remove that line") from None
    return entries


def read_cases(path: Path) -> list[CaseRow]:
    """Read cases.csv; empty where there is no file."""
    if not path.exists():
        return []
    rows = []
    reader = csv.DictReader(_read_text(path).splitlines(keepends=True))
    missing = [name for name in CASE_COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise SegkitError(f"{path} has no column {missing[0]!r}", "score the run again")
    metrics = [name for name in reader.fieldnames or () if name not in CASE_COLUMNS]
    for row in reader:
        try:
            values = {metric: float(row[metric]) for metric in metrics}
            counts = int(row["reference"]), int(row["predicted"])
        except (ValueError, TypeError):
            raise SegkitError(f"{path}, line {reader.line_num} is not a scored case", "score the run again") from None
        case, group, class_name = (from_cell(row[name]) for name in ("case", "group", "class"))
        rows.append(CaseRow(case, group, class_name, *counts, row["status"], values))
    return rows


def read_settings(path: Path) -> list[Setting]:
    """Read the settings of config.toml with the source behind each; empty where there is no file."""
    settings, table = [], ""
    for line in _read_text(path).splitlines() if path.exists() else []:
        if line == f"[[{ORIGINS}]]":
            break  # the same values once more, for programs
        if line.startswith("["):
            table = line.strip().strip("[]") + "."
            continue
        try:
            parsed = tomllib.loads(line)
        except tomllib.TOMLDecodeError as error:
            raise SegkitError(f"{path} is not valid TOML: {error}", "mend that line") from None
        if not table:
            continue
        source = line.rpartition("  # ")[2] if "  # " in line else ""
        for key, value in parsed.items():
            name = table + key
            shown = last_part(value) if name in FOLDER_SETTINGS and isinstance(value, str) else without_paths(value)
            settings.append(Setting(name, setting_text(shown), without_paths(source)))
    return settings


def setting_text(value: Any) -> str:
    """Write a config value for people: 128, 128 for a list, true and false as TOML has them."""
    if isinstance(value, list):
        return ", ".join(map(setting_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise SegkitError(f"{path} is not JSON: {error.msg}", "score the run again") from None
    if not isinstance(value, dict):
        raise SegkitError(f"{path} holds no JSON object", "score the run again")
    return value


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SegkitError(f"{path} does not exist", "give the directory of a finished run") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SegkitError(f"{path} cannot be read: {error}", "give the directory of a finished run") from None
