"""Weights that a run starts from, as settings: what they were trained with, weaker than what people say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.config import Config, Kind, Layer, toml_value
from segkit.declarations import Task
from segkit.discovery import Found, Registry
from segkit.errors import SegkitError, UsageError, did_you_mean
from segkit.params import describe
from segkit.settings import Start


@dataclass(frozen=True)
class Source:
    """A file of weights to start from.

    Attributes:
        path: where it is now; written down nowhere.
        name: of the run, or of the file.
        digest: SHA-256 of the weights, or of the whole file where that is not one of safetensors.
        pickled: whether it is one of torch.save.
        header: what segkit's checkpoints say of themselves; None for other files.
    """

    path: Path
    name: str
    digest: str
    pickled: bool = False
    header: Mapping[str, Any] | None = None

    @property
    def task(self) -> Task | None:
        """What the weights were trained for, where that is known."""
        if self.header is None:
            return None
        return Task(**{**self.header["task"], "classes": tuple(self.header["task"]["classes"])})

    @property
    def architecture(self) -> Mapping[str, Any] | None:
        """Kind, name, version and params of the architecture, where they are known."""
        components = (self.header or {}).get("components", ())
        return next((item for item in components if item["kind"] == "arch"), None)

    def given(self, registry: Registry) -> list[Layer]:
        """The architecture that comes with the weights, where it is installed, and that the run starts from them."""
        told = Layer("--from", {"start.source": self.name, "start.digest": self.digest}, Kind.FLAG)
        arch = self.architecture
        values: dict[str, Any] = {}
        if arch is not None and (found := installed(arch["name"], registry)) is not None:
            known = describe(found.component.params)
            # First weights are these, whatever its own were.
            kept = {name for name in arch["params"] if name in known and not known[name].start}
            values = {"components.arch": found.full_name} | {f"arch.{name}": arch["params"][name] for name in kept}
        return [Layer(f"source {self.name}", values, Kind.SOURCE), told]

    def wishes(self, channels: int) -> Layer:
        """How images are to be shown to the network: as they were when the weights were trained.

        Args:
            channels: of an image now.
        """
        values = {} if self.header is None else preprocessing_settings(self.header["preprocessing"], channels)
        return Layer(f"source {self.name}", values, Kind.SOURCE)


def installed(name: str, registry: Registry) -> Found | None:
    """Return an architecture; None where its plugin is not installed: the weights can be read all the same."""
    try:
        return registry.find("arch", name)
    except SegkitError:
        return None


def preprocessing_settings(preprocessing: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """Return normalisation, window and spacing of a checkpoint as settings, numbers of its training set included.

    Numbers per channel are left out where there is another number of channels now, but for one grey channel in the
    place of three colours, which gets their mean.
    """
    normalization = preprocessing["normalization"]
    kind = normalization["kind"]
    rows = {name: fitted(normalization.get(name) or [], channels) for name in ("mean", "std", "low", "high")}
    # What was taken from another training set stays as the weights know it.
    values: dict[str, Any] = {"data.normalization": "fixed" if kind == "dataset" else kind}
    if kind in ("dataset", "fixed"):
        values = {**values, "data.mean": rows["mean"], "data.std": rows["std"]} if rows["mean"] else {}
    if kind == "ct" and len({*rows["low"]}) == len({*rows["high"]}) == 1:
        window = [rows["low"][0], rows["high"][0]]
        values |= {"data.window": window, "data.mean": rows["mean"], "data.std": rows["std"]}
    if preprocessing.get("spacing") is not None:
        values["data.spacing"] = list(preprocessing["spacing"])
    if preprocessing.get("mode") == "slab":
        values["data.slab"] = preprocessing["slab"]
    return values


def as_far_as_unsaid(wishes: Layer, said: Sequence[Layer]) -> Layer:
    """Leave out the numbers of a source's normalisation where somebody said another: they would go with that one."""
    if not any("data.normalization" in layer.values for layer in said):
        return wishes
    return wishes.without(("data.normalization", "data.mean", "data.std", "data.window"))


def fitted(row: Sequence[float], channels: int) -> list[float]:
    """Return one number per channel; nothing where there are others than the row has numbers for."""
    if len(row) == channels:
        return list(row)
    return [round(sum(row) / len(row), 6)] if (len(row), channels) == (3, 1) else []


def check_start(start: Start, source: Source | None, task: Task, arch_name: str) -> None:
    """Check what can be known of a source before its weights are read.

    Raises:
        UsageError: classes are renamed that there are not.
        SegkitError: the weights are of images with another number of axes than the network is for.
    """
    renamed_classes(start.classes, source, task)
    if start.classes and start.digest is None:
        raise UsageError("--from-classes was given without --from", "say which weights to start from")
    if source is None:
        return
    trained = source.task
    if trained is not None and trained.spatial_dims != task.spatial_dims:
        raise SegkitError(
            f"--from {source.name}: it was trained on {trained.spatial_dims}D images, {arch_name} is built for "
            f"{task.spatial_dims}D ones: filters of {trained.spatial_dims} axes are none of {task.spatial_dims}",
            "choose a mode of the data with as many axes (--set data.mode=...), or weights of such a network",
        )


def renamed_classes(texts: Sequence[str], source: Source | None, task: Task) -> dict[str, str]:
    """Read `old=new` of `--from-classes`; returns what the source calls each of the new names.

    Raises:
        UsageError: it is not old=new, the source has no such class, or the data have none.
    """
    found = {}
    trained = source.task if source is not None else None
    for text in texts:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (old and equals and new):
            raise UsageError(
                f"--from-classes {text!r} is not old=new", "write for instance --from-classes tumor=tumour"
            )
        if trained is not None and old not in trained.classes:
            raise UsageError(
                f"--from-classes {text}: the source has no class {old!r}{did_you_mean(old, trained.classes)}",
                f"its classes: {', '.join(trained.classes)}",
            )
        if new not in task.classes:
            raise UsageError(
                f"--from-classes {text}: the data have no class {new!r}{did_you_mean(new, task.classes)}",
                f"their classes: {', '.join(task.classes)}",
            )
        if new in found:
            raise UsageError(f"--from-classes names {new} twice", "say of each class once what it was called")
        found[new] = old
    return found


def differences(wishes: Layer, config: Config) -> Iterator[str]:
    """Yield what of the way that images are shown differs from what the weights were trained with, and who said so."""
    now = config.flat()
    for name, wanted in wishes.values.items():
        if toml_value(now[name]) != toml_value(as_resolved(wanted, now[name])):
            said = config.origin(name).source
            yield f"{name} was {shown(wanted)} for {wishes.source}, is {shown(now[name])} ({said})"


def as_resolved(value: Any, like: Any) -> Any:
    """Return a value with the types that the config has it in."""
    if isinstance(value, list) and isinstance(like, list):
        return [type(like[0])(one) if like else one for one in value]
    return value


def shown(value: Any) -> str:
    """A setting's value as a sentence can hold it."""
    return ",".join(f"{one:g}" for one in value) if isinstance(value, list) else str(value)
