"""The generalized Dice loss."""

from __future__ import annotations

import torch

from segkit import Task
from segkit_losses.common import LossFunction, at_least_float32
from segkit_losses.overlap import SoftCounts, soft_counts
from segkit_losses.params import GeneralizedDiceParams

EXPONENTS = {"square": 2, "simple": 1, "uniform": 0}


def build(task: Task, params: GeneralizedDiceParams) -> LossFunction:
    """Return 1 - (2 sum_l w_l sum(p t) + smooth) / (sum_l w_l (sum(p) + sum(t)) + smooth), per sample.

    w_l is one over the squared size of label l in the sample's mask (Sudre et al. 2017). A label that the mask lacks
    takes the largest weight of the others, as in NiftyNet and MONAI; where the mask has none of the labels all weigh 1.
    smooth is added to weighted sums, which are small for large structures: hence its default 0. Range 0 to 1.
    """

    @at_least_float32
    def generalized_dice(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        counts = soft_counts(task, logits, mask, params.include_background)
        weight = weights_of_classes(counts, params)
        overlap = (weight * counts.overlap).sum(dim=1)
        size = (weight * (counts.predicted + counts.reference)).sum(dim=1)
        smallest = torch.finfo(logits.dtype).tiny
        values = 1 - (2 * overlap + params.smooth) / (size + params.smooth).clamp(min=smallest)
        return values * weight.any(dim=1)

    return generalized_dice


def weights_of_classes(counts: SoftCounts, params: GeneralizedDiceParams) -> torch.Tensor:
    """Return the weight of each class in each sample, (N, classes); 0 where it does not count."""
    present = counts.present
    weight = counts.reference.clamp(min=1) ** -EXPONENTS[params.weighting] * present
    if params.absent == "keep":
        largest = weight.amax(dim=1, keepdim=True)
        weight = torch.where(present, weight, torch.where(largest > 0, largest, 1))
    return weight * counts.valid
