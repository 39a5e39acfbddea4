"""The drawings of one image as one target."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from segkit.contracts import IGNORE
from segkit.data.drawings import Drawings
from segkit.declarations import Task

IMAGES = ("a", "b", "b", "b", "a")
TASKS = {
    "one": Task(1, ("x",)),
    "three": Task(1, ("x", "y", "z")),
    "overlapping": Task(1, ("x", "y"), overlapping=True),
}


def masks_of(task: Task) -> list[np.ndarray]:
    """A random mask of each case, some of it ignored."""
    draw = np.random.default_rng(0)
    labels = [0, 1, IGNORE] if task.overlapping else [*range(len(task.classes) + 1), IGNORE]
    return [draw.choice(labels, task.mask_shape((4, 5))).astype(np.uint8) for _ in IMAGES]


@pytest.mark.parametrize("name", TASKS)
def test_shares_are_counted_votes(name: str) -> None:
    """Pixel by pixel; who ignores it has no vote, where all do it is 255, and an image may lack a reader."""
    task, masks = TASKS[name], masks_of(TASKS[name])
    drawings = Drawings(IMAGES, task)
    for case, image in enumerate(IMAGES):
        planes = drawings.masks(case, masks.__getitem__)
        assert planes.shape == (3 * (len(task.classes) if task.overlapping else 1), 4, 5)
        [found] = drawings.shares(torch.from_numpy(planes)[None].long())
        assert found.dtype == torch.float32
        assert len(found) == task.out_channels
        own = [mask for mask, of in zip(masks, IMAGES, strict=True) if of == image]
        for channel, y, x in np.ndindex(found.shape):
            cast = [int(mask[channel, y, x] if task.overlapping else mask[y, x]) for mask in own]
            votes = Counter(cast)
            voters = len(cast) - votes[IGNORE]
            label = 1 if task.overlapping or task.out_channels == 1 else channel
            assert float(found[channel, y, x]) == pytest.approx(votes[label] / voters if voters else IGNORE)


def test_shares_add_up_to_one() -> None:
    """Of background and exclusive classes, wherever somebody voted."""
    task, masks = TASKS["three"], masks_of(TASKS["three"])
    drawings = Drawings(IMAGES, task)
    shares = drawings.shares(torch.from_numpy(np.stack([drawings.masks(case, masks.__getitem__) for case in (0, 1)])))
    total = shares.sum(1)
    assert bool(((total - 1).abs().lt(1e-6) | total.eq(IGNORE * 4)).all())
