"""The objective of cases that were annotated for some of the classes only (issue 22).

Where classes exclude each other, a pixel that is none of the annotated ones is background or one of the others: their
probabilities are added up, and the loss is that of the task of background and annotated classes alone. Its value is the
joint loss where all are annotated, and it says nothing of what was not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from segkit.contracts import IGNORE
from segkit.data.annotated import Annotated
from segkit.declarations import Task


def annotated_task(task: Task, annotated: Annotated) -> Task:
    """Return the task of the annotated classes alone."""
    return replace(task, classes=tuple(name for name, known in zip(task.classes, annotated, strict=True) if known))


def marginal_logits(logits: torch.Tensor, annotated: Annotated) -> torch.Tensor:
    """Return logits (N, K', *S) of background and annotated classes, the other classes joined with the background.

    Their softmax has the annotated classes' probabilities as they were, and the others' sum as the background's. Of one
    annotated class it is the one logit whose sigmoid that is.

    Args:
        logits: (N, K, *S), background first.
    """
    values = logits.to(torch.promote_types(logits.dtype, torch.float32))
    known = [label for label, seen in enumerate(annotated, start=1) if seen]
    others = [0, *(label for label, seen in enumerate(annotated, start=1) if not seen)]
    background = values[:, others].logsumexp(dim=1, keepdim=True)
    return values[:, known] - background if len(known) == 1 else torch.cat([background, values[:, known]], dim=1)


def marginal_mask(mask: torch.Tensor, annotated: Annotated) -> torch.Tensor:
    """Return a mask (N, *S) with the labels of the annotated classes' task; what is ignored stays so."""
    labels = torch.zeros(IGNORE + 1, dtype=mask.dtype, device=mask.device)
    known = [label for label, seen in enumerate(annotated, start=1) if seen]
    labels[known] = torch.arange(1, len(known) + 1, dtype=mask.dtype, device=mask.device)
    labels[IGNORE] = IGNORE
    return labels[mask]


def marginal_shares(shares: torch.Tensor, annotated: Annotated) -> torch.Tensor:
    """Return a soft target (N, K, *S) as that of the annotated classes' task, the others joined with the background."""
    known = [label for label, seen in enumerate(annotated, start=1) if seen]
    if len(known) == 1:
        return shares[:, known]
    others = [0, *(label for label, seen in enumerate(annotated, start=1) if not seen)]
    ignored = shares[:, :1] == IGNORE
    background = shares[:, others].sum(dim=1, keepdim=True).masked_fill(ignored, IGNORE)
    return torch.cat([background, shares[:, known]], dim=1)


def annotated_alike(annotated: torch.Tensor) -> Iterator[tuple[Annotated, torch.Tensor]]:
    """Yield which classes were annotated, and the samples (n,) of which these were, in an order of their own.

    Args:
        annotated: bool (N, classes).
    """
    rows = [tuple(row) for row in annotated.tolist()]
    for row in sorted(set(rows)):
        places = [place for place, other in enumerate(rows) if other == row]
        yield row, torch.tensor(places, device=annotated.device)
