"""Losses: values and gradients where others fail, and what they may depend on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from segkit.contracts import IGNORE
from segkit.testing.check import check, fail
from segkit.testing.subjects import LossSubject
from segkit.testing.tensors import difference, times

if TYPE_CHECKING:
    import torch

WIDTHS = (1, 3)
"""Logits K that are tried: one class, and two classes with background."""
SURE = 60.0
"""A logit whose probability is 1 in float32."""
PRECISION = {"float16": 0.02, "bfloat16": 0.05}
"""Largest difference from float32 on rounded logits, as a share of the largest value."""
SAME = 1e-5


def batch(channels: int, samples: int = 3, size: tuple[int, ...] = (6, 8)) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits (N, K, *S) and a mask (N, *S) with every label, some of it ignored."""
    import torch

    generator = torch.Generator().manual_seed(channels)
    logits = torch.randn(samples, channels, *size, generator=generator) * 2
    mask = torch.randint(0, max(2, channels), (samples, *size), generator=generator)
    mask[torch.rand(mask.shape, generator=generator) < 0.2] = IGNORE
    return logits, mask


def confident(mask: torch.Tensor, channels: int, size: float = SURE) -> torch.Tensor:
    """Logits that are sure of a mask's labels."""
    import torch

    labels = mask.where(mask != IGNORE, 0)
    if channels == 1:
        return (labels.float() * 2 - 1).unsqueeze(1) * size
    return (torch.nn.functional.one_hot(labels, channels).movedim(-1, 1).float() * 2 - 1) * size


def evaluate(subject: LossSubject, logits: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return value and gradient; the sum over samples is what the engine differentiates."""
    import torch

    leaf = logits.detach().clone().requires_grad_()
    value = subject.function(logits.shape[1], logits.ndim - 2)(leaf, mask.clone())
    if not value.requires_grad:
        fail("the value has no gradient", "compute it with torch from the logits, without detach, argmax or rounding")
    (gradient,) = torch.autograd.grad(value.sum(), leaf, allow_unused=True)
    return value.detach(), torch.zeros_like(leaf) if gradient is None else gradient


@check("loss", "shape", needs=["resolves"])
def shape(subject: LossSubject) -> None:
    """It gives one value per sample (a scalar with scope="batch") for one class and several, in 2D and 3D."""
    for channels in WIDTHS:
        for size in ((6, 8), (4, 5, 6)):
            logits, mask = batch(channels, size=size)
            value, _ = evaluate(subject, logits, mask)
            expected = () if subject.component.scope == "batch" else (len(logits),)
            if tuple(value.shape) != expected:
                fail(
                    f"logits {times(logits.shape)} gave shape {tuple(value.shape)}",
                    'average over the pixels of each sample alone, or declare scope="batch" and return a scalar',
                    f"shape {expected}",
                )


def hard_cases(channels: int) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Batches at which losses of other libraries gave NaN."""
    import torch

    size = (6, 8)
    logits, mask = batch(channels)
    empty = torch.zeros(1, *size, dtype=torch.int64)
    full = torch.ones_like(empty)
    single = empty.clone()
    single[0, 2, 3] = 1
    zero = torch.zeros(1, channels, *size)
    for name, labels in (("a mask without foreground", empty), ("a mask full of it", full), ("one pixel", single)):
        yield f"{name}, logits all 0", zero, labels
        yield f"{name}, a sure and right prediction", confident(labels, channels), labels
        yield f"{name}, a sure and wrong prediction", confident(1 - labels, channels), labels
    yield "logits of 10,000", logits * 10_000, mask
    yield "a sample whose pixels are all ignored", logits, torch.full_like(mask, IGNORE)


@check("loss", "finite", needs=["shape"])
def finite(subject: LossSubject) -> None:
    """Values and gradients are finite at empty, full and tiny masks, sure predictions and large logits."""
    for channels in WIDTHS:
        for name, logits, mask in hard_cases(channels):
            value, gradient = evaluate(subject, logits, mask)
            for what, found in (("the value", value), ("the gradient", gradient)):
                if not found.isfinite().all():
                    fail(
                        f"{what} is NaN or infinite for K = {channels} and {name}",
                        "use logsigmoid or log_softmax in place of log, and keep 0 from denominators and from under "
                        "roots",
                    )


@check("loss", "ignore", needs=["finite", "repeatable"])
def ignore(subject: LossSubject) -> None:
    """Pixels with label 255 change neither value nor gradient, and get no gradient."""
    import torch

    mend = "leave out pixels where mask == segkit.IGNORE: from sums, counts and means"
    for channels in WIDTHS:
        logits, mask = batch(channels)
        ignored = (mask == IGNORE).unsqueeze(1).expand_as(logits)
        value, gradient = evaluate(subject, logits, mask)
        other, _ = evaluate(subject, torch.where(ignored, -3 * logits + 2, logits), mask)
        if difference(value, other) > SAME:
            fail(f"other logits there change the value for K = {channels} by {difference(value, other):.2g}", mend)
        if gradient[ignored].any():
            fail(f"they get a gradient for K = {channels}", mend)
        _, slope = evaluate(subject, logits, torch.full_like(mask, IGNORE))
        if slope.any():
            fail(f"where all pixels are ignored, K = {channels}, there is a gradient", mend)


@check("loss", "half-precision", needs=["finite"])
def half_precision(subject: LossSubject) -> None:
    """On half-precision logits of 512x512 pixels it is finite and agrees with float32."""
    import torch

    for channels in WIDTHS:
        logits, mask = batch(channels, 1, (512, 512))
        for name, tolerance in PRECISION.items():
            rounded = logits.to(getattr(torch, name))
            expected, _ = evaluate(subject, rounded.float(), mask)
            found, gradient = evaluate(subject, rounded, mask)
            apart = difference(expected, found.float())
            if not gradient.isfinite().all() or apart > tolerance:
                fail(
                    f"in {name} with K = {channels} it is {found.flatten()[0].item():.4g}, in float32 "
                    f"{expected.flatten()[0].item():.4g}",
                    "begin with logits.float(): sums over an image leave half precision's range",
                    f"a difference of at most {100 * tolerance:g} %",
                )


@check("loss", "permutation", needs=["shape", "repeatable"])
def permutation(subject: LossSubject) -> None:
    """The order of the samples does not matter, and a sample's value does not depend on the others."""
    import torch

    for channels in WIDTHS:
        logits, mask = batch(channels)
        order = torch.tensor([2, 0, 1])
        value, _ = evaluate(subject, logits, mask)
        moved, _ = evaluate(subject, logits[order], mask[order])
        expected = value if subject.component.scope == "batch" else value[order]
        if difference(expected, moved) > SAME:
            fail(
                f"in another order, K = {channels}, values are {moved.tolist()}",
                "treat all samples alike",
                f"{expected.tolist()}",
            )
        if subject.component.scope == "batch":
            continue
        alone, _ = evaluate(subject, logits[1:2], mask[1:2])
        if difference(value[1:2], alone) > SAME:
            fail(
                f"alone a sample, K = {channels}, has {alone.item():.6g}, among others {value[1].item():.6g}",
                'sum and average per sample, or declare scope="batch"',
            )


@check("loss", "ordering", needs=["finite"])
def ordering(subject: LossSubject) -> None:
    """A right prediction costs less than a wrong one, and a step down the gradient lowers the value."""
    for channels in WIDTHS:
        logits, mask = batch(channels)
        mask = mask.where(mask != IGNORE, 0)
        right, _ = evaluate(subject, confident(mask, channels, 4.0), mask)
        wrong, _ = evaluate(subject, confident((mask + 1) % max(2, channels), channels, 4.0), mask)
        if not right.sum() < wrong.sum():
            fail(
                f"for K = {channels} right costs {right.sum().item():.4g}, wrong {wrong.sum().item():.4g}",
                "look at the sign, and at which way round logits and mask go in",
            )
        value, gradient = evaluate(subject, logits, mask)
        norm = gradient.norm()
        if not norm > 0:
            fail(f"the gradient is 0 at random logits, K = {channels}", "compute the value from the logits themselves")
        lower, _ = evaluate(subject, logits - gradient / norm * 0.05, mask)
        if not lower.sum() < value.sum():
            fail(f"a small step, K = {channels}, gives {lower.sum():.6g} after {value.sum():.6g}", "mend the gradient")


@check("loss", "inputs-kept", needs=["shape"])
def inputs_kept(subject: LossSubject) -> None:
    """Logits and mask are as they were: other terms of a sum read them too."""
    import torch

    for channels in WIDTHS:
        logits, mask = batch(channels)
        kept = logits.clone(), mask.clone()
        with torch.no_grad():
            subject.function(channels)(logits, mask)
        if not torch.equal(kept[0], logits) or not torch.equal(kept[1], mask):
            fail(
                f"for K = {channels} they were changed in place", "use a new tensor in place of mask[...] = or x.add_()"
            )
