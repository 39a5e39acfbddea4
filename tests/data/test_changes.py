from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from segkit.data.changes import Changes, draw_changes, draw_fields
from segkit.settings import Augment

SETTINGS = Augment(
    flip=0.5, transpose=0.5, warp=0.6, rotation=90, scale=0.3, shift=0.1,
    elastic=0.3, noise=0.2, brightness=0.1, contrast=0.2, saturation=0.3, colour=0.1,
)  # fmt: skip
KEYS = [(0, 2, index) for index in range(40)]


def contents(changes: Changes) -> dict[str, np.ndarray | None]:
    values = {field.name: getattr(changes, field.name) for field in fields(changes)}
    return {name: None if value is None else np.asarray(value) for name, value in values.items()}


@pytest.mark.parametrize("shape", [(3, 12, 12), (1, 5, 9, 7)])
def test_a_part_is_what_is_drawn_for_those_samples_alone(shape):
    """Of forty samples drawn at once, ten have the same bits as when only these are drawn, fields included."""
    part = draw_fields(draw_changes(KEYS, SETTINGS, shape).part(13, 23), SETTINGS, shape)
    alone = draw_fields(draw_changes(KEYS[13:23], SETTINGS, shape), SETTINGS, shape)
    for name, value in contents(alone).items():
        np.testing.assert_array_equal(contents(part)[name], value, err_msg=name)


def test_every_tensor_is_passed_on():
    """None is left where it was: whatever goes to a device, all of it goes."""
    changes = draw_fields(draw_changes(KEYS, SETTINGS, (3, 12, 12)), SETTINGS, (3, 12, 12))
    moved = changes.each(lambda tensor: tensor.to("meta"))
    tensors = [
        getattr(moved, field.name) for field in fields(moved) if isinstance(getattr(moved, field.name), torch.Tensor)
    ]
    assert len(tensors) == 7
    assert all(tensor.is_meta for tensor in tensors)


def test_a_warped_sample_is_not_mirrored_once_more():
    """Each sample is warped or mirrored by copying, never both; some of each kind occur."""
    changes = draw_changes(KEYS, SETTINGS, (3, 12, 12))
    copied = changes.flips.any(1) | changes.swapped
    assert not (copied & changes.warped).any()
    assert copied.any()
    assert changes.warped.any()


def test_what_is_not_asked_for_is_not_there():
    """Without colours, noise and deformation nothing is made that would have to be moved and applied."""
    settings = Augment(flip=0.5, warp=0.6, rotation=90)
    changes = draw_fields(draw_changes(KEYS, settings, (3, 12, 12)), settings, (3, 12, 12))
    assert {name for name, value in contents(changes).items() if value is None} == {
        "bends", "pixel", "grey", "mean", "added", "deviation", "noise",
    }  # fmt: skip


@pytest.mark.parametrize("shape", [(3, 12, 12), (1, 5, 9, 7)])
def test_axes_are_mirrored_each_with_its_own_probability(shape):
    """One number is that of every axis; of several each axis is drawn as with one, and one that is 0 never."""
    dims = len(shape) - 1
    every = draw_changes(KEYS, Augment(flip=0.5), shape)
    last = draw_changes(KEYS, Augment(flip=(*[0.0] * (dims - 1), 0.5)), shape)
    np.testing.assert_array_equal(draw_changes(KEYS, Augment(flip=(0.5,) * dims), shape).flips, every.flips)
    np.testing.assert_array_equal(last.flips[:, -1], every.flips[:, -1])
    assert every.flips.any(axis=0).all()
    assert not last.flips[:, :-1].any()
    assert Augment(flip=(*[0.0] * (dims - 1), 0.5)).mirrored(dims) == ("width",)
