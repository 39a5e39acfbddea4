"""Metrics: Dice and IoU with stated conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segkit import Metric, hookimpl, param


@dataclass(frozen=True)
class OverlapParams:
    """The conventions of an overlap."""

    both_empty: Literal["nan", "0", "1"] = param(
        "nan",
        "Score where mask and prediction both lack the class; nan leaves the case out of the mean, and it is counted.",
    )


@hookimpl
def segkit_metrics() -> list[Metric]:
    """Return the metrics."""
    return [
        Metric(
            name="dice",
            measure="segkit_metrics.measure:counts",
            factory="segkit_metrics.overlap:dice",
            summary="Dice coefficient: twice the overlap over the sum of both sizes.",
            params=OverlapParams,
            reference="Dice: Measures of the Amount of Ecologic Association Between Species. Ecology 26 (1945) 297-302",
            poolable=True,
        ),
        Metric(
            name="iou",
            measure="segkit_metrics.measure:counts",
            factory="segkit_metrics.overlap:iou",
            summary="Intersection over union (Jaccard index).",
            params=OverlapParams,
            aliases=("jaccard",),
            reference="Jaccard: The Distribution of the Flora in the Alpine Zone. New Phytologist 11 (1912) 37-50",
            poolable=True,
        ),
    ]
