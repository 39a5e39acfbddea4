"""Losses that are each wrong in one way."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from wrong import Table

import segkit

LOSSES = Table()
IGNORE = segkit.IGNORE


def two(logits):
    """K = 1 as two logits."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits


def mean(values, mask):
    """Per sample, over valid pixels."""
    valid = mask != IGNORE
    return (values * valid).flatten(1).sum(1) / valid.flatten(1).sum(1).clamp_min(1)


def pixels(logits, mask):
    """Cross entropy of every pixel."""
    return functional.cross_entropy(two(logits.float()), mask.where(mask != IGNORE, 0), reduction="none")


def right(logits, mask):
    """What is right."""
    return mean(pixels(logits, mask), mask)


def sets(logits, mask):
    """Probabilities, labels one-hot and validity, flat."""
    full, valid = two(logits.float()), (mask != IGNORE).flatten(1)[:, None]
    labels = functional.one_hot(mask.where(mask != IGNORE, 0), full.shape[1]).movedim(-1, 1).flatten(2)
    return full.softmax(1).flatten(2), labels.float(), valid.float()


def loss(check, says, *also, **declares):
    """Register a function of logits and mask."""

    def register(function):
        def build(task, params):
            return function

        build.__name__ = function.__name__
        LOSSES.add(check, says, *also, **declares)(build)
        return function

    return register


@loss("tiles", "divide by the number of valid pixels")
def sum_in_place_of_mean(logits, mask):
    return (pixels(logits, mask) * (mask != IGNORE)).flatten(1).sum(1) / 100


@loss("right-is-cheap", "apply sigmoid or softmax once")
def softmax_twice(logits, mask):
    return mean(pixels(two(logits.float()).softmax(1), mask), mask)


@loss("ignore", "mask == segkit.IGNORE")
def ignored_as_background(logits, mask):
    return pixels(logits, mask).flatten(1).mean(1)


@loss("valid-mean", "not by all")
def mean_over_all(logits, mask):
    return (pixels(logits, mask) * (mask != IGNORE)).flatten(1).mean(1)


@loss("shape", "average over the pixels of each sample alone")
def scalar_without_scope(logits, mask):
    return right(logits, mask).mean()


@loss("shape", "average over the pixels of each sample alone")
def map_of_pixels(logits, mask):
    return pixels(logits, mask)


@loss("finite", "log_softmax in place of log")
def log_of_softmax(logits, mask):
    labels = mask.where(mask != IGNORE, 0)
    return mean(-two(logits.float()).softmax(1).gather(1, labels[:, None])[:, 0].log(), mask)


@loss("finite", "keep 0 from denominators")
def dice_without_smoothing(logits, mask):
    probabilities, labels, valid = sets(logits, mask)
    p, r = (probabilities * valid)[:, 1:], (labels * valid)[:, 1:]
    return (1 - 2 * (p * r).sum(2) / (r.sum(2) * 2)).mean(1)


@loss("ordering", "look at the sign")
def dice_not_loss(logits, mask):
    probabilities, labels, valid = sets(logits, mask)
    p, r = probabilities * valid, labels * valid
    return (2 * (p * r).sum(2) / ((p + r).sum(2) + 1e-6)).mean(1)


@loss("shape", "without detach, argmax or rounding")
def argmax_dice(logits, mask):
    return (two(logits).argmax(1) != mask).float().flatten(1).mean(1)


@loss("permutation", "average per sample")
def flattened_over_the_batch(logits, mask):
    value = pixels(logits, mask)[mask != IGNORE].mean() if (mask != IGNORE).any() else (logits * 0).sum()
    return value.expand(len(logits))


@loss("inputs-kept", "use a new tensor")
def mask_in_place(logits, mask):
    value = right(logits, mask)
    mask[mask == IGNORE] = 0
    return value


@loss("half-precision", "logits.float()")
def sums_in_half(logits, mask):
    values = functional.cross_entropy(two(logits), mask.where(mask != IGNORE, 0), reduction="none")
    valid = mask != IGNORE
    return (values * valid).flatten(1).cumsum(1)[:, -1] / valid.flatten(1).sum(1).clamp_min(1)


@loss("layouts", "reshape or flatten in place of view", "finite")
def view(logits, mask):
    return right(logits.view(*logits.shape), mask) + 0 * logits.view(-1).sum()


@loss("repeatable", "draw no random numbers")
def random_pixels(logits, mask):
    kept = mask.where(torch.rand(mask.shape, device=mask.device) > 1e-3, mask)
    return right(logits, kept) * (1 + 1e-3 * torch.rand((), device=logits.device))


@LOSSES.add("repeatable", "keep nothing of one call")
def running_average(task, params):
    history = []

    def function(logits, mask):
        value = right(logits, mask)
        history.append(1)
        return value * (1 + 0.01 * len(history))

    return function


@LOSSES.add("repeatable", "keep nothing of one call")
def cached_by_shape(task, params):
    cache = {}

    def function(logits, mask):
        size = cache.setdefault("size", mask[0].numel())
        return right(logits, mask) * mask[0].numel() / size

    return function


@LOSSES.add("device", "device=logits.device")
def weights_on_the_cpu(task, params):
    weights = torch.linspace(1, 2, max(2, task.out_channels))

    def function(logits, mask):
        return mean(
            functional.nll_loss(
                two(logits.float()).log_softmax(1), mask.where(mask != IGNORE, 0), weights, reduction="none"
            ),
            mask,
        )

    return function


@loss("device", "device=logits.device")
def zeros_on_the_cpu(logits, mask):
    empty = torch.zeros(mask.shape)
    return mean(pixels(logits, mask) + empty, mask)


@LOSSES.add("classes", "let every class count")
def last_class_forgotten(task, params):
    def function(logits, mask):
        probabilities, labels, valid = sets(logits, mask)
        chosen = slice(1, task.out_channels - 1) if task.out_channels > 2 else slice(1, None)
        p, r = (probabilities * valid)[:, chosen], (labels * valid)[:, chosen]
        return (1 - (2 * (p * r).sum(2) + 1e-3) / ((p + r).sum(2) + 1e-3)).mean(1)

    return function


@LOSSES.add("classes", "")
def made_for_two_classes(task, params):
    weights = (1.0, 2.0, 2.0)

    def function(logits, mask):
        full = two(logits.float())
        factors = torch.stack([torch.full_like(mask, 1) * weights[label] for label in range(full.shape[1])], 1)
        labels = mask.where(mask != IGNORE, 0)
        return mean(pixels(logits, mask) * factors.gather(1, labels[:, None])[:, 0], mask)

    return function


@LOSSES.add("globals", "torch.manual_seed")
def seeds_torch(task, params):
    def function(logits, mask):
        torch.manual_seed(0)
        return right(logits, mask)

    return function


@LOSSES.add("globals", "numpy.random.seed")
def seeds_numpy(task, params):
    np.random.seed(3)
    random.seed(3)
    return right


@LOSSES.add("globals", "torch.autograd.set_detect_anomaly")
def detects_anomalies(task, params):
    def function(logits, mask):
        torch.autograd.set_detect_anomaly(True)
        return right(logits, mask)

    return function


@LOSSES.add("globals", "warnings.filters")
def silences_warnings(task, params):
    def function(logits, mask):
        warnings.filterwarnings("ignore", message=str(logits.sum().item()))
        return right(logits, mask)

    return function


@LOSSES.add("silent", "take out print()")
def prints(task, params):
    def function(logits, mask):
        print("loss of", logits.shape)
        return right(logits, mask)

    return function


@dataclass(frozen=True)
class Gamma:
    """Params of a focal loss."""

    gamma: float = segkit.param(2.0, "Power of the factor.", min=0)


@LOSSES.add("params-effect", "nothing reads gamma", params=Gamma)
def param_forgotten(task, params):
    return lambda logits, mask: right(logits, mask)


@LOSSES.add("params-effect", "or take it out of the params", params=Gamma)
def param_overwritten(task, params):
    gamma = params.gamma
    gamma = 2.0

    def function(logits, mask):
        value = pixels(logits, mask)
        return mean((1 - torch.exp(-value)).clamp_min(1e-6) ** gamma * value, mask)

    return function


LATEST = {}


@LOSSES.add("partial", "not in a global")
def task_in_a_global(task, params):
    LATEST["classes"] = len(task.classes)
    return lambda logits, mask: right(logits, mask) * (1 + 0.01 * LATEST["classes"])
