"""The score table, as rows, in a terminal, and in a pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from segkit.errors import one_line
from segkit.report import layout, text

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("metric", "class", "mean", "ci_low", "ci_high", "median", "n", "missed", "spurious", "empty", "note")
"""Header of the tab-separated lines."""
HEADS = ("metric", "class", "mean", "95 % interval", "median", "n", "missed", "spurious", "empty")
"""Header on a terminal."""
ALL_CLASSES = "all classes"
"""Class of the rows that are of all classes together."""
EACH_OTHER = "each other"
"""What stands for a reader in the row of the readers' agreement."""
LENGTHS = ("mean", "std", "median", "ci_low", "ci_high")
SMALL = 0.1
"""mm below which lengths are shown in micrometres: those of slides."""


@dataclass(frozen=True)
class ScoreRow:
    """One metric of one class, summarised over cases.

    Attributes:
        metric: plain name, followed by the aggregation where that is not the run's main one; `name` adds the convention
            it was taken by.
        mean, median, ci_low, ci_high, std: None where undefined.
        n: cases (or case and class pairs) with a finite value, of `n_cases`.
        empty, missed, spurious: structures in neither mask, in the reference only, in the prediction only.
    """

    metric: str
    name: str
    class_name: str
    unit: str
    mean: float | None
    std: float | None
    median: float | None
    ci_low: float | None
    ci_high: float | None
    ci_method: str
    n: int
    n_cases: int
    empty: int
    missed: int
    spurious: int
    note: str

    @property
    def convention(self) -> str:
        """How the metric was taken, which its full name has in brackets."""
        return self.name.partition("(")[2].removesuffix(")")


def table_rows(summary: Mapping[str, Any]) -> list[ScoreRow]:
    """Return the scores of a run's summary in the order of summary.json."""
    main = summary["scores"][0].get("aggregation") if summary["scores"] else None
    return [
        ScoreRow(
            metric=shown_metric(row, main),
            name=row["name"],
            class_name=row["class"],
            unit=row.get("unit", ""),
            mean=row["mean"],
            std=row.get("std"),
            median=row["median"],
            ci_low=row["ci_low"],
            ci_high=row["ci_high"],
            ci_method=row.get("ci_method", ""),
            n=row["n"],
            n_cases=row["n_cases"],
            empty=row["n_empty"],
            missed=row["n_missed"],
            spurious=row["n_spurious"],
            note=row.get("note", ""),
        )
        for row in summary["scores"]
    ]


def readable(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Return rows as people read them: metrics whose means all lie below a tenth of a millimetre in micrometres."""
    largest: dict[str, float] = {}
    for row in rows:
        if row.unit == "mm" and row.mean is not None:
            largest[row.metric] = max(largest.get(row.metric, 0.0), abs(row.mean))
    small = {metric for metric, length in largest.items() if 0 < length < SMALL}
    return [in_micrometres(row) if row.metric in small else row for row in rows]


def in_micrometres(row: ScoreRow) -> ScoreRow:
    """Return a row of millimetres in micrometres."""
    lengths = {name: getattr(row, name) for name in LENGTHS}
    larger: dict[str, Any] = {name: None if length is None else 1000 * length for name, length in lengths.items()}
    return replace(row, unit="\u00b5m", **larger)


def shown_metric(row: Mapping[str, Any], main: str | None) -> str:
    """Name a row's metric, and how it was aggregated where others of the table were aggregated otherwise."""
    # A metric over all cases together can be taken in no other way.
    alike = row.get("aggregation") in (main, "over_cases")
    return str(row["metric"]) if alike else f"{row['metric']} {row['aggregation']}"


def print_scores(summary: Mapping[str, Any], console: Console) -> None:
    """Print the scores: a table on a terminal, tab-separated lines with full numbers elsewhere."""
    rows = table_rows(summary)
    if console.is_terminal:
        told: set[str] = set()
        _print_table(rows, console, told)
        if unannotated := unannotated_text(summary):
            _print_line(unannotated, console)
        for name, own in summary.get("datasets", {}).items():
            _print_line(f"\ndataset {one_line(name)}{'' if own else ': no scored case'}", console)
            if own:
                _print_table(table_rows({"scores": without_repeats(own)}), console, told)
        _print_readers(summary, console, told)
        return
    console.file.write("\t".join(COLUMNS) + "\n")
    for row in rows:
        values = [row.name, row.class_name, row.mean, row.ci_low, row.ci_high, row.median]
        values += [row.n, row.missed, row.spurious, row.empty, row.note]
        console.file.write("\t".join("" if value is None else _field(value) for value in values) + "\n")


def unannotated_text(summary: Mapping[str, Any]) -> str:
    """Say of which classes cases were not annotated, as their n is smaller for it; "" where all were."""
    first = summary["scores"][0]["metric"] if summary["scores"] else ""
    each = {
        row["class"]: row["n_unannotated"]
        for row in summary["scores"]
        if row["metric"] == first and row["class"] != ALL_CLASSES and row.get("n_unannotated")
    }
    told = ", ".join(f"{one_line(name)} in {count}" for name, count in each.items())
    return f"not annotated, and not counted: {told} of the scored cases" if told else ""


def without_repeats(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return score rows without those of all classes where there is one class: they would say the same again."""
    classes = {row["class"] for row in rows} - {ALL_CLASSES}
    return [row for row in rows if row["class"] != ALL_CLASSES or len(classes) > 1]


def _print_readers(summary: Mapping[str, Any], console: Console, told: set[str]) -> None:
    """Print the scores against each of several readers, and their agreement with each other, which is the ceiling."""
    found = summary.get("readers")
    if not found:
        return
    _print_line(
        f"\n{found['cases']} cases drawn by several readers; what they reach with each other is the ceiling", console
    )
    each = {**found["against"], EACH_OTHER: found["agreement"]}
    names = [name for name, own in each.items() for _ in own]
    # Read as one metric first, so that all readers' lengths have one unit.
    every = readable(table_rows({"scores": [row for own in each.values() for row in own]}))
    rows = [replace(row, metric=name) for name, row in zip(names, every, strict=True)]
    heads = (f"{found['metric']} against", *HEADS[1:])
    _print_table(rows, console, told, heads)


def _field(value: object) -> str:
    """Write one tab-separated field; tabs and line ends inside a name would break the line."""
    return one_line(str(value))


def _print_line(line: str, console: Console) -> None:
    console.print(layout.wrapped(line, console.width), soft_wrap=True, markup=False, highlight=False)


def _print_table(rows: Sequence[ScoreRow], console: Console, told: set[str], heads: Sequence[str] = HEADS) -> None:
    """Print a table, and below it of conventions and notes what has not been told yet."""
    shown = []
    for row in readable(rows):
        cells = [row.metric, row.class_name, text.number(row.mean, row.unit), text.interval(row.ci_low, row.ci_high)]
        cells += [text.number(row.median, row.unit), *map(str, (row.n, row.missed, row.spurious, row.empty))]
        shown.append(cells)
    layout.print_table(console, heads, shown, spare=("median", "empty", "spurious"), right=HEADS[2:])
    lines = [line for line in _caption(rows).splitlines() if line not in told]
    for line in lines:
        _print_line(line, console)
    told.update(lines)


def _caption(rows: Sequence[ScoreRow]) -> str:
    """The conventions of the metrics and the notes of all rows, each once."""
    lines = [*(row.name for row in rows), *(f"note: {row.note}" for row in rows if row.note)]
    return "\n".join(dict.fromkeys(map(one_line, lines)))
