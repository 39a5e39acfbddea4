"""The models of a comparison: runs that differ by seed or fold are one model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segkit.engine.measure import UNANNOTATED
from segkit.errors import SegkitError, UsageError
from segkit.jobs.compare.runs import FinishedRun
from segkit.rundir.read import CaseRow
from segkit.statistics.failures import with_failures

STATUSES = ("missed", "spurious")
Key = tuple[str, str]
"""Case and class."""


@dataclass(frozen=True)
class ComparedModel:
    """One way to train, with all its runs.

    Attributes:
        label: what the comparison calls it.
        repeats: by seed, the runs that score every case once: one, or one per fold.
    """

    label: str
    repeats: tuple[tuple[FinishedRun, ...], ...]

    @property
    def runs(self) -> list[FinishedRun]:
        """Every run, seed by seed."""
        return [run for repeat in self.repeats for run in repeat]


@dataclass(frozen=True)
class Scores:
    """All scores of a comparison on common cases.

    Attributes:
        cases: ids, sorted; groups: the patient of each, None where unknown.
        repeats: per model and metric (seeds, cases, classes).
        missed, spurious: per model (seeds, classes), counted over cases.
    """

    cases: tuple[str, ...]
    groups: tuple[str | None, ...]
    classes: tuple[str, ...]
    metrics: tuple[str, ...]
    repeats: tuple[Mapping[str, np.ndarray], ...]
    missed: tuple[np.ndarray, ...]
    spurious: tuple[np.ndarray, ...]

    def table(self, model: int, metric: str) -> np.ndarray:
        """A model's scores (cases, classes), each the mean over its seeds."""
        return mean_over_seeds(self.repeats[model][metric])


def mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis of the values that are a number; infinite where one is, NaN where none is."""
    defined = ~np.isnan(values)
    counts = defined.sum(axis=0)
    sums = np.where(defined, values, 0).sum(axis=0)
    mean: np.ndarray = np.divide(sums, counts, out=np.full(counts.shape, math.nan), where=counts > 0)
    return mean


def group_runs(runs: Sequence[FinishedRun]) -> list[ComparedModel]:
    """Put runs of one recipe together whose seeds or folds differ; without any two models each run is one.

    A run that is given twice, or twins of one seed, are models of their own: somebody wants to see them compared.

    Raises:
        UsageError: fewer than two runs.
        SegkitError: a model's seeds were not all trained on the same folds.
    """
    if len(runs) < 2:
        raise UsageError("one run alone cannot be compared", "give two runs or more")
    families: list[list[FinishedRun]] = []
    for run in runs:
        for family in families:
            places = [(member.seed, member.fold) for member in family]
            known = run.config and run.seed is not None
            if known and family[0].recipe == run.recipe and (run.seed, run.fold) not in places:
                family.append(run)
                break
        else:
            families.append([run])
    if len(families) == 1 and all(run.fold is None for run in runs):
        families = [[run] for run in runs]
    if len(families) == 1:
        raise UsageError("all runs are folds of one model", "give the runs of another model too")
    labels = distinct([label_of(family) for family in families], [family[0].folder.name for family in families])
    return [model_of(label, family) for label, family in zip(labels, families, strict=True)]


def model_of(label: str, runs: Sequence[FinishedRun]) -> ComparedModel:
    """Order the runs of one model by seed and fold; raises SegkitError where a seed lacks a fold."""
    seeds: dict[int | None, list[FinishedRun]] = {}
    for run in sorted(runs, key=lambda run: (run.seed or 0, run.fold or 0)):
        seeds.setdefault(run.seed, []).append(run)
    folds = sorted({run.fold or 0 for run in runs})
    for seed, repeat in seeds.items():
        if sorted(run.fold or 0 for run in repeat) != folds:
            raise SegkitError(f"model {label}: seed {seed} lacks a fold that others have", "train it, or leave it out")
    return ComparedModel(label, tuple(tuple(repeat) for repeat in seeds.values()))


def label_of(runs: Sequence[FinishedRun]) -> str:
    """Name a model by the name of its first run, without the seed where there are several."""
    name = runs[0].record.name
    for part in (f"-fold{runs[0].fold}", f"-seed{runs[0].seed}") if len(runs) > 1 else ():
        name = name.replace(part, "")
    return name


def distinct(labels: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Tell equal labels apart by the names of the run directories, and those by a number."""
    twice = {label for label, count in Counter(labels).items() if count > 1}
    named = [folder if label in twice else label for label, folder in zip(labels, folders, strict=True)]
    seen: Counter[str] = Counter()
    result = []
    for label in named:
        seen[label] += 1
        result.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return result


def datasets_of(models: Sequence[ComparedModel]) -> list[str]:
    """Return the several datasets that the scored cases are of, by name; none where they are of one."""
    return sorted({row.dataset for run in models[0].runs for row in run.record.cases} - {""})


def gather(models: Sequence[ComparedModel], metrics: Sequence[str], dataset: str | None = None) -> Scores:
    """Bring the scores of all models into tables of the same cases.

    Args:
        dataset: the one of several whose cases alone count, and classes that any of them was annotated for.

    Raises:
        SegkitError: two folds of one model score the same case, or models were scored on other cases.
    """
    tables = [[rows_by_key(model, repeat) for repeat in model.repeats] for model in models]
    if dataset is not None:
        tables = [[of_dataset(table, dataset) for table in repeats] for repeats in tables]
    first = tables[0][0]
    for model, repeats in zip(models, tables, strict=True):
        for repeat in repeats:
            if repeat.keys() != first.keys():
                case = sorted(repeat.keys() ^ first.keys())[0][0]
                raise SegkitError(f"{models[0].label} and {model.label} differ in cases, such as {case}", "score alike")
    cases = sorted({case for case, _ in first})
    classes = list(dict.fromkeys(name for _, name in first))
    groups = {case: row.group or None for (case, _), row in first.items()}
    better = models[0].runs[0].record.direction
    counted = [{status: counts(repeats, cases, classes, status) for status in STATUSES} for repeats in tables]
    return Scores(
        cases=tuple(cases),
        groups=tuple(groups[case] for case in cases),
        classes=tuple(classes),
        metrics=tuple(metrics),
        repeats=tuple(
            {metric: stacked(repeats, cases, classes, metric, better(metric).higher) for metric in metrics}
            for repeats in tables
        ),
        missed=tuple(found["missed"] for found in counted),
        spurious=tuple(found["spurious"] for found in counted),
    )


def rows_by_key(model: ComparedModel, runs: Sequence[FinishedRun]) -> dict[Key, CaseRow]:
    """The rows of one seed by case and class, folds put together."""
    rows: dict[Key, CaseRow] = {}
    for run in runs:
        for row in run.record.cases:
            if (row.case, row.class_name) in rows:
                raise SegkitError(
                    f"model {model.label}: case {row.case} is scored in two folds",
                    "score the held-out cases: --set evaluate.split=val",
                )
            rows[row.case, row.class_name] = row
    return rows


def of_dataset(table: Mapping[Key, CaseRow], dataset: str) -> dict[Key, CaseRow]:
    """The rows of one of several datasets, without classes that none of its cases was annotated for."""
    own = {key: row for key, row in table.items() if row.dataset == dataset}
    annotated = {name for (_, name), row in own.items() if row.status != UNANNOTATED}
    return {(case, name): row for (case, name), row in own.items() if name in annotated}


def counts(
    repeats: Sequence[Mapping[Key, CaseRow]], cases: Sequence[str], classes: Sequence[str], status: str
) -> np.ndarray:
    """In how many cases each class has a status, as (seeds, classes)."""
    return np.array(
        [
            [sum((case, name) in table and table[case, name].status == status for case in cases) for name in classes]
            for table in repeats
        ]
    )


def stacked(
    repeats: Sequence[Mapping[Key, CaseRow]],
    cases: Sequence[str],
    classes: Sequence[str],
    metric: str,
    higher_is_better: bool,
) -> np.ndarray:
    """One metric of one model as (seeds, cases, classes), a missed structure without a value at the worst there is.

    A class that a case was not scored for has no value there (issue 19: a table that lacked a row ended as KeyError).
    """
    rows = [[[table.get((case, name)) for name in classes] for case in cases] for table in repeats]
    values = np.array(
        [[[np.nan if row is None else row.values[metric] for row in of] for of in table] for table in rows], np.float64
    )
    missed = np.array(
        [[[row is not None and row.status == "missed" for row in of] for of in table] for table in rows], bool
    )
    return with_failures(values, missed, higher_is_better=higher_is_better)
