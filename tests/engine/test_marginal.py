"""The objective of cases that were annotated for some classes only."""

import itertools

import pytest
import torch
from torch.nn import functional

from segkit.contracts import IGNORE
from segkit.declarations import Task
from segkit.engine.marginal import annotated_task, marginal_logits, marginal_mask
from segkit.engine.objective import Objective, WeightedLoss

TASK = Task(1, ("a", "b", "c"))
SHAPES = [(5, 6), (2, 4, 3)]
CHOICES = [choice for choice in itertools.product((False, True), repeat=3) if any(choice)]


def cross_entropy(task: Task):  # type: ignore[no-untyped-def]
    """A loss of a task, one value per sample."""

    def loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        full = logits if task.out_channels > 1 else torch.cat([torch.zeros_like(logits), logits], dim=1)
        values = functional.cross_entropy(full, mask, ignore_index=IGNORE, reduction="none")
        return values.flatten(1).mean(dim=1)

    return loss


def objective() -> Objective:
    """An objective with a marginal form for each choice of classes."""

    def terms(task: Task) -> list[WeightedLoss]:
        return [WeightedLoss("ce", 1.0, cross_entropy(task))]

    return Objective(terms(TASK), {one: terms(annotated_task(TASK, one)) for one in CHOICES if not all(one)})


def drawn(shape: tuple[int, ...], known: tuple[bool, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits in float64 and a mask of the annotated classes, with ignored pixels."""
    generator = torch.Generator().manual_seed(len(shape))
    logits = torch.randn(3, 4, *shape, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, *(label for label, seen in enumerate(known, start=1) if seen), IGNORE])
    return logits, labels[torch.randint(0, len(labels), (3, *shape), generator=generator)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("known", CHOICES)
def test_cross_entropy_is_that_of_summed_probabilities(shape: tuple[int, ...], known: tuple[bool, ...]) -> None:
    """-log of the label's probability, at the background of all that may be there; the joint loss where all are."""
    logits, mask = drawn(shape, known)
    found, _ = objective()(logits, mask, torch.tensor([known] * 3))
    probabilities = logits.softmax(dim=1)
    unknown = [0, *(label for label, seen in enumerate(known, start=1) if not seen)]
    at_label = probabilities.gather(1, mask.where(mask != IGNORE, 0).unsqueeze(1))[:, 0]
    right = torch.where(mask == 0, probabilities[:, unknown].sum(dim=1), at_label)
    expected = torch.where(mask == IGNORE, 0, -right.log()).flatten(1).mean(dim=1)
    assert torch.allclose(found, expected, rtol=1e-10)
    if all(known):
        assert torch.equal(found, objective()(logits, mask)[0])


def test_nothing_is_learnt_of_what_was_not_looked_at() -> None:
    """However background and unannotated classes share their probability, the loss is the same."""
    known = (True, False, False)
    logits, mask = drawn((5, 6), known)
    joint = logits[:, [0, 2, 3]].logsumexp(dim=1, keepdim=True)
    shares = torch.randn(3, 3, 5, 6, dtype=torch.float64).log_softmax(dim=1) + joint
    other = torch.cat([shares[:, :1], logits[:, 1:2], shares[:, 1:]], dim=1)
    annotated = torch.tensor([known] * 3)
    assert torch.allclose(objective()(logits, mask, annotated)[0], objective()(other, mask, annotated)[0])
    # Treated as background the absent classes would be unlearnt.
    assert not torch.allclose(objective()(logits, mask)[0], objective()(other, mask)[0])


def test_samples_of_a_batch_are_each_what_they_are() -> None:
    """Annotated alike or not, in any order: the values are those of the samples one by one."""
    choices = [(True, False, True), (True, True, True), (True, False, True)]
    logits, mask = drawn((5, 6), (True, False, False))
    whole, parts = objective()(logits, mask, torch.tensor(choices))
    alone = [objective()(logits[[n]], mask[[n]], torch.tensor([choice]))[0] for n, choice in enumerate(choices)]
    assert torch.allclose(whole, torch.cat(alone))
    assert torch.equal(parts["ce"], whole)


def test_one_annotated_class_is_one_logit() -> None:
    """Whose sigmoid is the class's probability; labels are numbered anew, what is ignored stays."""
    logits, _ = drawn((5, 6), (False, True, False))
    one = marginal_logits(logits, (False, True, False))
    assert torch.allclose(one.sigmoid()[:, 0], logits.softmax(dim=1)[:, 2])
    assert marginal_mask(torch.tensor([[0, 2, IGNORE]]), (False, True, False)).tolist() == [[0, 1, IGNORE]]
    assert annotated_task(TASK, (False, True, False)).classes == ("b",)
