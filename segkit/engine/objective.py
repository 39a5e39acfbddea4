"""The training objective: a sum of losses over one or several outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from segkit.contracts import Outputs
from segkit.data.annotated import Annotated
from segkit.engine.marginal import annotated_alike, marginal_logits, marginal_mask
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
    """The sum of the terms over all outputs; every value is per sample.

    Args:
        partial: the same terms for the task of some classes alone, by which these are: of samples that were annotated
            for no others.
    """

    def __init__(
        self, terms: Sequence[WeightedLoss], partial: Mapping[Annotated, Sequence[WeightedLoss]] | None = None
    ) -> None:
        self.terms = tuple(terms)
        self.partial = dict(partial or {})

    def __call__(
        self, outputs: torch.Tensor | Outputs, mask: torch.Tensor, annotated: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the objective (N,) and the value (N,) of each term on the main output, detached.

        Args:
            outputs: logits (N, K, *S), or several with weights; coarse ones see the mask by nearest neighbour.
            mask: (N, *S) int64, or (N, classes, *S) of overlapping classes.
            annotated: bool (N, classes) of classes that exclude each other, which the masks were drawn for; None: all.
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
            for place, term in enumerate(self.terms):
                value = self.value_of(place, logits, target, annotated)
                total = total + weight * term.factor * value
                if position == 0:
                    parts[term.label] = value.detach()
        return total, parts

    def value_of(
        self, place: int, logits: torch.Tensor, mask: torch.Tensor, annotated: torch.Tensor | None
    ) -> torch.Tensor:
        """Return a term's values (N,), of samples that were annotated for some classes only by their marginal form."""
        if annotated is None or not self.partial:
            return self.evaluate(self.terms[place], logits, mask)
        values: list[torch.Tensor] = []
        places: list[torch.Tensor] = []
        for known, samples in annotated_alike(annotated):
            if known in self.partial:
                part = marginal_logits(logits[samples], known), marginal_mask(mask[samples], known)
                values.append(self.evaluate(self.partial[known][place], *part))
            else:
                values.append(self.evaluate(self.terms[place], logits[samples], mask[samples]))
            places.append(samples)
        return torch.cat(values)[torch.cat(places).argsort()]

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
