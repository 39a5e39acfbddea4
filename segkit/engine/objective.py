"""The training objective: a sum of losses over one or several outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from segkit.contracts import Outputs
from segkit.data.annotated import Annotated
from segkit.data.case_maps import MapMaker
from segkit.engine.marginal import annotated_alike, marginal_logits, marginal_mask, marginal_shares
from segkit.errors import SegkitError

AUXILIARY = "auxiliary heads"
"""What outputs beside the main one add to the loss: without it the printed parts would not add up (issue 27)."""
LossFunction = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Given:
    """What losses may ask for besides logits and mask.

    Attributes:
        epoch: counted from 1, of `epochs`.
        spacing: (N, axes) in mm; None where it is not known.
        maps: by loss, (N, M, *S).
    """

    epoch: int = 1
    epochs: int = 1
    spacing: torch.Tensor | None = None
    maps: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def of(self, samples: torch.Tensor) -> Given:
        """Return what is given of some samples."""
        spacing = None if self.spacing is None else self.spacing[samples]
        return replace(self, spacing=spacing, maps={name: found[samples] for name, found in self.maps.items()})

    def to(self, term: WeightedLoss, shape: Sequence[int]) -> dict[str, Any]:
        """Return the keywords that a term asks for; maps at another grid by nearest neighbour."""
        told: dict[str, Any] = {}
        if "epoch" in term.asks:
            told |= {"epoch": self.epoch, "epochs": self.epochs}
        if "spacing" in term.asks:
            told["spacing"] = self.spacing
        if "map" in term.asks:
            found = self.maps[term.label]
            same = tuple(found.shape[2:]) == tuple(shape)
            told["map"] = found if same else functional.interpolate(found, size=tuple(shape), mode="nearest-exact")
        return told


NOTHING = Given()


@dataclass(frozen=True)
class WeightedLoss:
    """One term of the sum.

    Attributes:
        label: its name in logs.
        scope: "sample" where the function returns (N,), "batch" where it returns a scalar.
        asks: what its declaration asks for.
        maker: makes its maps.
    """

    label: str
    factor: float
    function: LossFunction
    scope: str = "sample"
    asks: tuple[str, ...] = ()
    maker: MapMaker | None = None


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
        every = [*self.terms, *(term for terms in self.partial.values() for term in terms)]
        self.modules = nn.ModuleList(term.function for term in every if isinstance(term.function, nn.Module))

    def __call__(
        self,
        outputs: torch.Tensor | Outputs,
        mask: torch.Tensor,
        annotated: torch.Tensor | None = None,
        given: Given = NOTHING,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the objective (N,) and the parts (N,) that it adds up from, detached.

        These are each term on the main output, with its factor, and what further outputs add (`AUXILIARY`).

        Args:
            outputs: logits (N, K, *S), or several with weights; coarse ones see the mask by nearest neighbour.
            mask: (N, *S) int64, or (N, classes, *S) of overlapping classes; float32 (N, K, *S) of a soft target.
            annotated: bool (N, classes) of classes that exclude each other, which the masks were drawn for; None: all.
            given: what terms may ask for.
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
                value = weight * term.factor * self.value_of(place, logits, target, annotated, given)
                total = total + value
                if position == 0:
                    parts[term.label] = value.detach()
                else:
                    parts[AUXILIARY] = parts.get(AUXILIARY, 0) + value.detach()
        return total, parts

    def value_of(
        self, place: int, logits: torch.Tensor, mask: torch.Tensor, annotated: torch.Tensor | None, given: Given
    ) -> torch.Tensor:
        """Return a term's values (N,), of samples that were annotated for some classes only by their marginal form."""
        if annotated is None or not self.partial:
            return self.evaluate(self.terms[place], logits, mask, given)
        values: list[torch.Tensor] = []
        places: list[torch.Tensor] = []
        for known, samples in annotated_alike(annotated):
            if known in self.partial:
                marginal = marginal_shares if mask.is_floating_point() else marginal_mask
                part = marginal_logits(logits[samples], known), marginal(mask[samples], known)
                values.append(self.evaluate(self.partial[known][place], *part, given.of(samples)))
            else:
                values.append(self.evaluate(self.terms[place], logits[samples], mask[samples], given.of(samples)))
            places.append(samples)
        return torch.cat(values)[torch.cat(places).argsort()]

    @staticmethod
    def evaluate(term: WeightedLoss, logits: torch.Tensor, mask: torch.Tensor, given: Given = NOTHING) -> torch.Tensor:
        """Return one term as (N,); raises SegkitError where the loss breaks its contract."""
        value = term.function(logits, mask, **given.to(term, logits.shape[2:]))
        if not isinstance(value, torch.Tensor):
            raise SegkitError(
                f"loss {term.label} returned {type(value).__name__}, not a tensor", "report it to its author"
            )
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
    """Take a mask (N, *S), or (N, planes, *S), at another grid by nearest neighbour at pixel centres, values exact."""
    if tuple(mask.shape[-len(shape) :]) == tuple(shape):
        return mask
    planes = mask if mask.ndim == len(shape) + 2 else mask[:, None]
    resized = functional.interpolate(planes.float(), size=tuple(shape), mode="nearest-exact")
    return resized.reshape(*mask.shape[: -len(shape)], *shape).to(mask.dtype)
