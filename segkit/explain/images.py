"""Explain one image as a model is applied to it: from the file's values to heat maps on the image's own grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from segkit.data.class_masks import by_class, is_class
from segkit.data.resample import resize_mask
from segkit.declarations import Task
from segkit.engine.infer import Predictor
from segkit.explain.case import BuiltExplainer, bind, choose_layer, explanations, found_target, raw_maps
from segkit.explain.evidence import EvidenceSettings, measure_evidence
from segkit.explain.explanation import UNCERTAINTY, Explanation
from segkit.explain.layers import LayerPath
from segkit.explain.targets import Target
from segkit.explain.uncertainty import uncertainty


@dataclass(frozen=True)
class Wish:
    """What is to be explained.

    Attributes:
        target: its class may be left open.
        classes: how many classes are explained where it is; those with the most predicted pixels.
        layer: dotted name, "last", "middle" or "auto"; None: `middle` where the architecture declares it, else "auto".
        declared: the architecture's layers.
        evidence: how it is measured; None for none.
    """

    target: Target = field(default_factory=Target)
    classes: int = 1
    layer: str | None = None
    declared: Mapping[str, str] = field(default_factory=dict)
    evidence: EvidenceSettings | None = None


def explain_image(
    predictor: Predictor,
    image: np.ndarray,
    explainers: Sequence[BuiltExplainer],
    wish: Wish,
    *,
    shape: Sequence[int] | None = None,
    reference: np.ndarray | None = None,
    prediction: np.ndarray | None = None,
) -> list[Explanation]:
    """Explain one image, every explainer for every class; the model is run as it is, without mirrored copies.

    Args:
        image: (C, *S) of the file's type, or on the working grid already.
        shape: the own grid S; the image's where not given.
        reference: mask (*S), or (classes, *S), on the own grid.
        prediction: label map of the same form on the own grid; predicted where not given.

    Returns:
        By explainer, then by class; of uncertainty, which is of no class, one.

    Raises:
        UsageError: there is no such layer, class or pixel, or the target needs a reference.
        SegkitError: the model's logits or the maps are not finite.
    """
    own = tuple(shape or image.shape[1:])
    x = predictor.prepare(image)
    size = tuple(x.shape[2:])
    prediction = predictor.labels(image, own) if prediction is None else prediction
    on_grid = None if reference is None else by_class(lambda mask: resize_mask(mask, size), reference, predictor.task)
    bound_to = None if on_grid is None else torch.from_numpy(on_grid.astype(np.int64))[None].to(x.device)
    targets = [target.on_grid(own, size) for target in chosen_classes(wish, predictor.task, prediction, reference)]
    found = []
    for explainer in explainers:
        if explainer.map == UNCERTAINTY:
            masks = None if wish.evidence is None else (reference, prediction)
            found.append(uncertainty(predictor.model, x, explainer, predictor.task, own, masks))
            continue
        layer = choose_layer(predictor.model, explainer, wish.layer, wish.declared, x)
        bound = bind(targets, predictor.task, bound_to)
        results = raw_maps(predictor.model, x, explainer, layer, bound)
        for result in results:
            found_target(predictor.model, x, result.target)
        made = [explanations(result, explainer, predictor.task, size, own)[0] for result in results]
        if wish.evidence is not None:
            middle = wish.declared.get("middle")
            gathered = measure_evidence(
                predictor.model,
                x,
                explainer,
                layer,
                results,
                made,
                reference=reference,
                prediction=prediction,
                middle=LayerPath.parse(middle).module if middle else None,
                settings=wish.evidence,
            )
            made = [replace(one, evidence=evidence) for one, evidence in zip(made, gathered, strict=True)]
        found += made
    return found


def chosen_classes(wish: Wish, task: Task, prediction: np.ndarray, reference: np.ndarray | None) -> list[Target]:
    """Return the wish's target with its class; where it is left open, for the classes with the most predicted pixels.

    Where none is predicted those with the most pixels in the reference are taken, and without any the first.
    """
    if wish.target.label is not None:
        return [wish.target]
    sizes = np.zeros(0, np.int64)
    for mask in (prediction, reference):
        if mask is not None and not sizes.any():
            counted = (np.count_nonzero(is_class(mask, label, task)) for label in range(1, len(task.classes) + 1))
            sizes = np.array([*counted], np.int64)
    ranked = [int(label) + 1 for label in np.argsort(-sizes, kind="stable") if sizes[label]][: wish.classes]
    return [replace(wish.target, label=label) for label in sorted(ranked or [1])]
