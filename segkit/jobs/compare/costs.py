"""What models cost, and in which settings and versions they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segkit.discovery import distribution_of
from segkit.jobs.compare.models import ComparedModel
from segkit.jobs.compare.runs import REPEATS, FinishedRun

HIDDEN_SETTINGS = (*REPEATS, "run.workers")
ENVIRONMENT_FACTS = ("segkit", "torch", "device", "device_name", "autocast", "threads", "platform")


@dataclass(frozen=True)
class ModelCost:
    """What one model takes, the mean over its runs (memory: the largest); None where the runs do not say.

    Attributes:
        train_seconds: all epochs, those before an interruption too.
        case_seconds: reading, predicting and scoring one case.
        process_bytes, device_bytes: peak of the process with all its libraries, and of tensors on CUDA.
    """

    parameters: int | None
    epochs: int | None
    train_seconds: float | None
    case_seconds: float | None
    process_bytes: int | None
    device_bytes: int | None
    device: str
    weights: tuple[str, ...]


def cost_of(model: ComparedModel) -> ModelCost:
    """Gather what a model's runs recorded."""
    runs = model.runs
    memory = [run.record.summary.get("peak_memory") or {} for run in runs]
    return ModelCost(
        parameters=runs[0].record.summary.get("parameters"),
        epochs=len(runs[0].record.history) or None,
        train_seconds=mean_of(runs, train_seconds),
        case_seconds=mean_of(runs, case_seconds),
        process_bytes=max((found["process"] for found in memory if found.get("process")), default=None),
        device_bytes=max((found["device"] for found in memory if found.get("device")), default=None),
        device=", ".join(dict.fromkeys(str(run.record.environment.get("device", "")) for run in runs)),
        weights=tuple(dict.fromkeys(str(run.record.summary.get("weights", "")) for run in runs)),
    )


def mean_of(runs: Sequence[FinishedRun], value: Callable[[FinishedRun], float | None]) -> float | None:
    """The mean over runs; None where one does not say."""
    values = [value(run) for run in runs]
    known = [found for found in values if found is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def train_seconds(run: FinishedRun) -> float | None:
    """Seconds of all epochs; the stage's own time, which a resumed run counts anew, where the history has none."""
    epochs = [entry["seconds"] for entry in run.record.history if isinstance(entry.get("seconds"), (int, float))]
    if epochs and len(epochs) == len(run.record.history):
        return float(sum(epochs))
    found = run.record.summary.get("seconds", {}).get("train")
    return float(found) if isinstance(found, (int, float)) else None


def case_seconds(run: FinishedRun) -> float | None:
    """Seconds of evaluation per scored case."""
    found = run.record.summary.get("seconds", {}).get("evaluate")
    cases = len({row.case for row in run.record.cases})
    return float(found) / cases if isinstance(found, (int, float)) and cases else None


def setting_differences(models: Sequence[ComparedModel]) -> dict[str, list[str]]:
    """Return the settings that models differ in, each with its value per model; "–" where a model has none."""
    tables = [{item.name: item.value for item in model.runs[0].record.settings} for model in models]
    names = dict.fromkeys(name for table in tables for name in table if name not in HIDDEN_SETTINGS)
    values = {name: [table.get(name, "–") for table in tables] for name in names}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


def environment_differences(models: Sequence[ComparedModel]) -> list[str]:
    """Say which versions and machines are not the same in all runs."""
    runs = [run for model in models for run in model.runs]
    found: dict[str, list[str]] = {}
    for run in runs:
        for name, value in facts_of(run).items():
            if value not in found.setdefault(name, []):
                found[name].append(value)
    return [f"{name}: {', '.join(values)}" for name, values in found.items() if len(values) > 1]


def facts_of(run: FinishedRun) -> Mapping[str, str]:
    """Versions and machine of one run; of components those that are no model's own."""
    environment: Mapping[str, Any] = run.record.environment
    facts = {name: str(environment[name]) for name in ENVIRONMENT_FACTS if environment.get(name) not in (None, "")}
    for item in run.record.summary.get("components", ()):
        distribution = distribution_of(str(item["name"])) or str(item["name"])
        facts[distribution] = str(item.get("version", ""))
    return facts
