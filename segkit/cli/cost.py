"""What an architecture costs and sees on a dataset, as `segkit info ARCH --data DATASET` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segkit.cli.options import flag_layers
from segkit.cli.output import say
from segkit.errors import SegkitError, UsageError

if TYPE_CHECKING:
    from segkit.discovery import Found, Registry
    from segkit.engine.cost import Cost, ReceptiveField
    from segkit.planning.plan import Plan


def measure(
    item: Found, registry: Registry, data: str, data_root: str | None, assignments: Sequence[str]
) -> dict[str, Any]:
    """Count what an architecture costs for a dataset's task at the size that a run would work at, as JSON holds it.

    Raises:
        UsageError: the component is no architecture, or the pair is impossible.
        SegkitError: the data are not there, or the network cannot be built.
    """
    from segkit.config import Layer, read_assignments
    from segkit.engine.cost import count, receptive_field
    from segkit.planning.build import build_model
    from segkit.planning.plan import make_plan

    if item.component.kind != "arch":
        raise UsageError(f"{item.full_name} is no architecture", "leave out --data")
    counted = Layer("segkit info", {"components.arch": item.full_name, "components.explainers": "none"})
    layers = [counted, *flag_layers({"data": data, "data_root": data_root}), read_assignments(assignments)]
    plan = make_plan(layers, registry, tell=lambda text: say(text, err=True))
    model = build_model(plan)
    try:
        cost = count(model, plan.task.in_channels, plan.size)
        say("measuring the receptive field", err=True)
        field = receptive_field(model, plan.task.in_channels, plan.task.spatial_dims)
    except SegkitError:
        raise
    except Exception as error:
        raise SegkitError(
            f"{item.full_name} does not take an image of {times(plan.size)}: {type(error).__name__}: {error}",
            "report it to its author",
        ) from error
    return as_object(plan, cost, field)


def as_object(plan: Plan, cost: Cost, field: ReceptiveField) -> dict[str, Any]:
    """Return the figures by name."""
    return {
        "data": plan.data.full_name,
        "size": list(cost.size),
        "in_channels": plan.task.in_channels,
        "out_channels": plan.task.out_channels,
        "parameters": cost.parameters,
        "trainable": cost.trainable,
        "flops": cost.flops,
        "receptive_field": list(field.sides) if field.sides else None,
        "receptive_field_at_least": field.at_least or None,
    }


def rows(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Write the figures for people."""
    channels = f"{figures['in_channels']} -> {figures['out_channels']} channels"
    listed = [("on", f"{figures['data']}, {times(figures['size'])}, {channels}")]
    listed.append(("parameters", f"{figures['parameters']:,}"))
    if figures["trainable"] != figures["parameters"]:
        listed.append(("trainable", f"{figures['trainable']:,}"))
    billions = figures["flops"] / 1e9
    shown = f"{billions:,.0f}" if billions >= 100 else f"{billions:.3g}"
    listed.append(("operations", f"{shown} GFLOP an image (a multiply-add is two)"))
    if figures["receptive_field"]:
        listed.append(("receptive field", times(figures["receptive_field"])))
    else:
        seen = figures["receptive_field_at_least"]
        listed.append(("receptive field", f"whole images up to {seen} a side" if seen else "too large to be measured"))
    return listed


def times(size: Sequence[int]) -> str:
    """Write a size: 128x128."""
    return "x".join(map(str, size))
