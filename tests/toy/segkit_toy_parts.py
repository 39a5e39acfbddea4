"""A stranger's parts of training, scoring and output, and a subcommand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import segkit


@dataclass(frozen=True)
class Momentum:
    """Of the optimizer."""

    momentum: float = segkit.param(0.9, "Share of the step before.", min=0, max=1)
    nesterov: bool = segkit.param(False, "Look ahead.")

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum")


@segkit.hookimpl
def segkit_parts() -> list[Any]:
    """Return the parts."""
    return [
        segkit.Optimizer(name="heavy", factory="segkit_toy_parts:heavy", summary="SGD that counts.", params=Momentum),
        segkit.Optimizer(name="closure", factory="segkit_toy_parts:closure", summary="LBFGS."),
        segkit.Optimizer(name="nothing", factory="segkit_toy_parts:nothing", summary="None at all."),
        segkit.Augmentation(name="shade", factory="segkit_toy_parts:shade", summary="A random shade."),
        segkit.Augmentation(name="crop", factory="segkit_toy_parts:crop", summary="Another shape."),
        segkit.Augmentation(name="deep", factory="segkit_toy_parts:shade", summary="Volumes.", spatial_dims=(3,)),
        segkit.Normalization(name="spread", factory="segkit_toy_parts:spread", summary="From least to most."),
        segkit.Normalization(name="flat", factory="segkit_toy_parts:flat", summary="No deviation."),
        segkit.Sampler(name="first", factory="segkit_toy_parts:first", summary="The first cases."),
        segkit.Sampler(name="few", factory="segkit_toy_parts:few", summary="Too few."),
        segkit.PostProcessing(name="clear", factory="segkit_toy_parts:clear", summary="Predict nothing."),
        segkit.PostProcessing(name="odd", factory="segkit_toy_parts:odd", summary="Another grid."),
        segkit.Exporter(name="plain", factory="segkit_toy_parts:plain", summary="The shape.", suffix=".txt"),
        segkit.Exporter(name="empty", factory="segkit_toy_parts:empty", summary="Nothing.", suffix=".none"),
        segkit.Exporter(name="folder", factory="segkit_toy_parts:folder", summary="A folder.", suffix=".folder"),
        segkit.ReportSection(name="words", factory="segkit_toy_parts:words", summary="Words."),
        segkit.ReportSection(name="failing", factory="segkit_toy_parts:failing", summary="Fails."),
        segkit.Schedule(name="falling", factory="segkit_toy_parts:falling", summary="Straight down."),
        segkit.Schedule(name="negative", factory="segkit_toy_parts:negative", summary="Below zero."),
    ]


@segkit.hookimpl
def segkit_launchers() -> list[segkit.Launcher]:
    """Return the launcher."""
    return [segkit.Launcher(name="nowhere", factory="segkit_toy_parts:Nowhere", summary="Runs nothing.")]


@segkit.hookimpl
def segkit_commands() -> dict[str, str]:
    """Return the subcommand."""
    return {"greet": "segkit_toy_commands:greet", "broken": "segkit_toy_commands:gone"}


def heavy(groups: Any, params: Momentum) -> Any:
    """SGD with momentum, which keeps numbers beside its tensors: what is lost on the way changes the steps."""
    import torch

    class Heavy(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            self.param_groups[0]["count"] = self.param_groups[0].get("count", 0) + 1
            for group in self.param_groups:
                for parameter in group["params"]:
                    own = self.state[parameter]
                    own["seen"] = own.get("seen", 0) + 1
                    parameter.grad.mul_(1 + 0.1 * own["seen"] + 0.01 * self.param_groups[0]["count"])
            return super().step(closure)

    return Heavy(groups, momentum=params.momentum, nesterov=params.nesterov)


def closure(groups: Any, params: Any) -> Any:
    """An optimizer that the engine cannot step."""
    import torch

    return torch.optim.LBFGS([parameter for group in groups for parameter in group["params"]])


def nothing(groups: Any, params: Any) -> Any:
    """No optimizer."""
    return groups


def falling(params: Any) -> Any:
    """From 1 to 0."""
    return lambda done: 1 - done


def negative(params: Any) -> Any:
    """Below zero at once."""
    return lambda done: -1.0


def shade(task: Any, params: Any) -> Any:
    """Add a random number to the image."""
    return lambda image, mask, random: (image + float(random.random()), mask)


def crop(task: Any, params: Any) -> Any:
    """Cut a row off."""
    return lambda image, mask, random: (image[:, 1:], mask[1:])


def spread(params: Any) -> Any:
    """From the least value to the largest, as 0 to 1."""

    def measure(image: Any) -> Any:
        low, high = image.reshape(len(image), -1).min(1), image.reshape(len(image), -1).max(1)
        return low, high, low, high - low + 1e-3

    return measure


def flat(params: Any) -> Any:
    """A deviation of 0."""
    return lambda image: [[0.0] * len(image)] * 4


def first(task: Any, params: Any) -> Any:
    """The first two cases over and over, centred on their first label."""
    return lambda labels, count, random: [(place % 2, next(iter(labels[place % 2]), None)) for place in range(count)]


def few(task: Any, params: Any) -> Any:
    """One less than asked for."""
    return lambda labels, count, random: [(0, None)] * (count - 1)


@segkit.hookimpl
def segkit_losses() -> list[segkit.Loss]:
    """Losses that ask for more than logits and mask, and one with a parameter."""
    return [
        segkit.Loss(
            name="asking",
            factory="segkit_toy_parts:asking",
            summary="Writes down what it is given.",
            asks=("epoch", "spacing", "map"),
            case_map="segkit_toy_parts:twice",
        ),
        segkit.Loss(name="learnt", factory="segkit_toy_parts:learnt", summary="With a weight that is learnt."),
    ]


HEARD: list[dict[str, Any]] = []
MADE: list[Any] = []


def asking(task: Any, params: Any) -> Any:
    """The map has to fit the mask wherever the sample was moved to."""

    def loss(logits: Any, mask: Any, *, map: Any, epoch: int, epochs: int, spacing: Any) -> Any:
        HEARD.append({"epoch": epoch, "epochs": epochs, "spacing": spacing, "map": map.clone(), "mask": mask.clone()})
        return logits.square().flatten(1).mean(1)

    return loss


def twice(mask: Any, spacing: Any, task: Any, params: Any) -> Any:
    """Twice the mask, once up and once down."""
    import numpy as np

    MADE.append(spacing)
    return np.stack([2.0 * mask, -2.0 * mask])


def learnt(task: Any, params: Any) -> Any:
    """Squares with a learnt weight, and a buffer that stays."""
    import torch
    from torch import nn

    class Learnt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))
            self.register_buffer("share", torch.ones(()))

        def forward(self, logits: Any, mask: Any) -> Any:
            error = (logits[:, 0].sigmoid() - (mask == 1).float()).square().flatten(1).mean(1)
            return self.share * error * torch.exp(-self.weight) + self.weight

    return Learnt()


def clear(task: Any, params: Any) -> Any:
    """Predict nothing."""
    return lambda labels: labels * 0


def odd(task: Any, params: Any) -> Any:
    """Another grid."""
    return lambda labels: labels[1:]


def plain(params: Any) -> Any:
    """Write the shape of an example."""
    return lambda network, example, path: path.write_text(f"{tuple(example.shape)} {network.training}")


def folder(params: Any) -> Any:
    """Make a folder where the file should be."""

    def write(_model: Any, _example: Any, path: Any) -> None:
        path.unlink()
        path.mkdir()
        (path / "theirs").touch()

    return write


def empty(params: Any) -> Any:
    """Write nothing."""
    return lambda network, example, path: None


def words(params: Any) -> Any:
    """A section with what has to be escaped."""
    return lambda folder: segkit.SectionContent("Words <b>", ("a & b",), ("head",), [("<i>",)])


def failing(params: Any) -> Any:
    """A section that fails."""
    return lambda folder: {}["summary"]
