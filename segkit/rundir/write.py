"""What a run writes down about itself: the model's header, summary.json, history.jsonl."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from segkit.config import ChosenParams, Config
from segkit.data.dataset import DatasetReader
from segkit.data.likeness import by_patient, likeness_record
from segkit.data.store import Store
from segkit.data.volume_store import VolumeStore
from segkit.declarations import Dataset
from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.engine.postprocess import postprocess_record
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.reliability import reliability_record
from segkit.engine.summary import score_rows
from segkit.files import json_text
from segkit.params import plain
from segkit.planning.plan import Plan
from segkit.rundir.privacy import is_absolute, last_part
from segkit.version import __version__

SUMMARY_FORMAT = 1
NOTICE = "generated sample: not real data"


def component_versions(plan: Plan) -> list[dict[str, str]]:
    """Kind, full name and version of every component."""
    return [
        {"kind": item.component.kind, "name": item.full_name, "version": item.plugin.version} for item in plan.chosen
    ]


def task_record(plan: Plan) -> dict[str, Any]:
    """The task as JSON."""
    task = plan.task
    record = {"in_channels": task.in_channels, "classes": list(task.classes), "spatial_dims": task.spatial_dims}
    # Said only where it is so: a model of exclusive classes is the same file as before they could overlap.
    return {**record, "overlapping": True} if task.overlapping else record


def model_header(
    plan: Plan,
    preprocessing: Preprocessing,
    stores: Mapping[str, Store | VolumeStore],
    weights: str,
    scores: Sequence[Mapping[str, Any]] = (),
    *,
    selected_on: str | None = None,
    trained_before: Sequence[str] = (),
) -> dict[str, Any]:
    """What model.safetensors says of itself; no time, path, host or run name, so equal models are equal files.

    Args:
        weights: which weights these are, in words.
        scores: the score rows of the summary, once the model is scored.
        selected_on: the split by whose scores the weights were chosen; None for the last epoch's.
        trained_before: digests of the images that the weights which the run started from were trained on.
    """
    components = [
        {**version, **params_record(plan.config, item.component.kind, item.component.name)}
        for version, item in zip(component_versions(plan), plan.chosen, strict=True)
    ]
    return {
        "segkit": __version__,
        "components": components,
        "loss": plan.config.components.loss,
        "task": task_record(plan),
        "preprocessing": preprocessing.to_dict(),
        "postprocess": postprocess_record(plan.config.evaluate),
        "training": {**plain(plan.config.train), "augment": plain(plan.config.augment), "seed": plan.config.run.seed},
        "weights": weights,
        "selected_on": selected_on,
        # Sorted: which case is which is nobody's business.
        "trained_on": sorted({*stores["train"].contents, *trained_before}),
        "likeness": trained_likeness(plan, stores["train"]),
        "started_from": started_from(plan.config),
        "scores": {"split": plan.split, "rows": list(scores)},
        "data": {split: store.fingerprint for split, store in stores.items()},
        "generated_sample": plan.root.generated,
    }


def trained_likeness(plan: Plan, store: Store | VolumeStore) -> dict[str, Any]:
    """What training cases are like, by which `segkit evaluate` knows others; no pixel, no id, in no order."""
    return likeness_record(plan.reader.task, by_patient(store.numbers, [case.group for case in store.cases]))


def started_from(config: Config) -> dict[str, str] | None:
    """Name and digest of the weights that a run started from; None where they were its architecture's own."""
    start = config.start
    return None if start.digest is None else {"source": start.source or "", "digest": start.digest}


def params_record(config: Config, section: str, name: str) -> dict[str, Any]:
    """A component's params, and which of them somebody said; whoever said it, so that equal models are equal files."""
    params = config.params_of(section, name)
    prefix = ChosenParams(section, name, type(params)).prefix
    said = [field.name for field in dataclasses.fields(params) if config.origin(prefix + field.name).kind.said]
    return {"params": without_folders(params), "said": said}


def without_folders(params: Any) -> dict[str, Any]:
    """Return params as JSON; of a path only the file's name, for the folders before it are nobody's business.

    A param may hold a path as text too, such as the table of a dataset's splits: what is absolute is one (issue 19).
    """
    values = {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}
    paths = {name: value.name for name, value in values.items() if isinstance(value, Path)}
    paths |= {name: last_part(value) for name, value in values.items() if isinstance(value, str) and is_absolute(value)}
    return plain(params) | paths


def summary_record(
    plan: Plan,
    scores: Sequence[CaseScores],
    metrics: Sequence[ChosenMetric],
    *,
    weights: str,
    parameters: int,
    seconds: Mapping[str, float],
    peak_memory: Mapping[str, int | None] | None = None,
) -> dict[str, Any]:
    """What summary.json holds.

    Args:
        seconds: by stage.
        peak_memory: in bytes, as `segkit.engine.memory.peak_memory` returns it.
    """
    dataset = plan.data.component
    assert isinstance(dataset, Dataset)
    declared = {metric.name: metric.declaration.target for metric in metrics}
    targets = {name: target for name, target in declared.items() if target is not None}
    return {
        "format": SUMMARY_FORMAT,
        "segkit": __version__,
        "name": plan.config.run.name,
        "generated_sample": plan.root.generated,
        "notice": NOTICE if plan.root.generated else "",
        "dataset": {"name": plan.data.full_name, "summary": dataset.summary, "homepage": dataset.homepage},
        "split": plan.split,
        "split_note": plan.split_note,
        "trained_on": plan.scored.trained_on,
        "selected_on": plan.scored.selected_on,
        "cases": {split: len(cases) for split, cases in plan.cases.items()},
        "weights": weights,
        "task": task_record(plan),
        "parameters": parameters,
        "mode": plan.config.data.mode,
        "working_size": list(plan.size),
        "main_metric": metrics[0].name,
        "higher_is_better": {metric.name: metric.declaration.higher_is_better for metric in metrics},
        **({"targets": targets} if targets else {}),
        "components": component_versions(plan),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_memory": dict(peak_memory or {}),
        "references": references_digest(scores),
        "postprocess": postprocess_record(plan.config.evaluate),
        "reliability": reliability_record(scores, metrics, plan.task.classes),
        "scores": score_rows(scores, plan.scored_task, metrics, plan.config.evaluate.aggregation),
        **dataset_scores(plan, scores, metrics),
    }


def datasets_in(reader: DatasetReader) -> Callable[[str], str] | None:
    """Return what tells which of several datasets a case is of; None where a reader has one."""
    asked = cast(Any, reader)
    return asked.dataset_of if len(getattr(reader, "datasets", ())) > 1 else None


def dataset_scores(
    plan: Plan, scores: Sequence[CaseScores], metrics: Sequence[ChosenMetric]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """The score rows of each of several datasets, of the classes that it annotates; nothing for one dataset."""
    found, dataset_of = {}, datasets_in(plan.reader)
    for name in cast(Any, plan.reader).datasets if dataset_of else ():
        own = [row for row in scores if dataset_of and dataset_of(row.case) == name]
        rows = score_rows(own, plan.scored_task, metrics, plan.config.evaluate.aggregation) if own else []
        found[name] = [row for row in rows if row["n_cases"]]
    return {"datasets": found} if found else {}


def references_digest(scores: Sequence[CaseScores]) -> str:
    """Return a SHA-256 over ids, patients and reference masks of what was scored: equal only for the same cases."""
    rows = sorted([row.case, row.group or "", row.reference_digest] for row in scores)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def history_line(record: Mapping[str, Any]) -> str:
    """One line of history.jsonl."""
    return json_text(record) + "\n"
