"""Losses: one function used again and again, what a value is the mean of, and what it is lowest at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segkit.contracts import IGNORE
from segkit.testing.causes import told
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.losses import batch, confident, evaluate
from segkit.testing.subjects import LossSubject
from segkit.testing.tensors import difference, times

if TYPE_CHECKING:
    import torch

SAME = 1e-5
SURE_SHARE = 0.45
"""Largest value at a right prediction as a share of that at logits of 0. Cross entropy with labels smoothed by 0.1 has
0.28 at its best, cross entropy of probabilities in place of logits 0.50."""
MANY = 16
"""Logits K of a task of 15 classes."""


def shapes(channels: int, samples: int = 2, size: tuple[int, int] = (16, 24)) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits and a mask of boxes: what losses of shapes are for; noise has no shape."""
    import torch

    generator = torch.Generator().manual_seed(channels)
    labels = range(1, max(2, channels))
    # Each box is several pixels wide: distances to the edge of a line say nothing.
    size = size[0], max(size[1], 6 * len(labels))
    logits = torch.randn(samples, channels, *size, generator=generator) * 2
    mask = torch.zeros(samples, *size, dtype=torch.int64)
    for number, label in enumerate(labels):
        step = size[1] // len(labels)
        mask[:, 3 : 10 + number % 3, number * step : number * step + max(1, step - 2)] = label
    return logits, mask


@check("loss", "repeatable", needs=["shape", "inputs-kept"])
def repeatable(subject: LossSubject) -> None:
    """Built once and called again, on another batch or size between, it gives the same, bit for bit."""
    import torch

    for channels in (1, 3):
        function = subject.function(channels)
        logits, mask = batch(channels)
        torch.manual_seed(1)
        first = function(logits.clone(), mask.clone()).detach()
        for samples, size in ((1, (5, 7)), (4, (12, 9))):
            other = batch(channels, samples, size)
            found, fresh = (
                one(other[0].clone(), other[1].clone()).detach() for one in (function, subject.function(channels))
            )
            if not torch.equal(found, fresh):
                fail(
                    f"a batch of {times(other[1].shape)} after another one, K = {channels}, gives {found.tolist()} in "
                    f"place of {fresh.tolist()}",
                    "keep nothing of one call for the next, and draw no random numbers",
                )
        torch.manual_seed(2)
        second = function(logits.clone(), mask.clone()).detach()
        if first.shape != second.shape or not torch.equal(first, second):
            fail(
                f"called again, K = {channels}, it gives {second.tolist()} in place of {first.tolist()}",
                "keep nothing of one call for the next, and draw no random numbers",
            )


@check("loss", "tiles", needs=["shape"])
def tiles(subject: LossSubject) -> None:
    """Four copies of an image side by side cost what one costs: it is a mean over pixels, no sum."""
    for channels in (1, 3):
        logits, mask = shapes(channels)
        once, _ = evaluate(subject, logits, mask)
        more, _ = evaluate(subject, logits.repeat(1, 1, 2, 2), mask.repeat(1, 2, 2))
        ratio = float(more.sum() / once.sum()) if float(once.sum()) else 1.0
        if ratio > 2.5 or 0 < ratio < 0.4:
            fail(
                f"for K = {channels} four tiles cost {more.sum().item():.4g}, one {once.sum().item():.4g}",
                "divide by the number of valid pixels of the sample",
            )


@check("loss", "valid-mean", needs=["ignore"])
def valid_mean(subject: LossSubject) -> None:
    """An image whose rest is ignored costs what it costs without that rest: ignored pixels are in no denominator."""
    import torch

    for channels in (1, 3):
        logits, mask = shapes(channels)
        once, _ = evaluate(subject, logits, mask)
        padded = torch.cat([mask, torch.full_like(mask, IGNORE).repeat(1, 1, 3)], dim=2)
        more, _ = evaluate(subject, logits.repeat(1, 1, 1, 4), padded)
        ratio = float(more.sum() / once.sum()) if float(once.sum()) else 1.0
        if 0 < ratio < 0.5 or ratio > 2:
            fail(
                f"for K = {channels} it is {once.sum().item():.4g}, beside three times as many ignored pixels "
                f"{more.sum().item():.4g}",
                "divide by the number of pixels where mask != segkit.IGNORE, not by all",
            )


@check("loss", "right-is-cheap", needs=["ordering"])
def right_is_cheap(subject: LossSubject) -> None:
    """A sure and right prediction costs less than half of what logits of 0 cost."""
    import torch

    for channels in (1, 3):
        _, mask = shapes(channels)
        nothing, _ = evaluate(subject, torch.zeros(len(mask), channels, *mask.shape[1:]), mask)
        best = min(
            float(evaluate(subject, confident(mask, channels, size), mask)[0].sum()) for size in (1.0, 2.0, 4.0, 60.0)
        )
        base = float(nothing.sum())
        if best > SURE_SHARE * base if base > 0 else best >= base:
            fail(
                f"for K = {channels} a right prediction costs {best:.4g} at best, logits of 0 {base:.4g}",
                "apply sigmoid or softmax once: cross_entropy and binary_cross_entropy_with_logits take logits",
            )


@check("loss", "classes", needs=["ordering"], raised="take the number of classes from task.out_channels")
def classes(subject: LossSubject) -> None:
    """With 1, 2 and 15 classes values are finite, and missing any one class costs more than missing none."""
    import torch

    for channels in (1, 3, MANY):
        logits, mask = shapes(channels)
        value, gradient = evaluate(subject, logits, mask)
        if not bool(value.isfinite().all() and gradient.isfinite().all()):
            fail(f"for K = {channels} value or gradient is NaN or infinite", "look for a class that is in no pixel")
        right, _ = evaluate(subject, confident(mask, channels, 4.0), mask)
        for label in range(1, max(2, channels)):
            missed = torch.where(mask == label, 0, mask)
            found, _ = evaluate(subject, confident(missed, channels, 4.0), mask)
            if not float(found.sum()) > float(right.sum()):
                fail(
                    f"for K = {channels} missing class {label} costs {found.sum().item():.4g}, missing none "
                    f"{right.sum().item():.4g}",
                    "let every class count: range(1, task.out_channels), or both labels of a single class",
                )


@check("loss", "layouts", needs=["repeatable", "inputs-kept"])
def layouts(subject: LossSubject) -> None:
    """Logits in the channels-last format, and parts of larger tensors, cost what equal ones cost."""
    import torch

    for channels in (1, 3):
        logits, mask = batch(channels)
        function = subject.function(channels)
        expected = function(logits, mask).detach()
        wide = torch.stack([logits, logits], dim=-1).flatten(-2)[..., ::2]
        for name, given in (
            ("channels-last logits", logits.contiguous(memory_format=torch.channels_last)),
            ("every second column of wider logits", wide),
        ):
            try:
                found = function(given, mask).detach()
            except RuntimeError as error:
                fail(f"{name}, K = {channels}, raised {told(error)}", "write reshape or flatten in place of view")
            if difference(expected, found) > SAME:
                fail(
                    f"{name}, K = {channels}, give {found.tolist()}", "use reshape, no strides", f"{expected.tolist()}"
                )


@check("loss", "device", needs=["shape"])
def device(subject: LossSubject) -> None:
    """What the loss makes itself is made where the logits are."""
    from torch import nn

    for channels in (1, 3):
        logits, mask = batch(channels)
        function = subject.function(channels)
        function = function.to("meta") if isinstance(function, nn.Module) else function
        try:
            found = function(logits.to("meta"), mask.to("meta"))
        except Exception as error:
            if "device" not in str(error):
                raise NotChecked(f"torch has no device without memory for it: {type(error).__name__}") from None
            fail(
                f"on a device other than the CPU it raised {told(error)}",
                "make tensors with device=logits.device: torch.tensor(weights, device=logits.device)",
            )
        if found.device.type != "meta":
            fail(f"the value of logits on another device is on {found.device}", "take .cpu() and device='cpu' out")
