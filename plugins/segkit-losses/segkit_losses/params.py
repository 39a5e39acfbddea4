"""The params of the losses (no torch: declaring imports this)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segkit import param

Weights = tuple[float, ...]
Absent = Literal["keep", "skip", "zero"]

CLASS_WEIGHTS = (
    "One weight per label, background first (of overlapping classes one per class), of the weighted mean over classes; "
    "none: all equal."
)
ABSENT = (
    "A class that a mask lacks: keep its term (any prediction of it costs), skip it in the mean, "
    "or count it as 0 in the mean."
)


@dataclass(frozen=True)
class BceParams:
    """The weights of binary cross entropy."""

    pos_weight: Weights = param((), "One factor per logit on its pixels with t = 1, as torch's pos_weight.", min=0)


@dataclass(frozen=True)
class CeParams:
    """The weights of cross entropy."""

    class_weights: Weights = param(
        (), "One weight per label, background first, of the weighted mean over pixels; none: all equal.", min=0
    )
    label_smoothing: float = param(0.0, "Share of the target spread evenly over all labels.", min=0, max=1)


@dataclass(frozen=True)
class FocalParams:
    """The conventions of the focal loss."""

    gamma: float = param(2.0, "Exponent of 1 - p: how much pixels that are right already lose weight.", min=0, max=20)
    alpha: Weights = param(
        (), "One factor per label, background first, of a plain mean over pixels; 0.75,0.25 is the paper's 0.25.", min=0
    )
    form: Literal["softmax", "sigmoid"] = param(
        "softmax", "Of several logits: one softmax, or the mean over logits of each one against the rest."
    )


@dataclass(frozen=True)
class GeneralizedDiceParams:
    """The conventions of the generalized Dice loss."""

    weighting: Literal["square", "simple", "uniform"] = param(
        "square", "Weight of a class: one over its squared size in the mask, over its size, or 1."
    )
    smooth: float = param(0.0, "Added to the weighted numerator and denominator.", min=0, max=1e6)
    include_background: bool = param(True, "Sum over background and classes, not over classes alone.")
    absent: Literal["keep", "skip"] = param(
        "keep", "A class that a mask lacks: give it the largest weight of the others, or leave it out of the sums."
    )


@dataclass(frozen=True)
class DiceParams:
    """The conventions of the Dice loss; the defaults are nnU-Net's, per sample."""

    smooth: float = param(1e-5, "Added to numerator and denominator.", min=0, max=1e6)
    include_background: bool = param(False, "Average over background and classes, not over classes alone.")
    absent: Absent = param("keep", ABSENT)
    class_weights: Weights = param((), CLASS_WEIGHTS, min=0)
    squared: bool = param(False, "Square the summands of the denominator, as V-Net does.")


@dataclass(frozen=True)
class TverskyParams:
    """The conventions of the Tversky loss."""

    false_positive_weight: float = param(0.3, "The paper's alpha.", min=0, max=1e3)
    false_negative_weight: float = param(0.7, "The paper's beta; larger than the other favours recall.", min=0, max=1e3)
    smooth: float = param(1e-5, "Added to numerator and denominator.", min=0, max=1e6)
    include_background: bool = param(False, "Average over background and classes, not over classes alone.")
    absent: Absent = param("keep", ABSENT)
    class_weights: Weights = param((), CLASS_WEIGHTS, min=0)


@dataclass(frozen=True)
class FocalTverskyParams(TverskyParams):
    """The conventions of the focal Tversky loss."""

    exponent: float = param(0.75, "Exponent of each class's Tversky loss; the paper's 1/gamma.", min=0.01, max=20)


@dataclass(frozen=True)
class LovaszParams:
    """The conventions of the Lovász loss."""

    include_background: bool = param(True, "Of several logits: average over background and classes.")
    absent: Absent = param("keep", ABSENT + " The authors' 'present' is skip, their 'all' is keep.")
    class_weights: Weights = param((), CLASS_WEIGHTS, min=0)


@dataclass(frozen=True)
class Boundary:
    """The conventions of the boundary loss."""

    rise: float = param(0.0, "Share of the run over which its weight rises from 0 to 1; 0: 1 all along.", min=0, max=1)
    limit: float = param(100.0, "Largest distance that counts, in pixels.", min=1, max=1000)
