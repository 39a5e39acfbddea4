"""Which images to look at next: those that a model knows least of, or that models disagree on, and not all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segkit import Sample, SegkitError
from segkit.jobs.predict import find_inputs, predict_image
from segkit.report.pictures import displayable

if TYPE_CHECKING:
    from segkit.model import Model

THUMBNAIL = 16
"""Pixels of a side of the picture that likeness is measured by."""
MORE = 4
"""So many times as many images as are wanted, the least known ones, may be chosen from where they are to differ."""


@dataclass(frozen=True)
class Ranked:
    """An image and how well it is known.

    Attributes:
        known: 0 to 1, smaller first: the Dice that a calibrated model expects, or how far several models agree.
        look: (THUMBNAIL, THUMBNAIL) of mean 0 and standard deviation 1.
    """

    name: str
    path: Path
    known: float
    look: np.ndarray


def rank(
    models: Sequence[Model], texts: Sequence[str], tell: Callable[[str], None]
) -> tuple[list[Ranked], list[tuple[str, str]]]:
    """Predict images and order them, the least known first.

    Args:
        texts: files, folders and patterns, as `segkit predict` takes them.
        tell: told of each image that cannot be read.

    Returns:
        The images, and those that could not be predicted with the reason.

    Raises:
        SegkitError: one model alone that is not calibrated knows nothing of how well it does.
    """
    first = models[0]
    unknown = SegkitError(
        "the model does not say what it expects of itself",
        "calibrate it (segkit calibrate), or give several models, whose disagreement tells",
    )
    if len(models) == 1 and not (first.header.get("calibration") or {}).get("expected"):
        raise unknown
    found, failed = [], []
    for item in find_inputs(texts, first.opener, first.image_channels, first.image_dims).items:
        try:
            each = [predict_image(model, item.files) for model in models]
        except SegkitError as error:
            failed.append((item.label, error.message))
            tell(str(error))
            continue
        if len(models) == 1:
            if each[0].expected is None:  # calibrated with mirrored copies, and used without
                raise unknown
            known = each[0].expected
        else:
            pairs = combinations([one.labels for one in each], 2)
            known = float(np.mean([agreement(one, other) for one, other in pairs]))
        found.append(Ranked(item.label, item.path, known, look_of(each[0].sample)))
    return sorted(found, key=lambda one: (one.known, one.name)), failed


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean Dice of two label maps over the classes that either has; 1 where neither has any."""
    labels = np.union1d(np.unique(one), np.unique(other))
    values = []
    for label in labels[labels > 0]:
        both = np.count_nonzero((one == label) & (other == label))
        values.append(2 * both / (np.count_nonzero(one == label) + np.count_nonzero(other == label)))
    return float(np.mean(values)) if values else 1.0


def look_of(sample: Sample) -> np.ndarray:
    """Return a small grey picture of an image, of a volume of its middle slice, without its brightness and contrast."""
    from PIL import Image

    image = sample.image if sample.image.ndim == 3 else sample.image[:, sample.image.shape[1] // 2]
    small = Image.fromarray(displayable(image)).convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    values = np.asarray(small, np.float32)
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6))


def differing(ranked: Sequence[Ranked], count: int) -> list[Ranked]:
    """Choose images of the least known ones that differ: the least known, then each time the one that is farthest.

    The distance of an image is that to the nearest chosen one (k-center, greedy), times how little is known of it.
    """
    left = list(ranked[: MORE * count])
    chosen = left[:1]
    left = left[1:]
    while left and len(chosen) < count:
        gains = [
            min(float(np.linalg.norm(one.look - other.look)) for other in chosen) * (1.01 - one.known) for one in left
        ]
        chosen.append(left.pop(int(np.argmax(gains))))
    return chosen
