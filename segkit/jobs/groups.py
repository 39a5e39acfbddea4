"""Groups of cases from a table beside the data: read, checked against the scored cases, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.engine.summary import number
from segkit.errors import SegkitError
from segkit.files import read_rows
from segkit.statistics.subgroups import SMALL, gaps, group_summaries

IDS = ("case", "id")
"""Columns that name a case, the first that is there."""
MOST = 20
"""A column with more values is no grouping: ages want bands."""


def read_groups(path: Path, cases: Sequence[str]) -> dict[str, list[str]]:
    """Read a CSV of cases, a column per grouping; returns each case's group by column, in the order of the cases.

    Raises:
        SegkitError: no column names the cases, one is missing or there twice, or no column makes groups.
    """
    rows: dict[str, dict[str, str]] = {}
    key = ""
    for line, cells in read_rows(path, hint="give a CSV with a column case and one per grouping"):
        key = key or next((name for name in IDS if name in cells), "")
        if not key:
            raise SegkitError(f"{path.name} has no column {' or '.join(IDS)}", "name the cases in a column case")
        if cells[key] in rows:
            raise SegkitError(f"{path.name}, line {line}: case {cells[key]!r} is there twice", "keep one row per case")
        rows[cells[key]] = cells
    missing = [case for case in cases if case not in rows]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SegkitError(
            f"{path.name} has no row of case {missing[0]!r}{more}, which is scored",
            "add one, with empty cells if need be",
        )
    columns = [name for name in next(iter(rows.values()), {}) if name != key]
    found = {name: [rows[case][name].strip() or "not given" for case in cases] for name in columns}
    usable = {name: values for name, values in found.items() if 1 < len({*values}) <= MOST}
    if not usable:
        counts = ", ".join(f"{name} {len({*values})}" for name, values in found.items()) or "none"
        raise SegkitError(
            f"no column of {path.name} makes groups of the scored cases (values per column: {counts})",
            f"a grouping has 2 to {MOST} values, such as bands of age",
        )
    return usable


def group_record(path: Path, scores: Sequence[CaseScores], metric: ChosenMetric) -> dict[str, Any]:
    """Return each group's score by the main metric over all classes, with n and interval, and the gaps between groups.

    Raises:
        SegkitError: as `read_groups`.
    """
    values = np.stack([row.values[metric.name] for row in scores])
    patients = [row.group for row in scores]
    columns = read_groups(path, [row.case for row in scores])
    return {
        "file": path.name,
        "metric": metric.name,
        "columns": {name: column_record(values, names, patients) for name, names in columns.items()},
    }


def column_record(values: np.ndarray, names: Sequence[str], patients: Sequence[str | None]) -> Mapping[str, Any]:
    """Return what is said of one grouping."""
    groups = [
        {
            "group": name,
            "n": count,
            "small": count < SMALL,
            "mean": number(summary.mean),
            "ci_low": number(summary.ci_low),
            "ci_high": number(summary.ci_high),
            "infinite": summary.infinite,
            "note": summary.note,
        }
        for name, (count, summary) in group_summaries(values, names, patients).items()
    ]
    return {"groups": groups, "gaps": [vars(gap) for gap in gaps(values, names, patients)]}


def lines(record: Mapping[str, Any]) -> list[str]:
    """Say it, a line per group and gap."""
    from segkit.report.text import number as written
    from segkit.report.text import probability

    said = []
    for column, found in record["columns"].items():
        for row in found["groups"]:
            ends = "" if row["ci_low"] is None else f" ({written(row['ci_low'])} to {written(row['ci_high'])})"
            missed = f", {row['infinite']} infinite" if row["infinite"] else ""
            small = f"  n < {SMALL}: compared with no other" if row["small"] else ""
            score = f"{record['metric']} {written(row['mean'])}{ends}"
            said.append(f"{column} {row['group']}: {score}, n = {row['n']}{missed}{small}")
        for gap in found["gaps"]:
            ends = "" if gap["low"] is None else f" ({written(gap['low'])} to {written(gap['high'])})"
            pair = f"{gap['first']} minus {gap['second']}"
            paired = f", {gap['pairs']} patients in both" if gap["pairs"] else ""
            said.append(f"  {pair}: {written(gap['difference'])}{ends}, p (Holm) {probability(gap['p_holm'])}{paired}")
    return said
