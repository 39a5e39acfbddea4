"""Explain whatever a model takes: photographs, or volumes part by part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segkit.data.case import Sample
from segkit.engine.infer import Predictor
from segkit.engine.volumes import VolumePredictor
from segkit.errors import UsageError
from segkit.explain.case import BuiltExplainer
from segkit.explain.explanation import Explanation
from segkit.explain.images import Wish, explain_image
from segkit.explain.volumes import explain_volume


def explain_any(
    predictor: Predictor | VolumePredictor,
    sample: Sample,
    explainers: Sequence[BuiltExplainer],
    wish: Wish,
    reference: np.ndarray | None,
    prediction: np.ndarray | None,
) -> list[Explanation]:
    """Explain one image as its predictor applies the model; arguments and results as of `explain_image`.

    Raises:
        UsageError: the reference is on another grid than the image, and what `explain_image` raises.
    """
    image = np.asarray(sample.image)  # of a large image too: what is explained is held
    reference = None if reference is None else np.asarray(reference)
    if reference is not None and reference.shape != predictor.task.mask_shape(sample.shape):
        raise UsageError(
            f"the reference mask is on a grid of {reference.shape}, the image on one of {tuple(sample.shape)}",
            "give the mask on the image's own grid, of overlapping classes a plane for each",
        )
    if predictor.volumes:
        return explain_volume(
            predictor,
            image,
            explainers,
            wish,
            spacing=sample.spacing,
            reference=reference,
            prediction=prediction,
        )
    return explain_image(
        predictor,
        image,
        explainers,
        wish,
        shape=sample.shape,
        reference=reference,
        prediction=prediction,
    )
