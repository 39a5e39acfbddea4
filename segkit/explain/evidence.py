"""The numbers that say whether to believe a map, and what they mean in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from segkit.contracts import IGNORE
from segkit.data.class_masks import alone
from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.explain.agreement import auroc, energy_inside, pointing
from segkit.explain.called import deepest_layer
from segkit.explain.case import BuiltExplainer, RawMaps, raw_maps
from segkit.explain.curves import deletion_and_insertion
from segkit.explain.explanation import Explanation
from segkit.explain.heat import heat_maps
from segkit.explain.layers import LayerPath
from segkit.explain.randomisation import Cascade, cascade, make_stages
from segkit.explain.targets import OK
from segkit.explain.verdict import judge


@dataclass(frozen=True)
class EvidenceSettings:
    """How evidence is measured.

    Attributes:
        steps: of deletion and insertion.
        baseline: what removed pixels become.
        seeds: random models per step of the cascade.
    """

    steps: int = 16
    baseline: str = "mean"
    seeds: int = 3


def agreement(
    heat: np.ndarray, mask: np.ndarray | None, label: int, task: Task | None = None
) -> dict[str, float | None]:
    """Return AUROC, energy and pointing of a heat map (*S) beside one class of a mask (*S), without ignored pixels.

    Args:
        task: whose mask it is, which is (classes, *S) where these overlap; None: a label map's.
    """
    if mask is None:
        return {"auroc": None, "energy": None, "pointing": None}
    mask = mask if task is None else alone(mask, label, task)
    counted = mask != IGNORE
    values, inside = heat[counted], mask[counted] == label
    return {
        "auroc": auroc(values, inside),
        "energy": energy_inside(values, inside) if inside.any() else None,
        "pointing": pointing(values, inside) if inside.any() else None,
    }


def measure_evidence(
    model: nn.Module,
    x: torch.Tensor,
    explainer: BuiltExplainer,
    layer: str | None,
    results: Sequence[RawMaps],
    found: Sequence[Explanation],
    *,
    reference: np.ndarray | None,
    prediction: np.ndarray | None,
    middle: str | None,
    settings: EvidenceSettings,
) -> list[dict[str, Any]]:
    """Return the evidence of one image's maps, one mapping per target.

    Args:
        x: the image, (1, C, *S), normalised, as it was explained.
        layer: as it was explained.
        results, found: what came out, one per target.
        reference, prediction: masks on the image's own grid, None where there are none.
        middle: where the encoder ends, None: the deepest spatial layer.
    """
    cascades = randomisations(model, x, explainer, layer, results, middle, settings)
    evidence = []
    for result, explanation, random in zip(results, found, cascades, strict=True):
        label = result.target.label
        gathered: dict[str, Any] = {
            "reference": agreement(explanation.heat, reference, label, result.target.task),
            "prediction": agreement(explanation.heat, prediction, label, result.target.task),
            "target": None,
            "curves": None,
            "randomisation": None if random is None else random.to_dict(),
        }
        if explanation.status == OK:
            on_grid = heat_maps(result.maps, x.shape[2:], result.padding, x.shape[2:])[0].cpu().numpy()
            assert result.target.masks is not None
            gathered["target"] = agreement(on_grid, result.target.masks[0].cpu().numpy().astype(np.uint8), 1)
            curves = deletion_and_insertion(
                model, x, result.target, on_grid, steps=settings.steps, baseline=settings.baseline
            )
            gathered["curves"] = {**curves.to_dict(), "baseline": settings.baseline}
        gathered["verdict"], gathered["words"] = judge(explanation, gathered)
        evidence.append(gathered)
    return evidence


def randomisations(
    model: nn.Module,
    x: torch.Tensor,
    explainer: BuiltExplainer,
    layer: str | None,
    results: Sequence[RawMaps],
    middle: str | None,
    settings: EvidenceSettings,
) -> Sequence[Cascade | None]:
    """Return the cascade of each target; None where its pixels are none or no seeds are wanted."""
    live = [result for result in results if result.status[0] == OK]
    if not live or not settings.seeds:
        return [None] * len(results)
    end = LayerPath.parse(middle).module if middle else deepest_layer(model, x)
    targets = [result.target.fixed() for result in live]

    def raw_map(random: nn.Module) -> list[np.ndarray]:
        try:
            maps = raw_maps(random, x, explainer, layer, [target.fixed() for target in targets])
        except SegkitError:
            # A model of shuffled weights may give no finite logits: then there is no map to be alike.
            return [np.zeros(())] * len(targets)
        return [result.maps[0].cpu().numpy() for result in maps]

    own = [result.maps[0].cpu().numpy() for result in live]
    found = iter(cascade(model, make_stages(model, x, end), own, raw_map, seeds=settings.seeds))
    return [next(found) if result.status[0] == OK else None for result in results]
