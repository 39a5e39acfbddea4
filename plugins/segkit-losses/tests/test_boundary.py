"""The boundary loss against the sum over pixels written out."""

import numpy as np
import pytest
import torch

from segkit import Task
from segkit_losses.boundary import BoundaryLoss, signed_distances
from segkit_losses.params import Boundary

TASK = Task(1, ("organ", "lesion"))


def brute(inside: np.ndarray) -> np.ndarray:
    """Signed distances pixel by pixel: to the nearest pixel of the other side, one less inside."""
    places = np.argwhere(np.ones_like(inside))
    found = np.zeros(inside.shape)
    for place in places:
        others = np.argwhere(inside != inside[tuple(place)])
        distance = np.sqrt(((others - place) ** 2).sum(1)).min()
        found[tuple(place)] = -(distance - 1) if inside[tuple(place)] else distance
    return found


def test_distances_are_those_to_the_nearest_pixel_of_the_other_side() -> None:
    """Negative inside, 0 along its rim, of each class on its own; a class that is not there has 0 everywhere."""
    mask = np.zeros((9, 11), np.uint8)
    mask[2:6, 3:8] = 1
    found = signed_distances(mask, None, TASK, Boundary())
    np.testing.assert_allclose(found[0], brute(mask == 1), atol=1e-5)
    assert not found[1].any()


def test_spacing_stretches_the_axes() -> None:
    """In voxels of the finest axis."""
    mask = np.zeros((5, 9, 9), np.uint8)
    mask[2, 4, 4] = 1
    found = signed_distances(mask, (3.0, 1.0, 1.0), TASK, Boundary())
    assert [found[0, 0, 4, 4], found[0, 2, 4, 6]] == [6.0, 2.0]


@pytest.mark.parametrize("classes", [("a",), ("a", "b")])
def test_the_value_is_the_mean_of_probability_times_distance(classes) -> None:
    """Over valid pixels and classes, one value per sample."""
    task = Task(1, classes)
    rng = np.random.default_rng(0)
    masks = rng.integers(0, len(classes) + 1, (2, 6, 7)).astype(np.uint8)
    masks[0, 0] = 255
    logits = torch.from_numpy(rng.normal(size=(2, task.out_channels, 6, 7)))
    maps = np.stack([signed_distances(mask, None, task, Boundary()) for mask in masks])
    whole = logits if len(classes) > 1 else torch.cat([torch.zeros_like(logits), logits], 1)
    probability = whole.softmax(1)[:, 1:].numpy()
    valid = (masks != 255)[:, None]
    wanted = [(p * m)[np.broadcast_to(v, p.shape)].mean() for p, m, v in zip(probability, maps, valid, strict=True)]
    loss = BoundaryLoss(task, 0.0)
    mask = torch.from_numpy(masks.astype(np.int64))
    found = loss(logits, mask, map=torch.from_numpy(maps), epoch=1, epochs=10)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)


def test_its_weight_rises() -> None:
    """From nothing in the first epoch to all after its share of the run."""
    loss = BoundaryLoss(Task(1, ("a",)), 0.5)
    arguments = (torch.ones(1, 1, 4, 4), torch.ones(1, 4, 4, dtype=torch.long))
    values = [float(loss(*arguments, map=torch.ones(1, 1, 4, 4), epoch=epoch, epochs=10)[0]) for epoch in (1, 3, 6, 10)]
    assert values[0] == 0
    assert values[1] == pytest.approx(0.4 * values[3])
    assert values[2] == values[3]
