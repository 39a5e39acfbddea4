"""Augmentations, normalisations and samplers that are each wrong in one way."""

from __future__ import annotations

import random as shared

import numpy as np
import torch
from torch.nn import functional
from wrong import Table

AUGMENTATIONS, NORMALIZATIONS, SAMPLERS = Table(), Table(), Table()


def augmentation(check, says, *also, **declares):
    """Register a function of image, mask and random."""

    def register(function):
        def build(task, params):
            return function

        build.__name__ = function.__name__
        AUGMENTATIONS.add(check, says, *also, **declares)(build)
        return function

    return register


@augmentation("shape", "not image and mask")
def image_alone(image, mask, random):
    return image * random.uniform(0.9, 1.1)


@augmentation("shape", "float64")
def doubles(image, mask, random):
    return image.double() * random.uniform(0.9, 1.1), mask


@augmentation("shape", "it was torch.int64", moves=True)
def masks_of_bytes(image, mask, random):
    return image * random.uniform(0.9, 1.1), mask.byte()


@augmentation("shape", "it was torch.float32", moves=True)
def cropped(image, mask, random):
    return image[..., 2:], mask[..., 2:]


@augmentation("shape", "it was torch.float32 (3, 24, 32)")
def numpy_arrays(image, mask, random):
    return image.numpy() * random.uniform(0.9, 1.1), mask.numpy()


@augmentation("shape", "in wrong_pipeline.py line")
def volumes_forgotten(image, mask, random):
    _channels, _height, _width = image.shape
    return image * random.uniform(0.9, 1.1), mask


@augmentation("shape", "not finite afterwards", "blank", "changes")
def power_of_negative_values(image, mask, random):
    return image ** random.uniform(0.5, 0.9), mask


@augmentation("blank", "guard the division")
def stretched(image, mask, random):
    low, high = image.min(), image.max()
    return (image - low) / (high - low) * random.uniform(0.9, 1.1), mask


@augmentation("labels", "move masks by nearest neighbour", moves=True, spatial_dims=(2,))
def masks_interpolated(image, mask, random):
    step = float(random.uniform(0.2, 0.6))
    grid = functional.affine_grid(
        torch.tensor([[[1, 0, step / 20], [0, 1, step / 20]]]), (1, 1, *mask.shape), align_corners=False
    )
    moved = functional.grid_sample(mask[None, None].float(), grid, align_corners=False)
    return functional.grid_sample(image[None], grid, align_corners=False)[0], moved[0, 0].long()


@augmentation("random", "draw everything from random")
def torchs_generator(image, mask, random):
    return image * (1 + 0.1 * torch.rand(())), mask


@augmentation("random", "draw everything from random")
def numpys_generator(image, mask, random):
    return image * float(np.random.uniform(0.9, 1.1)), mask


@augmentation("changes", "check the probability")
def never(image, mask, random):
    return image, mask


@augmentation("changes", "a fixed change is a normalisation")
def always_the_same(image, mask, random):
    return image * 1.5 + 0.1, mask


@augmentation("mask-kept", "declare moves=True")
def undeclared_flip(image, mask, random):
    if random.random() < 0.5:
        return image.flip(-1), mask.flip(-1)
    return image, mask


@augmentation("mask-kept", "move both alike")
def flips_the_image_alone(image, mask, random):
    return (image.flip(-1) if random.random() < 0.9 else image), mask


@augmentation("mask-kept", "move both alike")
def rolls_the_image_alone(image, mask, random):
    return image.roll(int(random.integers(3, 6)), -1), mask


@augmentation("together", "by the same grid", moves=True)
def draws_twice(image, mask, random):
    return image.roll(int(random.integers(-8, 9)), -1), mask.roll(int(random.integers(-8, 9)), -1)


@augmentation("together", "by the same grid", moves=True)
def other_axis(image, mask, random):
    by = int(random.integers(4, 8))
    return image.roll(by, -1), mask.roll(by, -2)


def normalization(check, says, *also):
    """Register a function of one image."""

    def register(function):
        def build(params):
            return function

        build.__name__ = function.__name__
        NORMALIZATIONS.add(check, says, *also)(build)
        return function

    return register


def rows(image):
    """Smallest, largest, mean and deviation of each channel."""
    channels = image.reshape(len(image), -1).astype(np.float64)
    return channels.min(axis=1), channels.max(axis=1), channels.mean(axis=1), channels.std(axis=1) + 1e-6


@normalization("rows", "return (low, high, mean, std)")
def the_image_itself(image):
    return (image - image.mean()) / image.std()


@normalization("rows", "return (low, high, mean, std)")
def three_rows(image):
    low, high, mean, _ = rows(image)
    return low, high, mean


@normalization("rows", "return (low, high, mean, std)")
def one_number_for_all_channels(image):
    return image.min(), image.max(), image.mean(), image.std() + 1e-6


@normalization("rows", "in wrong_pipeline.py line")
def photographs_alone(image):
    _channels, _height, _width = image.shape
    return rows(image)


@normalization("blank", "std above 0")
def unguarded(image):
    low, high, mean, std = rows(image)
    return low, high, mean, std - 1e-6


@normalization("useful", "give low < high", "blank")
def rows_exchanged(image):
    low, _high, mean, std = rows(image)
    return mean, mean, low, std


@normalization("useful", "divide by the spread")
def variance_for_deviation(image):
    low, high, mean, std = rows(image)
    return low, high, mean, std**2 / 1e3 + 1e-6


@normalization("image-kept", "work on a copy")
def clips_in_place(image):
    image.clip(np.percentile(image, 1), np.percentile(image, 99), out=image)
    return rows(image)


@NORMALIZATIONS.add("deterministic", "keep nothing from one case to the next")
def running_mean(params):
    seen = []

    def measure(image):
        low, high, mean, std = rows(image)
        seen.append(float(mean.mean()))
        return low, high, mean * 0 + np.mean(seen), std

    return measure


def sampler(check, says, *also):
    """Register a function of labels, count and random."""

    def register(function):
        def build(task, params):
            return function

        build.__name__ = function.__name__
        SAMPLERS.add(check, says, *also)(build)
        return function

    return register


@sampler("pairs", "no pairs of a case and a label")
def cases_alone(labels, count, random):
    return [int(random.integers(len(labels))) for _ in range(count)]


@sampler("pairs", "pairs where")
def each_case_once(labels, count, random):
    return [(int(case), None) for case in random.permutation(len(labels))]


@sampler("pairs", "label")
def any_label(labels, count, random):
    return [(int(random.integers(len(labels))), int(random.integers(1, 4))) for _ in range(count)]


@sampler("pairs", "of 7")
def counts_from_one(labels, count, random):
    return [(int(random.integers(1, len(labels) + 1)), None) for _ in range(count)]


@sampler("pairs", "in wrong_pipeline.py line")
def never_empty(labels, count, random):
    filled = [case for case, held in enumerate(labels) if held]
    return [(filled[int(random.integers(len(filled)))], None) for _ in range(count)]


@sampler("random", "draw everything from random")
def shared_generator(labels, count, random):
    return [(shared.randrange(len(labels)), None) for _ in range(count)]


@sampler("epochs", "are all alike")
def in_order(labels, count, random):
    return [(place % len(labels), None) for place in range(count)]


@sampler("epochs", "the last one too")
def without_the_last(labels, count, random):
    return [(int(random.integers(max(1, len(labels) - 1))), None) for _ in range(count)]
