"""What is taken from several readers of one case: a metric's params, and a target of shares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from segkit.contracts import IGNORE
from segkit.declarations import READERS, Task
from segkit.params import describe
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.losses import SAME, WIDTHS, batch
from segkit.testing.metrics import boxes, measured, task_of
from segkit.testing.overlapping import CLASSES
from segkit.testing.overlapping import batch as overlapping_batch
from segkit.testing.subjects import LossSubject, MetricSubject
from segkit.testing.tensors import difference

if TYPE_CHECKING:
    import torch

    from segkit.contracts import Measurement


def shares_of(mask: torch.Tensor, channels: int) -> torch.Tensor:
    """The soft target (N, K, *S) that says what a mask (N, *S) of exclusive classes says."""
    import torch

    labels = torch.arange(channels) if channels > 1 else torch.ones(1, dtype=torch.int64)
    found = (mask.unsqueeze(1) == labels.reshape(-1, *[1] * (mask.ndim - 1))).float()
    return found.masked_fill((mask == IGNORE).unsqueeze(1), IGNORE)


def soft_batches(subject: LossSubject) -> Iterator[tuple[Task, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield tasks with logits, a mask, and the soft target that says the same."""
    for size in ((6, 8), (3, 6, 8)):
        for channels in WIDTHS:
            logits, mask = batch(channels, size=size)
            yield subject.task(channels, len(size)), logits, mask, shares_of(mask, channels)
        if subject.component.overlapping:
            logits, mask = overlapping_batch(size)
            yield Task(3, CLASSES, len(size), overlapping=True), logits, mask, mask.float()


@check("loss", "soft", needs=["ignore"])
def soft(subject: LossSubject) -> None:
    """With soft=True a target of shares 0 and 1 has the mask's value and gradient, and shares between them count."""
    import torch

    if not subject.component.soft:
        raise NotChecked("it takes masks alone")
    for task, logits, mask, target in soft_batches(subject):
        function = subject.factory(task, subject.params)
        loss = subject.with_asked(function, task, subject.params) if subject.component.asks else function

        def told(target: torch.Tensor, loss: Any = loss, logits: torch.Tensor = logits) -> tuple[torch.Tensor, Any]:
            leaf = logits.clone().requires_grad_()
            value = loss(leaf, target.clone())
            return value.detach(), torch.autograd.grad(value.sum(), leaf)[0]

        what = f"of {'overlapping' if task.overlapping else 'exclusive'} classes, K = {logits.shape[1]}"
        for name, hard, found in zip(("value", "gradient"), told(mask), told(target), strict=True):
            if difference(hard, found) > SAME:
                fail(
                    f"{what}: the {name} of a target of 0 and 1 is another one than the mask's",
                    "take float (N, K, *S) as shares in the order of the logits, 255 as ignored",
                )
        between = target.where(target == IGNORE, 0.25 + target / (2 if task.out_channels == 1 else len(target[0])))
        whole = between if task.out_channels == 1 or task.overlapping else normed(between)
        value, gradient = told(whole)
        if not bool(value.isfinite().all() and gradient.isfinite().all()):
            fail(f"{what}: shares between 0 and 1 give no finite value or gradient", "guard sums as of masks")
        if difference(value, told(target)[0]) <= SAME:
            fail(f"{what}: shares between 0 and 1 have the value of the label", "take shares as they are, do not round")
        if bool(gradient[(whole == IGNORE).expand_as(gradient)].any()):
            fail(f"{what}: pixels that are 255 have a gradient", "leave out pixels where the target is 255")


def normed(shares: torch.Tensor) -> torch.Tensor:
    """Shares (N, K, *S) that add up to 1, as before but for where they are ignored."""
    kept = shares.where(shares != IGNORE, 0)
    return shares.where(shares == IGNORE, kept / kept.sum(dim=1, keepdim=True).clamp(min=1e-6))


@check("metric", "from-readers", needs=["shape"])
def from_readers(subject: MetricSubject) -> None:
    """With from_readers a param that is "readers" becomes a value, by all that is measured and by nothing else."""
    import numpy as np

    if not subject.component.from_readers:
        raise NotChecked("it takes nothing from readers")
    take = subject.found.load("from_readers")
    asked = {name: READERS for name, info in describe(subject.component.params).items() if READERS in info.type}
    params = replace(subject.params, **asked)
    for shape in ((14, 19), (5, 14, 19)):
        drawn = [(boxes(shape, shift), boxes(shape, 0), None) for shift in (1, 2)]
        pairs = [measured(subject, *one) for one in drawn]
        read: list[Measurement] = []

        def told(read: list[Measurement] = read, pairs: list[Measurement] = pairs) -> Iterator[Measurement]:
            for one in pairs:
                read.append(one)
                yield one

        task = task_of(boxes(shape, 0))
        found: Any = take(task, params, told())
        if len(read) < len(pairs):
            fail(f"of {len(pairs)} measurements it read {len(read)}", "read the whole iterator")
        if type(found) is not type(params) or any(getattr(found, name) == READERS for name in asked):
            fail(f"it returned {found!r}", "return the params with values in the place of 'readers'")
        if take(task, params, iter(pairs)) != found:
            fail("the same measurements gave other params", "let nothing but the measurements decide")
        values = np.asarray(subject.factory(task, found)(pairs[0]), dtype=np.float64)
        if np.isnan(values).any():
            fail("with them two readers who drew a class have no score", "return values that the factory takes")
