"""A right explainer and, by the param `fault`, one that is wrong in a single way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import segkit


@dataclass(frozen=True)
class Params:
    fault: str = segkit.param("none", "What is wrong with it.")


def build(params: Any) -> Any:
    """Build gradient times activation."""
    import torch

    from segkit.explain import tap

    fault = params.fault

    def one(model: Any, x: Any, layer: str, target: Any, gradient: Any, activation: Any) -> Any:
        maps = (gradient * activation.detach()).sum(dim=1)
        status = target.status
        if fault == "shape":
            maps = torch.nn.functional.interpolate(maps[:, None], x.shape[2:])[:, 0]
        if fault == "range":
            maps = maps * 0 + 1 if "ok" in status else maps
        if fault == "deterministic":
            maps = maps * (1 + 1e-5 * torch.rand(()))
        if fault == "independent":
            maps = maps / maps.abs().max().clamp_min(1e-9)
        if fault == "empty-target":
            status = ("ok",) * len(status)
        return maps, status

    def explain(model: Any, x: Any, layer: str, targets: Any) -> Any:
        tapped = tap(model, x, layer)
        found = [
            one(model, x, layer, target, gradient, tapped.activation)
            for target, gradient in zip(targets, tapped.gradients(targets), strict=True)
        ]
        if fault == "several":
            found = [(sum(maps for maps, _ in found), status) for _, status in found]
        if fault == "no-trace":
            model.eval()
        return found

    return explain
