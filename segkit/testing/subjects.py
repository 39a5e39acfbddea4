"""What checks are given: a plugin, or one of its components ready to be built."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segkit.data.dataset import DatasetReader
from segkit.declarations import Architecture, Component, Dataset, Explainer, Loss, Metric, Task
from segkit.declarations.installed import Plugin
from segkit.discovery import Found
from segkit.params import build, describe
from segkit.testing.check import fail

if TYPE_CHECKING:
    import torch
    from torch import nn


class CheckSubject:
    """What a check looks at.

    Attributes:
        kind: which checks apply.
        name: what `xfail` calls it.
        label: what people read.
    """

    kind: str
    name: str
    label: str
    full_name: str

    @cached_property
    def turned(self) -> set[str]:
        """Switches of torch that were turned while it was checked."""
        return set()


class PluginSubject(CheckSubject):
    """One entry point of the distribution."""

    kind = "plugin"

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.name = self.label = self.full_name = plugin.name


class ComponentSubject(CheckSubject):
    """One component with the params it is checked with.

    Args:
        settings: params by name, over those the declaration asks for.
    """

    def __init__(self, found: Found, settings: Mapping[str, Any]) -> None:
        self.found = found
        self.component: Component = found.component
        self.settings = settings
        self.kind = found.component.kind
        self.name = self.label = found.component.name
        self.full_name = found.full_name

    @cached_property
    def params(self) -> Any:
        """An instance of the component's params."""
        return build(self.component.params, self.wanted(), f"{self.kind} {self.name}")

    def wanted(self) -> Mapping[str, Any]:
        """The params that are not at their default."""
        return self.settings

    @cached_property
    def factory(self) -> Any:
        """The component's factory, imported."""
        return self.found.load()


class ArchitectureSubject(ComponentSubject):
    """A network in 2D or 3D, built small: with `Architecture.small` over the declared defaults."""

    component: Architecture

    def __init__(self, found: Found, settings: Mapping[str, Any], dims: int) -> None:
        super().__init__(found, settings)
        self.dims = dims
        self.label = f"{self.name} {dims}D"
        self.full_name = f"{found.full_name} ({dims}D)"

    def wanted(self) -> Mapping[str, Any]:
        """Declared defaults, then the params of the small variant, then those given."""
        declared = self.component.defaults.get(self.dims, {})
        own = {name.removeprefix("arch."): value for name, value in declared.items() if name.startswith("arch.")}
        known = {field: value for field, value in own.items() if field in describe(self.component.params)}
        return {**known, **self.component.small, **self.settings}

    def layer_names(self) -> list[str]:
        """The modules that the declaration names for explanations."""
        return list(dict.fromkeys(self.found.layers(self.params).values()))

    def task(self, channels: int = 3, classes: int = 2) -> Task:
        """A task with so many channels and classes."""
        return Task(channels, tuple(f"class-{number}" for number in range(1, classes + 1)), self.dims)

    def build(self, channels: int = 3, classes: int = 2, seed: int = 0) -> nn.Module:
        """Build the network with weights that depend on the seed alone, in eval mode."""
        import torch
        from torch import nn

        torch.manual_seed(seed)
        model = self.factory(self.task(channels, classes), self.params)
        if not isinstance(model, nn.Module):
            fail(f"the factory returned {type(model).__name__}", "return the network itself", "a torch.nn.Module")
        return model.eval()

    @cached_property
    def network(self) -> nn.Module:
        """The network in eval mode, shared by all checks that leave it as it is."""
        return self.build()

    @cached_property
    def minimum(self) -> int:
        """The smallest side it takes, as it states it."""
        return int(getattr(self.network, "size_minimum", 1))

    @cached_property
    def multiple(self) -> int:
        """What sides of exported graphs are multiples of, as it states it."""
        return int(getattr(self.network, "size_multiple", 1))

    def side(self, about: int) -> int:
        """A side of about so many cells that is a multiple and no less than the minimum."""
        return -(-max(about, self.minimum) // self.multiple) * self.multiple

    @cached_property
    def size(self) -> tuple[int, ...]:
        """The size that most checks work at, the sides unequal."""
        about = (32, 48) if self.dims == 2 else (8, 12, 16)
        return tuple(self.side(side) + (position * self.multiple) for position, side in enumerate(about))

    def images(self, samples: int = 2, size: tuple[int, ...] | None = None, channels: int = 3) -> torch.Tensor:
        """Reproducible random images (N, C, *S)."""
        import torch

        generator = torch.Generator().manual_seed(samples)
        return torch.randn(samples, channels, *(size or self.size), generator=generator)

    def logits(self, model: Callable[[torch.Tensor], object], images: torch.Tensor) -> torch.Tensor:
        """The logits of a model in eval mode, without gradients; fails where they are no tensor."""
        import torch

        with torch.no_grad():
            found = model(images)
        if not isinstance(found, torch.Tensor):
            fail(
                f"eval mode gave {type(found).__name__}",
                "return the main logits alone unless self.training",
                "a tensor",
            )
        return found

    @cached_property
    def reference(self) -> torch.Tensor:
        """The logits of `network` on two images."""
        return self.logits(self.network, self.images())


class LossSubject(ComponentSubject):
    """A loss."""

    component: Loss

    def task(self, channels: int, dims: int = 2) -> Task:
        """A task with K logits."""
        classes = ("a",) if channels == 1 else tuple(f"class-{number}" for number in range(1, channels))
        return Task(3, classes, dims)

    def function(self, channels: int, dims: int = 2) -> Any:
        """The loss for K logits."""
        return self.made(channels, dims, self.params)

    def made(self, channels: int, dims: int, params: Any) -> Any:
        """The loss for K logits with params of its own."""
        task = self.task(channels, dims)
        function = self.factory(task, params)
        return self.with_asked(function, task, params) if self.component.asks else function

    def with_asked(self, function: Any, task: Task, params: Any) -> Any:
        """Give a loss what it asks for: the last epoch, a spacing of 1 mm, the map of each mask."""
        import numpy as np
        import torch

        make = self.found.load("case_map") if self.component.case_map else None

        def called(logits: Any, mask: Any) -> Any:
            asked: dict[str, Any] = {}
            if "epoch" in self.component.asks:
                asked |= {"epoch": 100, "epochs": 100}
            if "spacing" in self.component.asks:
                asked["spacing"] = torch.ones(len(mask), logits.ndim - 2)
            if make is not None:
                masks = mask.cpu().numpy().astype(np.uint8)
                made = np.stack([make(one, None, task, params) for one in masks])
                asked["map"] = torch.from_numpy(made).float().to(logits.device)
            return function(logits, mask, **asked)

        return called


class MetricSubject(ComponentSubject):
    """A metric."""

    component: Metric

    @cached_property
    def factory(self) -> Any:
        """The metric's factory, imported; one over cases is given each case twice where a check has one."""
        build = self.found.load()
        if self.component.over == "case":
            return build

        def build_of_one(task: Task, params: Any) -> Callable[[Any], Any]:
            score = build(task, params)
            return lambda measured: score([measured, measured])

        return build_of_one

    @cached_property
    def regions(self) -> tuple[frozenset[int], ...]:
        """Which labels each value is of where values are of unions of labels, such as a whole tumour; else empty."""
        from segkit.testing.metrics import regions_of

        return regions_of(self)


class DatasetSubject(ComponentSubject):
    """A dataset and a generated sample of it.

    Attributes:
        write: writes a small data set into an empty folder, where the dataset makes none of its own.
    """

    component: Dataset
    write: Callable[[Path], object] | None = None

    @property
    def makes_sample(self) -> bool:
        """Whether there is anything to check it on."""
        return self.write is not None or callable(getattr(self.factory, "make_sample", None))

    @cached_property
    def folder(self) -> tempfile.TemporaryDirectory[str]:
        """Where samples are written; gone with the subject."""
        return tempfile.TemporaryDirectory()

    def new_root(self) -> Path:
        """Write another sample."""
        root = Path(tempfile.mkdtemp(dir=self.folder.name))
        if self.write is not None:
            self.write(root)
        else:
            self.factory.make_sample(root, self.params)
        return root

    @cached_property
    def root(self) -> Path:
        """The sample."""
        return self.new_root()

    @cached_property
    def reader(self) -> DatasetReader:
        """The sample, opened."""
        reader: DatasetReader = self.factory(self.root, self.params)
        return reader


class ExplainerSubject(ComponentSubject):
    """An explainer."""

    component: Explainer


SUBJECTS: dict[str, type[ComponentSubject]] = {
    "data": DatasetSubject,
    "loss": LossSubject,
    "metric": MetricSubject,
    "explainer": ExplainerSubject,
}


def subject_type(kind: str) -> type[ComponentSubject]:
    """The subject of a kind of component."""
    return SUBJECTS.get(kind, ComponentSubject)
