"""Whether models can predict together: the same classes of the same images, and no bound that one keeps alone."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.engine.calibration import threshold_of
from segkit.errors import SegkitError
from segkit.model import Model


def check_same_task(models: Sequence[Model]) -> None:
    """Raise SegkitError where models cannot be averaged: other classes, or images of another kind."""
    first = models[0]
    for number, model in enumerate(models[1:], start=2):
        for what, one, other in (
            ("classes", first.task.classes, model.task.classes),
            ("ways of classes to overlap", first.task.overlapping, model.task.overlapping),
            ("channels", first.image_channels, model.image_channels),
            ("axes of an image", first.image_dims, model.image_dims),
            ("post-processing", first.header.get("postprocess"), model.header.get("postprocess")),
        ):
            if one != other:
                raise SegkitError(
                    f"model 1 and model {number} cannot predict together: their {what} are {one} and {other}",
                    "average models of one task",
                )


def check_no_bound(models: Sequence[Model]) -> None:
    """Raise SegkitError where one of several models has a threshold that keeps a bound: together they keep none."""
    for number, model in enumerate(models, start=1):
        limit = threshold_of(model.predictor.calibration)
        if len(models) > 1 and limit is not None:
            raise SegkitError(
                f"model {number} marks foreground from a probability of {limit:g} on, which keeps its bound on what is "
                "missed; several models together keep none",
                "predict with it alone, or average models without --risk",
            )
