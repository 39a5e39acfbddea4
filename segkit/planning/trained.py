"""A trained model as settings: what its run's config or its checkpoint says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from segkit.config import CORE_DEFAULT, NAMED_SECTIONS, ChosenParams, Kind, Layer, Origin, is_core, read_written
from segkit.declarations import Task
from segkit.discovery import Found, plain_name
from segkit.errors import SegkitError
from segkit.params import describe
from segkit.settings import Train

NOT_OF_MODEL = (
    "components.arch",
    "components.data",
    "components.explainers",
    "run.name",
    "run.output",
    "data.root",
    "evaluate.split",
)
"""Settings of a run that say nothing of how its model is scored on whatever it is scored on."""
ADJUSTED = ("mirror", "turn", "overlap", "window")
"""Settings of scoring that a checkpoint records with its preprocessing."""


@dataclass(frozen=True)
class TrainedModel:
    """What scoring asks of a model.

    Attributes:
        checkpoint: the file it is from.
        task: what it was trained for; `image_task` has the channels and axes of an image.
        size: its working grid.
        config: the config file of its run; None for a checkpoint without its run.
    """

    checkpoint: Path
    header: Mapping[str, Any]
    task: Task
    image_task: Task
    size: tuple[int, ...]
    config: Path | None

    @property
    def mode(self) -> str:
        """In which of the dataset's modes it works."""
        return str(self.header["preprocessing"].get("mode"))


def component(header: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return the component of a kind that a checkpoint names; raises SegkitError where it names none."""
    found: Mapping[str, Any] | None = next((item for item in header["components"] if item["kind"] == kind), None)
    if found is None:
        raise SegkitError(f"the checkpoint names no {kind}", f"say --{kind} NAME")
    return found


def recorded(model: TrainedModel, components: Sequence[Found], *, is_own: bool) -> Layer:
    """Return what is known of the model, from the config of its run, else from its checkpoint.

    What no longer means anything, such as a field of an earlier version, is no reason to leave a model unscored.

    Args:
        components: architecture and losses at hand.
        is_own: whether the model is scored on its own dataset, whose params and folder then count too.
    """
    layer = read_written(model.config) if model.config is not None else from_header(model)
    of_components = {prefix_of(item) + name for item in components for name in describe(item.component.params)}
    kept = {}
    for name, value in layer.values.items():
        section, _, rest = name.partition(".")
        core = is_core(section, rest) and name not in NOT_OF_MODEL
        if core or section in ("metric", "postprocess") or name in of_components or (is_own and section == "data"):
            kept[name] = value
    return replace(layer, values=kept)


def prefix_of(item: Found) -> str:
    """What stands before the names of a component's params."""
    return ChosenParams(item.component.kind, item.component.name, item.component.params).prefix


def from_header(model: TrainedModel) -> Layer:
    """What a checkpoint says of itself as settings; where it says which params were said, the others were not."""
    header = model.header
    training = dict(header.get("training", {}))
    values: dict[str, Any] = {f"augment.{name}": value for name, value in dict(training.get("augment", {})).items()}
    known = {field.name for field in fields(Train)}
    values |= {f"train.{name}": value for name, value in training.items() if name in known}
    unsaid: dict[str, Origin] = {}
    for item in header["components"]:
        short = plain_name(item["name"])
        prefix = f"{item['kind']}.{short}." if item["kind"] in NAMED_SECTIONS else f"{item['kind']}."
        values |= {prefix + name: value for name, value in item["params"].items()}
        said = item.get("said", item["params"])
        unsaid |= {prefix + name: CORE_DEFAULT for name in item["params"] if name not in said}
    values["components.loss"] = header.get("loss") or "none"
    if metrics := [item["name"] for item in header["components"] if item["kind"] == "metric"]:
        values["components.metrics"] = metrics
    values |= {f"evaluate.{name}": value for name, value in header.get("postprocess", {}).items()}
    preprocessing = header["preprocessing"]
    values |= {f"evaluate.{name}": preprocessing[name] for name in ADJUSTED if name in preprocessing}
    return Layer(model.checkpoint.name, values, Kind.CHECKPOINT, unsaid, of_stranger=True)
