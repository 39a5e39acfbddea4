"""What may differ between a stopped run and the plan to go on with: harmlessly, by an allowance's name, or never."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segkit.config import PARAM_SECTIONS
from segkit.errors import SegkitError, UsageError, did_you_mean

MAY_DIFFER = ("run.workers", "run.output", "run.save_minutes", "run.keep_state")
"""Settings that change neither weights nor scores."""
HARMLESS = (*MAY_DIFFER, "run.name", "run.profile", "run.device", "data.root")
"""What a run may go on with differently: the device itself and the data's contents are compared instead."""
ALLOWANCES: dict[str, tuple[str, ...]] = {
    "arch": ("components.arch", "arch."),
    "data": ("components.data", "data.", "normalization.", "sampler."),
    "loss": ("components.loss", "loss."),
    "epochs": ("train.epochs",),
    "batch-size": ("train.batch_size", "train.accumulate", "train.scale_with_ranks", "train.sync_batch_norm"),
    "scoring": ("components.metrics", "metric.", "evaluate.", "postprocess.", "train.selection"),
    "training": ("train.", "optimizer.", "schedule."),
    "augmentation": ("augment.", "augmentation."),
    "explanations": ("components.explainers", "explainer.", "explain."),
    "seed": ("run.seed",),
    "threads": ("run.threads",),
    "device": ("run.autocast", "run.deterministic", "run.compile", "run."),
    "processes": (),
    "versions": (),
}
"""Allowance -> the settings it is for, by full name or, with a dot at the end, by how they begin; the first one holds.

"data" allows other cases, too; "device", "processes" and "versions" what environment.json holds of them.
"""
AFTER_TRAINING = ("scoring", "explanations", "threads", "device", "processes", "versions")
"""What can still differ once training is over; anything else would make config.toml untrue of the model."""
SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Attributes:
        what: a setting's dotted name, or words.
        allowance: the name of the allowance that it takes.
    """

    what: str
    before: Any
    now: Any
    allowance: str

    def __str__(self) -> str:
        return f"{self.what} was {shown(self.before)}, is {shown(self.now)}"


def shown(value: Any) -> str:
    """A value as a sentence can hold it."""
    return "not said" if value is None else str(value)


def read_allowances(texts: Iterable[str]) -> frozenset[str]:
    """Read `--allow NAME,NAME`; raises UsageError for a name that is none."""
    names = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    for name in names:
        if name not in ALLOWANCES:
            raise UsageError(
                f"--allow {name}: there is no such allowance{did_you_mean(name, ALLOWANCES)}",
                f"there are: {', '.join(ALLOWANCES)}",
            )
    return frozenset(names)


def allowance_of(setting: str) -> str:
    """The allowance that a setting takes to differ."""
    for name, settings in ALLOWANCES.items():
        if any(setting == one or (one.endswith(".") and setting.startswith(one)) for one in settings):
            return name
    return "training"


def compare_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs of the settings that there were; a newer segkit may have more."""
    for name, value in before.items():
        # Params of a component that is no longer chosen go with it: that it is another one, components.* says.
        gone = name not in now and name.partition(".")[0] in PARAM_SECTIONS
        if name not in HARMLESS and not gone and now.get(name) != value:
            yield Difference(name, value, now.get(name), allowance_of(name))


def compare_environments(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs of environment.json among what weights depend on; threads are restored."""
    for name, allowance in (
        ("segkit", "versions"),
        ("torch", "versions"),
        ("device", "device"),
        ("autocast", "device"),
        ("processes", "processes"),
    ):
        if before.get(name) != now.get(name):
            yield Difference(name, before.get(name), now.get(name), allowance)
    versions = component_versions(now)
    for name, version in component_versions(before).items():
        if name in versions and versions[name] != version:
            yield Difference("component", f"{name} {version}", f"{name} {versions[name]}", "versions")


def component_versions(environment: Mapping[str, Any]) -> dict[str, str]:
    """Version by full name; which components there are is a matter of the settings."""
    listed = environment.get("components")
    rows = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return {str(item.get("name")): str(item.get("version")) for item in rows}


def refuse(who: str, found: Sequence[Difference], allowed: frozenset[str]) -> None:
    """Raise SegkitError that names what differs without being allowed, and the allowances that it takes."""
    refused = [difference for difference in found if difference.allowance not in allowed]
    if not refused:
        return
    more = f" and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
    names = ",".join(sorted({difference.allowance for difference in refused} | allowed))
    raise SegkitError(
        f"{who} cannot be resumed as it was: {'; '.join(map(str, refused[:SHOWN]))}{more}",
        f"say --allow {names} to go on all the same, or start a new run",
    )


def refuse_after_training(who: str, found: Sequence[Difference]) -> None:
    """Raise SegkitError where something differs that would only have had an effect while training, which is over."""
    late = [difference for difference in found if difference.allowance not in AFTER_TRAINING]
    if late:
        raise SegkitError(
            f"{who} is trained to its end, and can go on as it was only: {'; '.join(map(str, late[:SHOWN]))}",
            "start a new run for another model",
        )
