"""Which of a network's tensors follow from the classes and from the image's channels: seen by building it for others.

No plugin says so: the architecture is built for two classes more, and for one channel more, and what has another shape
then is a head or a first layer, whatever its name. Nothing is allocated: the networks are built on torch's meta device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from segkit import params
from segkit.declarations import Task
from segkit.planning.plan import Plan

MORE = ("another-class", "one-more-class")
Shapes = Mapping[str, tuple[int, ...]]


def head_axes(plan: Plan, own: Shapes) -> dict[str, int]:
    """Return, by name, the axis of each tensor that has a row per logit."""
    return differing(own, shapes_for(plan, replace(plan.task, classes=(*plan.task.classes, *MORE))))


def stem_axes(plan: Plan, own: Shapes) -> dict[str, int]:
    """Return, by name, the axis of each tensor that has a part per channel of the image."""
    return differing(own, shapes_for(plan, replace(plan.task, in_channels=plan.task.in_channels + 1)))


def differing(own: Shapes, other: Shapes | None) -> dict[str, int]:
    """Return the axis along which tensors of two networks differ, of those that do along one."""
    axes = {}
    for name, shape in own.items():
        found = (other or {}).get(name, shape)
        places = [axis for axis, (one, two) in enumerate(zip(shape, found, strict=False)) if one != two]
        if len(shape) == len(found) and len(places) == 1:
            axes[name] = places[0]
    return axes


def shapes_for(plan: Plan, task: Task) -> Shapes | None:
    """Return the shapes of the architecture's tensors for another task; None where it cannot be built for it."""
    name = plan.arch.component.name
    given = plan.config.params_of("arch", name)
    known = params.describe(plan.arch.component.params)
    # First weights would be looked for, and are of no use here.
    plain = replace(given, **{one: info.default for one, info in known.items() if info.start})
    size = plan.size
    for device in ("meta", "cpu"):  # some networks look at values while they are built
        try:
            with torch.random.fork_rng(devices=[]), torch.device(device):
                network: nn.Module = plan.arch.network(task, plain, size)
                return {key: tuple(value.shape) for key, value in network.state_dict().items()}
        except Exception:  # what a stranger's factory raises for a task that nobody asked for
            continue
    return None
