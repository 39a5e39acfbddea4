"""What a comparison says: scores with intervals, paired differences, ranks, and the cases that models disagree on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from segkit.declarations.direction import Direction
from segkit.errors import SegkitError
from segkit.jobs.compare.models import ComparedModel, Scores
from segkit.statistics import PairedComparison, RankStability, Summary, compare_paired, holm, rank_stability, summarize
from segkit.statistics.claims import false_claim_probability

ALL_CLASSES = "all classes"
LEVEL = 0.05
ENOUGH_DIFFERENCES = 6
"""Of fewer cases that differ not even all in one direction could be chance in less than one of twenty tries."""


@dataclass(frozen=True)
class ModelScore:
    """One metric of one model and class.

    Attributes:
        summary: over cases, each case the mean over its seeds.
        seed_means: the mean over cases of each seed alone; None where undefined.
        seed_std: their standard deviation, n - 1; None for one seed.
        missed, spurious: cases with such a structure, mean over the seeds.
    """

    model: int
    metric: str
    class_name: str
    summary: Summary
    seed_means: tuple[float | None, ...]
    seed_std: float | None
    missed: float
    spurious: float


@dataclass(frozen=True)
class PairScore:
    """Two models on one metric and class: first minus second, the first being the one of better rank; where there is
    a target, the difference of their distances from it.

    Attributes:
        p_holm: corrected for all pairs of this metric and class.
        false_claim: probability that "the first is better" is false; None where it is not defined.
        verdict: "first", "second" (surely better), "unsure" or "equal" (the same score on every case).
        reason: why it is unsure, where it is.
    """

    first: int
    second: int
    metric: str
    class_name: str
    paired: PairedComparison
    p_holm: float | None
    verdict: str
    reason: str
    false_claim: float | None = None

    @property
    def differing(self) -> int:
        """Patients (or cases) on which the two differ."""
        return self.paired.higher + self.paired.lower


@dataclass(frozen=True)
class Analysis:
    """All that is said of a comparison.

    Attributes:
        order: models by rank on the main metric, the best first.
        stability: of those ranks.
        failed: name and reason of runs that are missing here.
        spread: (cases,) largest minus smallest score of the main metric, mean over classes; NaN where undefined.
        datasets: the scores on each of several datasets, by its name.
    """

    models: tuple[ComparedModel, ...]
    data: Scores
    directions: dict[str, Direction]
    scores: tuple[ModelScore, ...]
    pairs: tuple[PairScore, ...]
    order: tuple[int, ...]
    stability: RankStability
    case_scores: np.ndarray
    spread: np.ndarray
    failed: tuple[tuple[str, str], ...] = ()
    datasets: Mapping[str, tuple[ModelScore, ...]] = field(default_factory=dict)

    @property
    def main_metric(self) -> str:
        """The metric that ranks."""
        return self.data.metrics[0]

    @property
    def notice(self) -> str:
        """The warning of a run that was trained or scored on generated data; "" where none was."""
        return next((run.record.notice for model in self.models for run in model.runs if run.record.notice), "")

    @property
    def overall(self) -> str:
        """What stands for all classes: the only one, where there is one."""
        return overall_class(self.data)

    def score(self, model: int, metric: str, class_name: str) -> ModelScore:
        """One model's score."""
        found = (row for row in self.scores if (row.model, row.metric, row.class_name) == (model, metric, class_name))
        return next(found)

    def main_pairs(self) -> list[PairScore]:
        """The pairs on the main metric over all classes."""
        return [pair for pair in self.pairs if (pair.metric, pair.class_name) == (self.main_metric, self.overall)]


def analyse(models: Sequence[ComparedModel], data: Scores) -> Analysis:
    """Compare models; the first metric of `data` is the main one."""
    record = models[0].runs[0].record
    directions = {metric: record.direction(metric) for metric in data.metrics}
    main = data.metrics[0]
    tables = [data.table(model, main) for model in range(len(models))]
    for model, table in zip(models, tables, strict=True):
        if np.isnan(table).all():
            raise SegkitError(
                f"{model.label} has no {main} on any case: nothing can be ranked",
                "score the runs again with another main metric",
            )
    stability = rank_stability(
        [directions[main].comparable(table) for table in tables], data.groups, higher_is_better=directions[main].higher
    )
    order = tuple(int(place) for place in np.argsort(stability.ranks, kind="stable"))
    case_scores = np.stack([class_mean_of_case(table) for table in tables])
    return Analysis(
        models=tuple(models),
        data=data,
        directions=directions,
        scores=model_scores(data),
        pairs=tuple(
            pair
            for metric in data.metrics
            for name in class_names(data)
            for pair in pair_scores(data, metric, name, order, directions[metric])
        ),
        order=order,
        stability=stability,
        case_scores=case_scores,
        spread=spread(case_scores),
    )


def model_scores(data: Scores) -> tuple[ModelScore, ...]:
    """Summarise every model on every metric and class."""
    return tuple(
        model_score(data, model, metric, name)
        for metric in data.metrics
        for name in class_names(data)
        for model in range(len(data.repeats))
    )


def class_names(data: Scores) -> list[str]:
    """All classes together first, where there are several, then each alone."""
    return [ALL_CLASSES, *data.classes] if len(data.classes) > 1 else list(data.classes)


def overall_class(data: Scores) -> str:
    """The row that speaks for all classes."""
    return class_names(data)[0]


def of_class(data: Scores, table: np.ndarray, class_name: str) -> np.ndarray:
    """The columns of one class, or all (..., classes)."""
    if class_name == ALL_CLASSES:
        return table
    label = data.classes.index(class_name)
    return table[..., label : label + 1]


def model_score(data: Scores, model: int, metric: str, class_name: str) -> ModelScore:
    """Summarise one model on one metric and class."""
    repeats = of_class(data, data.repeats[model][metric], class_name)
    means = tuple(class_mean(repeat) for repeat in repeats)
    known = [mean for mean in means if mean is not None]
    return ModelScore(
        model=model,
        metric=metric,
        class_name=class_name,
        summary=summarize(of_class(data, data.table(model, metric), class_name), data.groups),
        seed_means=means,
        seed_std=float(np.std(known, ddof=1)) if len(known) > 1 else None,
        missed=float(of_class(data, data.missed[model], class_name).sum(axis=-1).mean()),
        spurious=float(of_class(data, data.spurious[model], class_name).sum(axis=-1).mean()),
    )


def class_mean(table: np.ndarray) -> float | None:
    """The mean over cases of each class, then over classes, finite values only (cases, classes)."""
    columns = [column[np.isfinite(column)] for column in table.T]
    means = [float(column.mean()) for column in columns if len(column)]
    return float(np.mean(means)) if means else None


def pair_scores(
    data: Scores, metric: str, class_name: str, order: Sequence[int], direction: Direction
) -> list[PairScore]:
    """Compare every two models on one metric and class, p-values corrected for all of these pairs."""
    tables = [
        of_class(data, direction.comparable(data.table(model, metric)), class_name) for model in range(len(order))
    ]
    pairs = list(combinations(order, 2))
    compared = [compare_paired(tables[first], tables[second], data.groups) for first, second in pairs]
    adjusted = holm([paired.p_value for paired in compared])
    found = []
    for (first, second), paired, p_holm in zip(pairs, compared, adjusted, strict=True):
        verdict, reason = judge(paired, p_holm, higher_is_better=direction.higher)
        false_claim = false_claim_probability(paired.units, higher_is_better=direction.higher)
        found.append(PairScore(first, second, metric, class_name, paired, p_holm, verdict, reason, false_claim))
    return found


def judge(paired: PairedComparison, p_holm: float | None, *, higher_is_better: bool) -> tuple[str, str]:
    """Say which of two is better: sure only where corrected test and interval of the difference agree.

    Where one missed what the other found the difference has no mean: the interval of the others must not contradict.

    Returns:
        A verdict as in `PairScore`, and the reason where it is unsure.
    """
    difference, differing = paired.difference, paired.higher + paired.lower
    if p_holm is None:
        return "unsure", "no case has a score in both"
    if differing == 0:
        return "equal", ""
    if differing < ENOUGH_DIFFERENCES:
        return "unsure", f"they differ on {differing} only, too few for any test"
    if p_holm > LEVEL:
        return "unsure", "such a difference is not rare by chance"
    low, high = difference.ci_low, difference.ci_high
    most = np.sign(paired.higher - paired.lower)
    open_ = low is None or high is None or low <= 0 <= high
    # Of cases that one of the two missed there is no mean: what all others come to cannot take the test's word back.
    if open_ and not paired.infinite:
        return "unsure", "the test finds a difference, but the interval of the mean holds 0"
    direction = most if open_ or low is None else math.copysign(1, low)
    if direction != most or not most:
        return "unsure", "most cases differ one way, their mean the other"
    return ("first" if (direction > 0) == higher_is_better else "second"), ""


def class_mean_of_case(table: np.ndarray) -> np.ndarray:
    """Return each case's mean over the classes that have a number (cases, classes) -> (cases,)."""
    defined = ~np.isnan(table)
    sums, sizes = np.where(defined, table, 0).sum(axis=1), defined.sum(axis=1)
    mean: np.ndarray = np.divide(sums, sizes, out=np.full(len(table), math.nan), where=sizes > 0)
    return mean


def spread(case_scores: np.ndarray) -> np.ndarray:
    """Return how far models are apart on each case, (models, cases) -> (cases,).

    Infinite where one missed what another found; NaN where fewer than two have a score.
    """
    widths = np.full(case_scores.shape[1], math.nan)
    for case, column in enumerate(case_scores.T):
        known = column[~np.isnan(column)]
        if len(known) > 1:
            widths[case] = 0.0 if known.max() == known.min() else known.max() - known.min()
    return widths


def most_disagreed(analysis: Analysis, number: int) -> list[int]:
    """Return the cases that models are furthest apart on, the furthest first; none where all agree."""
    known = [case for case in range(len(analysis.spread)) if analysis.spread[case] > 0]
    return sorted(known, key=lambda case: (-analysis.spread[case], analysis.data.cases[case]))[:number]


def anonymised(analysis: Analysis, names: dict[str, str], groups: dict[str, str]) -> Analysis:
    """Show other names in the place of case ids and groups."""
    data = replace(
        analysis.data,
        cases=tuple(names[case] for case in analysis.data.cases),
        groups=tuple(groups[group] if group else None for group in analysis.data.groups),
    )
    return replace(analysis, data=data)
