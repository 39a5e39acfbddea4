"""Maps of how unsure a model is: on the image's grid with their values kept, and held against where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from segkit.contracts import IGNORE
from segkit.declarations import Task
from segkit.explain.agreement import auroc, spearman
from segkit.explain.case import BuiltExplainer, RawMaps, bind, explanations, raw_maps
from segkit.explain.explanation import CONSTANT, UNCERTAINTY, Explanation
from segkit.explain.heat import Padding, interpolate, to_working_grid
from segkit.explain.targets import OK, Target
from segkit.explain.verdict import BELIEVE, DOUBTFUL, LITTLE_MORE_THAN_CHANCE, NOTHING

EVERYWHERE = Target("all", label=1)
"""What explainers of uncertainty are asked about: every pixel. A class has to be named, and means nothing."""
ORDER = "values from 0 to 1, upsample to the working grid, crop, resize to the image's grid"
"""What is done to uncertainty, in this order; it is not divided by its largest value, which means something."""


def uncertainty(
    model: nn.Module,
    x: torch.Tensor,
    explainer: BuiltExplainer,
    task: Task,
    shape: Sequence[int],
    masks: tuple[np.ndarray | None, np.ndarray | None] | None,
) -> Explanation:
    """Return one image's map of uncertainty.

    Args:
        x: the image, (1, C, *S), normalised, on the working grid.
        shape: the image's own grid.
        masks: reference, None where there is none, and prediction on the own grid, for the evidence; None for none.
    """
    (result,) = raw_maps(model, x, explainer, None, bind([EVERYWHERE], task, None))
    return on_own_grid(result, explainer, task, tuple(x.shape[2:]), shape, masks)


def on_own_grid(
    result: RawMaps,
    explainer: BuiltExplainer,
    task: Task,
    size: Sequence[int],
    shape: Sequence[int],
    masks: tuple[np.ndarray | None, np.ndarray | None] | None,
) -> Explanation:
    """Turn the raw map of one image on the working grid `size` into an explanation; arguments as of `uncertainty`."""
    result.target.masks = torch.ones((1, *size), dtype=torch.bool)
    result.target.scores = torch.zeros(1)
    (one,) = explanations(result, explainer, task, size, shape)
    values = interpolate(to_working_grid(result.maps, size, result.padding), shape)[0].clamp(0, 1).cpu().numpy()
    meta = {**one.meta, "map": UNCERTAINTY, "target": EVERYWHERE.pixels, "class": "", "order": ORDER}
    # Nothing but zeros is a map that says nothing too, whatever an author calls it.
    status = CONSTANT if bool((result.maps == result.maps.flatten()[0]).all()) else OK
    made = replace(one, heat=values, status=status, meta=meta)
    return made if masks is None else replace(made, evidence=evidence_of(made, *masks, task))


def whole_map(values: np.ndarray, like: RawMaps | None) -> RawMaps:
    """Return the map (*S) of a whole volume in the form of a part's."""
    assert like is not None, "every part has pixels of a target that is everywhere"
    return replace(like, maps=torch.from_numpy(values)[None], padding=Padding(values.shape, (0,) * values.ndim))


def evidence_of(
    explanation: Explanation, reference: np.ndarray | None, prediction: np.ndarray | None, task: Task
) -> dict[str, Any]:
    """Return how uncertainty and errors go together, and what that means in words."""
    errors = None
    if reference is not None and prediction is not None:
        errors = beside_errors(explanation.heat, *wrong_pixels(reference, prediction, task))
    verdict, remark = judge(explanation, errors)
    return {"errors": errors, "verdict": verdict, "words": [remark]}


def wrong_pixels(reference: np.ndarray, prediction: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return where a prediction is wrong, in any class where these overlap, and which pixels count, each bool (*S)."""
    counted = reference != IGNORE
    wrong = (prediction != reference) & counted
    return (wrong.any(axis=0), counted.any(axis=0)) if task.overlapping else (wrong, counted)


def beside_errors(values: np.ndarray, wrong: np.ndarray, counted: np.ndarray) -> dict[str, Any]:
    """Return the agreement of uncertainty (*S) with errors over the pixels that count.

    Returns:
        "auroc": the chance that a wrong pixel is more uncertain than a right one; "spearman": the rank correlation of
        uncertainty and being wrong, which errors that are few keep small; both None where nothing or all is wrong or
        the map is constant. "wrong" and "of": numbers of pixels. "mean_wrong", "mean_right": mean uncertainty.
    """
    inside, unsure = wrong[counted], values[counted]
    number = int(np.count_nonzero(inside))
    return {
        "auroc": auroc(unsure, inside),
        "spearman": spearman(unsure, inside.astype(np.float32)),
        "wrong": number,
        "of": inside.size,
        "mean_wrong": float(unsure[inside].mean()) if number else None,
        "mean_right": float(unsure[~inside].mean()) if number < inside.size else None,
    }


def judge(explanation: Explanation, errors: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the verdict on a map, "" where nothing can be said for or against it, and what it rests on."""
    if explanation.status == CONSTANT:
        return NOTHING, "the model is as unsure everywhere: the map says nothing about places"
    if errors is None:
        return "", "there is no reference, so nobody can say whether the model is wrong where it is unsure"
    if not errors["wrong"]:
        return "", "no pixel is wrong: whether uncertainty finds errors cannot be seen here"
    of, value = f"{errors['wrong']:,} of {errors['of']:,} are wrong", errors["auroc"]
    if value is None:
        return "", f"nothing to tell apart: {of}"
    if value < 1 - LITTLE_MORE_THAN_CHANCE:
        return DOUBTFUL, f"misleading: surest where it is wrong (AUROC {value:.2f}; {of})"
    if value < LITTLE_MORE_THAN_CHANCE:
        return DOUBTFUL, f"hardly tells wrong pixels from right ones (AUROC {value:.2f}; {of})"
    return (
        BELIEVE,
        f"a wrong pixel is more uncertain than a right one in {value:.0%} of pairs (AUROC {value:.2f}; {of})",
    )
