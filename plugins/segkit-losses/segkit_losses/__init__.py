"""Losses: cross entropy, Dice and sums of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segkit import Loss, hookimpl, param


@dataclass(frozen=True)
class DiceParams:
    """The conventions of the Dice loss; the defaults are nnU-Net's, per sample."""

    smooth: float = param(1e-5, "Added to numerator and denominator.", min=0, max=1e6)
    include_background: bool = param(False, "Average over background and classes, not over classes alone.")
    absent: Literal["keep", "skip", "zero"] = param(
        "keep",
        "A class that a mask lacks: keep its term (any prediction of it costs nearly 1), skip it in the mean, "
        "or count it as 0 in the mean.",
    )
    squared: bool = param(False, "Square the summands of the denominator, as V-Net does.")


@hookimpl
def segkit_losses() -> list[Loss]:
    """Return the losses."""
    return [
        Loss(
            name="bce",
            factory="segkit_losses.bce:build",
            summary="Binary cross entropy of each logit on its own: with several classes, one against the rest.",
        ),
        Loss(
            name="ce",
            factory="segkit_losses.ce:build",
            summary="Cross entropy of the softmax over background and classes.",
        ),
        Loss(
            name="dice",
            factory="segkit_losses.dice:build",
            summary="One minus the soft Dice coefficient per class and sample.",
            params=DiceParams,
            reference="Milletari, Navab, Ahmadi: V-Net: Fully Convolutional Neural Networks for Volumetric Medical "
            "Image Segmentation. 3DV 2016, https://arxiv.org/abs/1606.04797",
        ),
    ]
