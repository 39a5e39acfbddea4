"""A comparison from finished runs to its page: read, checked, compared, written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from segkit.discovery import Registry
from segkit.errors import SegkitError
from segkit.files import inside, is_inside, read_json, whole_folder
from segkit.jobs.compare.alike import check_alike
from segkit.jobs.compare.analysis import Analysis, analyse, anonymised, model_scores, most_disagreed
from segkit.jobs.compare.models import ComparedModel, datasets_of, gather, model_of
from segkit.jobs.compare.page import write_page
from segkit.jobs.compare.results import write_results
from segkit.jobs.compare.runs import RESULT, RUNS, FinishedRun, read_compared_run
from segkit.jobs.report import ScoredCase, ScoredData, Tell, case_values, open_scored_data
from segkit.report.pictures import CasePicture
from segkit.report.volume_pictures import telling_level
from segkit.rundir.names import REPORT
from segkit.rundir.privacy import pseudonyms, renamed, without_paths
from segkit.rundir.shapes import COMPARISON

SHOWN_CASES = 3
SHOWN_MODELS = 6
FOLDER = Path("comparisons")
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._+=-]+")


@dataclass(frozen=True)
class ComparisonResult:
    """A finished comparison.

    Attributes:
        folder: its directory.
        record: what comparison.json holds.
        shown: how many cases the page shows as pictures.
    """

    folder: Path
    record: dict[str, Any]
    shown: int = 0

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.folder / REPORT


def write_comparison(
    models: Sequence[ComparedModel],
    folder: Path,
    name: str,
    registry: Registry,
    *,
    data_root: str | None = None,
    anonymous: bool = False,
    tell: Tell | None = None,
    failed: Mapping[str, str] = MappingProxyType({}),
) -> ComparisonResult:
    """Compare models and write the page, the figures, JSON and CSV into `folder`.

    Args:
        data_root: where the pictures' images are, if not where the runs' configs say.
        anonymous: show numbers in the place of case ids and groups.
        tell: told in a sentence what is missing.
        failed: name and reason of runs that should have been compared too.

    Raises:
        SegkitError: the runs were not scored alike, or the disk is full.
    """
    metrics = check_alike([run for model in models for run in model.runs])
    told = tuple((run, str(without_paths(reason))) for run, reason in failed.items())
    each = {name: model_scores(gather(models, metrics, name)) for name in datasets_of(models)}
    analysis = replace(analyse(models, gather(models, metrics)), failed=told, datasets=each)
    pictures, no_pictures = disagreements(analysis, registry, data_root)
    if no_pictures and tell is not None:
        tell(f"no pictures: {no_pictures}")
    if anonymous:
        names = pseudonyms(analysis.data.cases, "case")
        groups = pseudonyms((group for group in analysis.data.groups if group), "group")
        pictures = {names[case]: found for case, found in pictures.items()}
        no_pictures = renamed(no_pictures, names)
        analysis = anonymised(analysis, names, groups)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SegkitError(f"cannot make {folder}: {error.strerror}", "name another --output") from None
    write_page(folder, name, analysis, pictures, no_pictures)
    return ComparisonResult(folder, write_results(folder, name, analysis), len(pictures))


def compare_finished(
    models: Sequence[ComparedModel], folder: Path, name: str, registry: Registry, **options: Any
) -> ComparisonResult:
    """Compare finished runs into a new directory, whole or not at all: killed, the same command begins anew.

    Args:
        options: as `write_comparison` takes them.

    Raises:
        SegkitError: as `write_comparison`, or the directory is there by now.
    """
    with whole_folder(folder) as building:
        return replace(write_comparison(models, building, name, registry, **options), folder=folder)


def compare_again(
    folder: Path,
    registry: Registry,
    *,
    data_root: str | None = None,
    anonymous: bool = False,
    tell: Tell | None = None,
) -> ComparisonResult:
    """Write a comparison's page and tables again from the runs that it trained.

    Raises:
        SegkitError: it was made of runs that lie elsewhere, or its files are damaged.
    """
    record = read_json(folder / RESULT, COMPARISON, hint="compare the runs again")
    named = [
        (model["label"], [inside(folder / RUNS, run, named_by=RESULT) for run in model["runs"]])
        for model in record["models"]
    ]
    if not all(run.is_dir() and is_inside(folder, run) for _, runs in named for run in runs):
        raise SegkitError(f"{folder} does not hold the runs that it compares", "say segkit compare RUN RUN... again")
    models = [model_of(label, [read_compared_run(run) for run in runs]) for label, runs in named]
    return write_comparison(
        models, folder, record["name"], registry, data_root=data_root, anonymous=anonymous, tell=tell
    )


def disagreements(
    analysis: Analysis, registry: Registry, data_root: str | None
) -> tuple[dict[str, list[CasePicture]], str]:
    """Read the cases that models disagree on most, with the prediction of each model's first seed.

    Returns:
        Pictures by case, and where there are none the reason; "" where the models agree on all.
    """
    cases = [analysis.data.cases[case] for case in most_disagreed(analysis, SHOWN_CASES)]
    opened: dict[Path, ScoredData] = {}

    def data_of(run: FinishedRun) -> ScoredData:
        if run.folder not in opened:
            opened[run.folder] = open_scored_data(run.folder, registry, data_root)
        return opened[run.folder]

    try:
        return {case: pictures_of(analysis, case, data_of) for case in cases}, ""
    except SegkitError as problem:
        return {}, problem.message


def pictures_of(analysis: Analysis, case: str, data_of: Callable[[FinishedRun], ScoredData]) -> list[CasePicture]:
    """Read one case as each model predicted it, models by rank; of a volume the same slice for all."""
    metric = analysis.main_metric
    shown: list[tuple[str, float, ScoredCase]] = []
    for model in analysis.order[:SHOWN_MODELS]:
        compared = analysis.models[model]
        run = next(run for run in compared.repeats[0] if any(row.case == case for row in run.record.cases))
        found = data_of(run).read(case)
        if shown:
            # The case is the same for all: it is held once.
            found = replace(found, sample=shown[0][2].sample, mask=shown[0][2].mask)
        shown.append((compared.label, case_values(run.record, metric)[case], found))
    level = differing_level([found.prediction for _, _, found in shown])
    return [found.picture(label, score, metric, level) for label, score, found in shown]


def differing_level(predictions: Sequence[np.ndarray]) -> int | None:
    """Return the slice of volumes (D, H, W) on which predictions differ most; None for photographs."""
    if predictions[0].ndim != 3:
        return None
    differing = np.zeros(predictions[0].shape, bool)
    for prediction in predictions[1:]:
        differing |= prediction != predictions[0]
    return telling_level(np.zeros(differing.shape, bool), differing)


def comparison_folder(name: str | None, output: str | None, models: Sequence[ComparedModel]) -> tuple[Path, str]:
    """Choose the directory and the name of a comparison of finished runs.

    Raises:
        SegkitError: the directory asked for already holds something.
    """
    name = name or default_name([model.label for model in models])
    if output is not None:
        folder = Path(output)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SegkitError(f"--output {folder} already holds something", "name another directory")
        return folder, name
    base = FOLDER / file_name(name)
    folder, number = base, 2
    while folder.exists():
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    return folder, name


def default_name(labels: Sequence[str]) -> str:
    """Name a comparison after its models; of many the first and their number."""
    if len(labels) > 4:
        return f"{labels[0]}-and-{len(labels) - 1}-others"
    return "-".join(labels)


def file_name(name: str) -> str:
    """Turn a name into one that any file system takes."""
    return NOT_IN_A_NAME.sub("-", name).strip("-.")[:80] or "comparison"
