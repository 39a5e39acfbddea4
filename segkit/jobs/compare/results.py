"""A comparison in files for programs: comparison.json and three CSV tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from segkit.files import write_json, write_table
from segkit.jobs.compare.analysis import Analysis, ModelScore, PairScore, most_disagreed
from segkit.jobs.compare.costs import cost_of, setting_differences
from segkit.jobs.compare.runs import RESULT
from segkit.jobs.compare.words import RULE, about_training, cautions, headline, pair_sentence
from segkit.rundir.names import CASES
from segkit.statistics.intervals import RESAMPLES
from segkit.version import __version__

FORMAT = 1
DISAGREEMENTS = 20
SCORE_COLUMNS = (
    *("rank", "model", "metric", "class", "mean", "std", "median", "ci_low", "ci_high", "n"),
    *("missed", "spurious", "seeds", "seed_std", "seed_means", "note"),
)
PAIR_COLUMNS = (
    *("first", "second", "metric", "class", "difference", "ci_low", "ci_high", "p", "p_holm"),
    "false_claim",
    *("higher", "equal", "lower", "infinite", "verdict", "reason", "note"),
)


def write_results(folder: Path, name: str, analysis: Analysis) -> dict[str, Any]:
    """Write comparison.json, scores.csv, differences.csv and cases.csv; returns what the JSON holds."""
    record = result_record(name, analysis)
    scores, pairs = record["scores"], record["differences"]
    write_table(folder / "scores.csv", SCORE_COLUMNS, ([listed(row[key]) for key in SCORE_COLUMNS] for row in scores))
    write_table(folder / "differences.csv", PAIR_COLUMNS, ([row[key] for key in PAIR_COLUMNS] for row in pairs))
    if analysis.datasets:
        rows = [(name, row) for name, own in record["datasets"].items() for row in own]
        cells = ([name, *(listed(row[key]) for key in SCORE_COLUMNS)] for name, row in rows)
        write_table(folder / "datasets.csv", ("dataset", *SCORE_COLUMNS), cells)
    labels = [model.label for model in analysis.models]
    write_table(folder / CASES, ("case", "group", "class", "metric", *labels), case_rows(analysis))
    write_json(folder / RESULT, record)
    return record


def result_record(name: str, analysis: Analysis) -> dict[str, Any]:
    """What comparison.json holds; an undefined or infinite figure is null."""
    summary = analysis.models[0].runs[0].record.summary
    stability = analysis.stability
    return {
        "format": FORMAT,
        "segkit": __version__,
        "name": name,
        "generated_sample": bool(analysis.notice),
        "notice": analysis.notice,
        "dataset": summary.get("dataset", {}),
        "split": summary.get("split", ""),
        "cases": len(analysis.data.cases),
        "main_metric": analysis.main_metric,
        "higher_is_better": {metric: found.higher_is_better for metric, found in analysis.directions.items()},
        "targets": {metric: found.target for metric, found in analysis.directions.items() if found.target is not None},
        "headline": headline(analysis),
        "training": about_training(analysis),
        "rule": RULE,
        "cautions": cautions(analysis),
        "failed": [{"run": name, "reason": reason} for name, reason in analysis.failed],
        "models": [model_record(analysis, model) for model in range(len(analysis.models))],
        "scores": [score_record(analysis, row) for row in analysis.scores],
        **({"datasets": dataset_records(analysis)} if analysis.datasets else {}),
        "differences": [pair_record(analysis, pair) for pair in analysis.pairs],
        "ranks": {
            "by": stability.by,
            "resamples": RESAMPLES,
            "unchanged": stability.unchanged,
            "shares": [list(map(float, row)) for row in stability.shares],
        },
        "disagreements": [
            {
                "case": analysis.data.cases[case],
                "spread": finite(analysis.spread[case]),
                "scores": [finite(value) for value in analysis.case_scores[:, case]],
            }
            for case in most_disagreed(analysis, DISAGREEMENTS)
        ],
        "settings": setting_differences(analysis.models),
    }


def model_record(analysis: Analysis, model: int) -> dict[str, Any]:
    """One model: where it comes from and what it costs."""
    compared, cost = analysis.models[model], cost_of(analysis.models[model])
    return {
        "label": compared.label,
        "rank": analysis.stability.ranks[model],
        "runs": [run.folder.name for run in compared.runs],
        "seeds": [repeat[0].seed for repeat in compared.repeats],
        "folds": [run.fold for run in compared.repeats[0] if run.fold is not None],
        "parameters": cost.parameters,
        "epochs": cost.epochs,
        "train_seconds": cost.train_seconds,
        "seconds_per_case": cost.case_seconds,
        "peak_memory": {"process": cost.process_bytes, "device": cost.device_bytes},
        "device": cost.device,
        "weights": list(cost.weights),
    }


def dataset_records(analysis: Analysis) -> dict[str, list[dict[str, Any]]]:
    """The models' scores on each of several datasets."""
    return {name: [score_record(analysis, row) for row in rows] for name, rows in analysis.datasets.items()}


def score_record(analysis: Analysis, row: ModelScore) -> dict[str, Any]:
    """One model's score on one metric and class."""
    summary = row.summary
    return {
        "model": analysis.models[row.model].label,
        "rank": analysis.stability.ranks[row.model],
        "metric": row.metric,
        "class": row.class_name,
        "mean": finite(summary.mean),
        "std": finite(summary.std),
        "median": finite(summary.median),
        "ci_low": finite(summary.ci_low),
        "ci_high": finite(summary.ci_high),
        "ci_method": summary.method,
        "n": summary.n,
        "missed": row.missed,
        "spurious": row.spurious,
        "seeds": len(row.seed_means),
        "seed_std": finite(row.seed_std),
        "seed_means": [finite(mean) for mean in row.seed_means],
        "note": summary.note,
    }


def pair_record(analysis: Analysis, pair: PairScore) -> dict[str, Any]:
    """One paired difference, first minus second."""
    difference = pair.paired.difference
    return {
        "first": analysis.models[pair.first].label,
        "second": analysis.models[pair.second].label,
        "metric": pair.metric,
        "class": pair.class_name,
        "difference": finite(difference.mean),
        "ci_low": finite(difference.ci_low),
        "ci_high": finite(difference.ci_high),
        "ci_method": difference.method,
        "p": pair.paired.p_value,
        "p_holm": pair.p_holm,
        "false_claim": pair.false_claim,
        "higher": pair.paired.higher,
        "equal": pair.paired.equal,
        "lower": pair.paired.lower,
        "infinite": pair.paired.infinite,
        "verdict": pair.verdict,
        "reason": pair.reason,
        "note": "; ".join(part for part in (difference.note, pair.paired.note) if part),
        "sentence": pair_sentence(analysis, pair),
    }


def case_rows(analysis: Analysis) -> Iterable[list[object]]:
    """Every case, class and metric with the score of each model, the mean over its seeds, in full."""
    data = analysis.data
    for metric in data.metrics:
        tables = [data.table(model, metric) for model in range(len(analysis.models))]
        for place, case in enumerate(data.cases):
            for label, class_name in enumerate(data.classes):
                values = [float(table[place, label]) for table in tables]
                yield [case, data.groups[place] or "", class_name, metric, *values]


def listed(value: Any) -> Any:
    """A list as one field of a CSV."""
    return " ".join("" if part is None else repr(part) for part in value) if isinstance(value, list) else value


def finite(value: Any) -> float | None:
    """A figure as JSON can hold it."""
    return float(value) if value is not None and math.isfinite(value) else None
