"""The training objective: a sum of losses over one or several outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from segkit.contracts import Outputs
from segkit.errors import SegkitError

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class WeightedLoss:
    """One term of the sum.

    Attributes:
        label: its name in logs.
        scope: "sample" where the function returns (N,), "batch" where it returns a scalar.
    """

    label: str
    factor: float
    function: LossFunction
    scope: str = "sample"


class Objective:
    """The sum of the terms over all outputs; every value is per sample."""

    def __init__(self, terms: Sequence[WeightedLoss]) -> None:
        self.terms = tuple(terms)

    def __call__(
        self, outputs: torch.Tensor | Outputs, mask: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the objective (N,) and the value (N,) of each term on the main output, detached.

        Args:
            outputs: logits (N, K, *S), or several with weights; coarse ones see the mask by nearest neighbour.
            mask: (N, *S) int64, or (N, classes, *S) of overlapping classes.
        """
        if isinstance(outputs, Outputs):
            all_logits, weights = outputs.logits, outputs.weights
        else:
            all_logits, weights = (outputs,), (1.0,)
        total = torch.zeros((), device=mask.device)
        parts: dict[str, torch.Tensor] = {}
        for position, (logits, weight) in enumerate(zip(all_logits, weights, strict=True)):
            target = resize_mask(mask, logits.shape[2:])
            # A value per sample, which the trainer averages over the whole step: with a mean over each part of a
            # batch the objective would change with accumulation and ranks (docs/design-decisions.md).
            for term in self.terms:
                value = self.evaluate(term, logits, target)
                total = total + weight * term.factor * value
                if position == 0:
                    parts[term.label] = value.detach()
        return total, parts

    @staticmethod
    def evaluate(term: WeightedLoss, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return one term as (N,); raises SegkitError where the loss breaks its contract."""
        value = term.function(logits, mask)
        samples = logits.shape[0]
        if term.scope == "batch":
            value = value.expand(samples) if value.ndim == 0 else value
        if value.shape != (samples,):
            wanted = "a scalar" if term.scope == "batch" else f"({samples},), one value per sample"
            raise SegkitError(
                f"loss {term.label} returned shape {tuple(value.shape)}, not {wanted}", "report it to its author"
            )
        return value


def resize_mask(mask: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Take a mask (N, *S), or (N, classes, *S), at another grid by nearest neighbour at pixel centres, labels exact."""
    if tuple(mask.shape[-len(shape) :]) == tuple(shape):
        return mask
    planes = mask if mask.ndim == len(shape) + 2 else mask[:, None]
    resized = functional.interpolate(planes.float(), size=tuple(shape), mode="nearest-exact")
    return resized.reshape(*mask.shape[: -len(shape)], *shape).to(mask.dtype)
