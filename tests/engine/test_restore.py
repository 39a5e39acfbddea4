"""Scores restored slab by slab against torch's interpolation of the whole."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from segkit.data.grid import nearest_indices
from segkit.engine.restore import restore

SIDES = st.tuples(*[st.integers(1, 9)] * 3)


def slabs(scores: torch.Tensor, cuts: list[int]):
    """Cut scores into slabs; each is overwritten once the next is asked for."""
    bounds = sorted({0, scores.shape[1], *(cut for cut in cuts if cut < scores.shape[1])})
    for start, stop in itertools.pairwise(bounds):
        part = scores[:, start:stop].clone()
        yield start, part
        part.fill_(float("nan"))


def restored(scores, own, cuts, coarse=None) -> torch.Tensor:
    """All parts side by side, with a look at their order."""
    parts, done = [], 0
    for planes, values in restore(slabs(scores, cuts), scores.shape[1:], own, coarse):
        assert planes.start == done
        done = planes.stop
        parts.append(values.clone())
    assert done == own[0]
    return torch.cat(parts, dim=1)


@given(SIDES, SIDES, st.lists(st.integers(1, 8)))
@settings(max_examples=60, deadline=None)
def test_equal_to_interpolating_the_whole(size, own, cuts) -> None:
    """However the planes come, finer or coarser, they are torch's trilinear interpolation."""
    scores = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
    expected = functional.interpolate(scores[None], size=own, mode="trilinear", align_corners=False)[0]
    assert torch.allclose(restored(scores, own, cuts), expected, atol=1e-5)


@pytest.mark.parametrize("coarse", [0, 1, 2])
@given(SIDES, SIDES, st.lists(st.integers(1, 8)))
@settings(max_examples=20, deadline=None)
def test_the_coarse_axis_takes_the_nearest_plane(coarse: int, size, own, cuts) -> None:
    """Along it planes are picked, along the others interpolated."""
    scores = torch.rand(2, *size, generator=torch.Generator().manual_seed(2))
    picked = scores.index_select(1 + coarse, torch.from_numpy(nearest_indices(size[coarse], own[coarse])))
    expected = functional.interpolate(picked[None], size=own, mode="trilinear", align_corners=False)[0]
    assert torch.allclose(restored(scores, own, cuts, coarse), expected, atol=1e-5)


def test_the_same_grid_is_left_alone() -> None:
    """Not a bit changes where there is nothing to do."""
    scores = torch.rand(2, 5, 4, 3)
    assert torch.equal(restored(scores, (5, 4, 3), [2]), scores)


def test_many_planes_are_made_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts are as small as asked for, and still whole together."""
    monkeypatch.setattr("segkit.engine.restore.AT_ONCE", 2 * 6 * 6 * 3)
    scores = torch.rand(2, 4, 3, 3)
    parts = list(restore(slabs(scores, []), (4, 3, 3), (20, 6, 6)))
    assert [part.stop - part.start for part, _ in parts] == [3] * 6 + [2]
    expected = functional.interpolate(scores[None], size=(20, 6, 6), mode="trilinear", align_corners=False)[0]
    assert np.allclose(torch.cat([values for _, values in parts], 1), expected, atol=1e-5)
