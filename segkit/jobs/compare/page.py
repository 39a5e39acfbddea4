"""The page of a comparison, and the figures on it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.files import write_text
from segkit.jobs.compare import words
from segkit.jobs.compare.analysis import Analysis, ModelScore, PairScore, class_names
from segkit.jobs.compare.costs import cost_of, facts_of, setting_differences
from segkit.jobs.compare.plots import Heading, comparison_plots
from segkit.jobs.compare.runs import RUNS
from segkit.report import text
from segkit.report.figures import figures_of
from segkit.report.html import PlotFiles, agreement_legend, mostly_thin, page_environment
from segkit.report.overlays import Overlay, make_overlay
from segkit.report.pictures import CasePicture
from segkit.report.writer import draw_plot
from segkit.rundir.names import REPORT
from segkit.rundir.privacy import without_paths
from segkit.statistics.intervals import RESAMPLES
from segkit.version import __version__


@dataclass(frozen=True)
class ComparedCase:
    """A case with the prediction of each model."""

    name: str
    pictures: Sequence[tuple[CasePicture, Overlay]]


@dataclass(frozen=True)
class CaseLine:
    """A row of the table of cases; `values` in the order of ranks."""

    case: str
    group: str | None
    spread: float
    values: Sequence[float]


def write_page(
    folder: Path,
    name: str,
    analysis: Analysis,
    pictures: Mapping[str, Sequence[CasePicture]],
    no_pictures: str = "",
) -> Path:
    """Write figures/*.png and report.html of a comparison; returns the page's path.

    Args:
        pictures: by what is shown of the case's name, one picture per model.
        no_pictures: why there are none, in a sentence.
    """
    heading = Heading(name, analysis.notice)
    with figures_of(folder) as figures:
        plots = {
            part: [draw_plot(plot, figures) for plot in found]
            for part, found in comparison_plots(analysis, heading).items()
        }
    shown = [
        ComparedCase(case, [(picture, make_overlay(picture)) for picture in found]) for case, found in pictures.items()
    ]
    page = folder / REPORT
    write_text(page, render_comparison(analysis, heading, plots, shown, no_pictures, command(folder, analysis)))
    return page


def command(folder: Path, analysis: Analysis) -> str:
    """The command that makes the page again from the runs, without any folder of this machine."""
    runs = [run.folder for model in analysis.models for run in model.runs]
    if all(run.parent == folder / RUNS for run in runs):
        return f"segkit compare {RUNS}/* --output ../again"
    return f"segkit compare {shlex.join(run.name for run in runs)}"


def render_comparison(
    analysis: Analysis,
    heading: Heading,
    plots: Mapping[str, Sequence[PlotFiles]],
    pictures: Sequence[ComparedCase],
    no_pictures: str,
    repeat: str,
) -> str:
    """Return the page's HTML; everything that comes from the runs is escaped."""
    environment = page_environment()
    environment.filters |= {
        "signed": text.signed,
        "probability": text.probability,
        "average_count": average_count,
    }
    environment.globals |= {"signed_interval": text.signed_interval}
    labels = [model.label for model in analysis.models]
    leaks = {run.record.leak for model in analysis.models for run in model.runs if run.record.leak}
    scores, pairs = score_tables(analysis), pair_tables(analysis)
    main_scores, main_pairs = scores.pop(""), pairs.pop("")
    context = {
        "heading": heading,
        "leaks": sorted(leaks),
        "labels": labels,
        "order": analysis.order,
        "headline": words.headline(analysis),
        "sentence": lambda pair: words.pair_sentence(analysis, pair),
        "verdict": lambda pair: verdict_word(pair, labels),
        "seeds_said": words.SEEDS if several_seeds(analysis) else "",
        "training_said": words.about_training(analysis),
        "meaning": words.MEANING,
        "rule": words.RULE,
        "cautions": words.cautions(analysis),
        "main_metric": analysis.main_metric,
        "direction": analysis.directions[analysis.main_metric],
        "metrics": analysis.data.metrics,
        "classes": analysis.data.classes,
        "overall": analysis.overall,
        "main_scores": main_scores,
        "dataset_scores": dataset_tables(analysis),
        "other_scores": scores,
        "methods": list(dict.fromkeys(row.summary.method for row in main_scores if row.summary.method)),
        "main_pairs": main_pairs,
        "other_pairs": pairs,
        "seed_rows": seed_rows(analysis),
        "several_seeds": several_seeds(analysis),
        "folds": folds if (folds := len(analysis.models[0].repeats[0])) > 1 else 0,
        "stability": analysis.stability,
        "resamples": RESAMPLES,
        "plots": plots,
        "pictures": pictures,
        "legend": agreement_legend([overlay for shown in pictures for _, overlay in shown.pictures]),
        "thin": mostly_thin([overlay.thin for shown in pictures for _, overlay in shown.pictures]),
        "no_pictures": without_paths(no_pictures),
        "cases": case_lines(analysis),
        "grouped": any(analysis.data.groups),
        "costs": [(labels[model], cost_of(analysis.models[model])) for model in analysis.order],
        "settings": setting_differences(analysis.models),
        "configs": all(model.runs[0].config for model in analysis.models),
        "runs": run_rows(analysis),
        "summary": analysis.models[0].runs[0].record.summary,
        "command": repeat,
        "version": __version__,
    }
    return environment.get_template("comparison.html.j2").render(context)


def several_seeds(analysis: Analysis) -> bool:
    """Whether any model was trained more than once."""
    return any(len(model.repeats) > 1 for model in analysis.models)


def score_tables(analysis: Analysis) -> dict[str, list[ModelScore]]:
    """Rows by title, models by rank; the main table's title is ""."""
    tables = {}
    for metric in analysis.data.metrics:
        for name in class_names(analysis.data):
            rows = [analysis.score(model, metric, name) for model in analysis.order]
            tables[title_of(analysis, metric, name)] = rows
    return tables


def dataset_tables(analysis: Analysis) -> dict[str, list[ModelScore]]:
    """Rows of the main metric on each of several datasets, by title, models by rank."""
    tables: dict[str, list[ModelScore]] = {}
    for name, scores in analysis.datasets.items():
        for row in sorted(scores, key=lambda row: analysis.order.index(row.model)):
            if row.metric == analysis.main_metric:
                tables.setdefault(f"{name}: {row.metric}, {row.class_name}", []).append(row)
    return tables


def pair_tables(analysis: Analysis) -> dict[str, list[PairScore]]:
    """Pairs by title; the main table's title is ""."""
    tables: dict[str, list[PairScore]] = {}
    for pair in analysis.pairs:
        tables.setdefault(title_of(analysis, pair.metric, pair.class_name), []).append(pair)
    return tables


def title_of(analysis: Analysis, metric: str, class_name: str) -> str:
    """What a table is called: its metric, and its class where there are several."""
    if (metric, class_name) == (analysis.main_metric, analysis.overall):
        return ""
    return f"{metric}, {class_name}" if len(analysis.data.classes) > 1 else metric


def verdict_word(pair: PairScore, labels: Sequence[str]) -> str:
    """The verdict as a cell can hold it."""
    known = {"first": labels[pair.first], "second": labels[pair.second], "equal": "equal"}
    return known.get(pair.verdict, "not sure")


def seed_rows(analysis: Analysis) -> list[tuple[str, list[tuple[str, float | None]]]]:
    """The main score of each seed, model by model; nothing where each has one."""
    if not several_seeds(analysis):
        return []
    rows = []
    for model in analysis.order:
        compared = analysis.models[model]
        means = analysis.score(model, analysis.main_metric, analysis.overall).seed_means
        named = [f"seed {repeat[0].seed}" for repeat in compared.repeats]
        rows.append((compared.label, list(zip(named, means, strict=True))))
    return rows


def case_lines(analysis: Analysis) -> list[CaseLine]:
    """The table of cases, the largest disagreement first, undefined ones last."""
    lines = [
        CaseLine(
            case,
            analysis.data.groups[place],
            float(analysis.spread[place]),
            [float(analysis.case_scores[model, place]) for model in analysis.order],
        )
        for place, case in enumerate(analysis.data.cases)
    ]
    return sorted(lines, key=lambda line: (line.spread != line.spread, -line.spread, line.case))


def run_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Every run with its seed, fold, weights and versions."""
    return [
        {
            "label": model.label,
            "folder": run.folder.name,
            "seed": run.seed,
            "fold": run.fold,
            "weights": run.record.summary.get("weights", ""),
            "versions": ", ".join(f"{name} {value}" for name, value in facts_of(run).items()),
        }
        for model in analysis.models
        for run in model.runs
    ]


def average_count(value: float) -> str:
    """A count over cases, or its mean over seeds: "3", "1.5"."""
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
