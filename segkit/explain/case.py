"""Explain a batch of images on the working grid: one explainer, one or several targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from segkit.declarations import Explainer, Task
from segkit.discovery import Found
from segkit.errors import SegkitError
from segkit.explain.called import resolve_layer
from segkit.explain.explanation import CONSTANT, NOTHING_POSITIVE, UNCERTAINTY, Explanation
from segkit.explain.heat import ORDER, Padding, heat_maps, watch_padding
from segkit.explain.targets import EMPTY, OK, BoundTarget, Target, class_name
from segkit.params import plain
from segkit.version import __version__

DEFAULT_LAYER = "middle"
ROUNDING = 1e-5
"""By which a share may exceed 1: of float32 logarithms."""


@dataclass(frozen=True)
class BuiltExplainer:
    """An explainer that can be called.

    Attributes:
        function: as the plugin API describes it.
        full_name, version, params: for the record.
        layered, several, map: as declared.
    """

    name: str
    function: Callable[..., Any]
    full_name: str = ""
    version: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    layered: bool = True
    several: bool = False
    map: str = "attribution"


@dataclass(frozen=True)
class RawMaps:
    """What an explainer gave for one target.

    Attributes:
        maps: (N, *grid) float32, signed, finite.
        status: per sample.
        target: found in the logits, with its scores.
        padding: what the grid covers.
        layer: the layer's name, "" where the explainer says nothing.
        notes: what else it says of itself.
    """

    maps: torch.Tensor
    status: tuple[str, ...]
    target: BoundTarget
    padding: Padding
    layer: str
    notes: Mapping[str, str]


def build_explainer(found: Found, params: Any) -> BuiltExplainer:
    """Import and build an explainer; raises SegkitError where its factory gives nothing that can be called."""
    component = found.component
    assert isinstance(component, Explainer)
    function = found.load()(params)
    if not callable(function):
        raise SegkitError(
            f"{found.full_name} built {type(function).__name__}, not a function", "report it to its author"
        )
    return BuiltExplainer(
        component.name,
        function,
        found.full_name,
        found.plugin.version,
        plain(params),
        component.layered,
        component.several,
        component.map,
    )


def choose_layer(
    model: nn.Module, explainer: BuiltExplainer, wanted: str | None, declared: Mapping[str, str], x: torch.Tensor
) -> str | None:
    """Return the dotted name of the layer to explain; None where the explainer takes none.

    Without a wish it is the architecture's `middle`, or the deepest spatial layer where none is declared.

    Raises:
        UsageError: there is no such layer.
    """
    if not explainer.layered:
        return None
    default = DEFAULT_LAYER if DEFAULT_LAYER in declared else "auto"
    return resolve_layer(model, wanted or default, declared, x)


def raw_maps(
    model: nn.Module, x: torch.Tensor, explainer: BuiltExplainer, layer: str | None, targets: Sequence[BoundTarget]
) -> list[RawMaps]:
    """Return an explainer's raw maps for each target, checked.

    Raises:
        SegkitError: what it gave is not what the plugin API says, or not finite; and what it raises itself.
    """
    try:
        with watch_padding(model, x) as padding:
            if explainer.several:
                results = list(explainer.function(model, x, layer, list(targets)))
            else:
                results = [explainer.function(model, x, layer, target) for target in targets]
    except SegkitError:
        raise
    except Exception as error:
        # A stranger's code: a run that is trained and scored is not to be lost for what it cannot do.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SegkitError(
            f"explainer {explainer.full_name or explainer.name} failed: {reason}", "report it to its author"
        ) from error
    if len(results) != len(targets):
        raise contract_error(explainer, f"gave {len(results)} results for {len(targets)} targets")
    return [
        checked(explainer, result, x, layer, target, padding) for result, target in zip(results, targets, strict=True)
    ]


def checked(
    explainer: BuiltExplainer, result: Any, x: torch.Tensor, layer: str | None, target: BoundTarget, padding: Padding
) -> RawMaps:
    """Return one result in the core's form; raises SegkitError where it is not as agreed."""
    if not isinstance(result, (tuple, list)) or len(result) not in (2, 3):
        raise contract_error(explainer, f"gave {type(result).__name__}, not maps and status")
    maps, status = result[0], tuple(result[1])
    notes = dict(result[2]) if len(result) == 3 else {}
    if not isinstance(maps, torch.Tensor) or maps.ndim != x.ndim - 1 or len(maps) != len(x):
        shape = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
        raise contract_error(explainer, f"gave maps of {shape} for {len(x)} images of {x.ndim - 2} axes")
    if len(status) != len(x):
        raise contract_error(explainer, f"gave {len(status)} statuses for {len(x)} images")
    maps = maps.detach().float()
    if not bool(maps.isfinite().all()):
        raise SegkitError(f"explainer {explainer.name}: its map is not finite", "choose another layer or explainer")
    if explainer.map == UNCERTAINTY and not bool(((maps >= 0) & (maps <= 1 + ROUNDING)).all()):
        low, high = float(maps.min()), float(maps.max())
        raise SegkitError(
            f"explainer {explainer.full_name or explainer.name} gave uncertainty from {low:.4g} to {high:.4g}",
            "its author must return values from 0, sure, to 1, such as entropy as a share of the largest there is",
        )
    named = str(notes.pop("layer", layer or ""))
    return RawMaps(maps, status, target, padding, named, notes)


def contract_error(explainer: BuiltExplainer, what: str) -> SegkitError:
    """Say how an explainer breaks the plugin API."""
    name = explainer.full_name or explainer.name
    return SegkitError(f"explainer {name} {what}", "its author must return maps (N, *grid) and a status per sample")


def found_target(model: nn.Module, x: torch.Tensor, target: BoundTarget) -> BoundTarget:
    """Return a target whose pixels are found and summed: by a pass of its own where the explainer made none."""
    if target.scores is None:
        from segkit.explain.one_pass import forward

        target(forward(model, x))
    return target


def explanations(
    result: RawMaps, explainer: BuiltExplainer, task: Task, size: Sequence[int], shape: Sequence[int]
) -> list[Explanation]:
    """Turn raw maps into explanations, one per sample.

    Args:
        size: the working grid.
        shape: the image's own grid.
    """
    target = result.target
    assert target.scores is not None
    assert target.masks is not None
    heat = heat_maps(result.maps, size, result.padding, shape)
    found = []
    for sample, (raw, status) in enumerate(zip(result.maps, result.status, strict=True)):
        meta = {
            "explainer": explainer.full_name or explainer.name,
            "version": explainer.version,
            "params": dict(explainer.params),
            "layer": result.layer,
            "target": target.target.text(task),
            "class": class_name(task, target.label),
            "target_pixels": int(target.masks[sample].sum()),
            "working_size": list(size),
            "order": ORDER,
            "notes": dict(result.notes),
            "segkit": __version__,
            "torch": str(torch.__version__),
        }
        found.append(
            Explanation(
                raw=raw.cpu().numpy(),
                heat=heat[sample].cpu().numpy(),
                raw_max=float(raw.max()),
                status=map_status(raw, status),
                target_score=float(target.scores[sample]),
                meta=meta,
            )
        )
    return found


def map_status(raw: torch.Tensor, status: str) -> str:
    """Return the explainer's status, or what else makes a map say nothing."""
    if status != OK:
        return status
    if bool((raw == raw.flatten()[0]).all()):
        return CONSTANT
    return OK if float(raw.max()) > 0 else NOTHING_POSITIVE


def bind(targets: Sequence[Target], task: Task, reference: torch.Tensor | None) -> list[BoundTarget]:
    """Bind targets to the reference masks (N, *size) of a batch."""
    return [BoundTarget(target, task, reference) for target in targets]


__all__ = [
    "EMPTY",
    "BuiltExplainer",
    "RawMaps",
    "bind",
    "build_explainer",
    "choose_layer",
    "explanations",
    "found_target",
    "raw_maps",
]
