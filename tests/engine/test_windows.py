"""Sliding windows against the plain computation on the whole volume."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.engine.windows import AxisWindows, blend_windows, gaussian, window_starts

CPU = torch.device("cpu")
AXIS = st.tuples(st.integers(1, 14), st.integers(1, 8), st.floats(0, 0.9))


def blend(image: torch.Tensor, axes, forward, channels: int, at_once: int = 1) -> torch.Tensor:
    """All slabs of the blended values side by side."""
    parts, next_plane = [], 0
    planes = blend_windows(
        lambda start, stop: image[:, start:stop], axes, forward, channels=channels, device=CPU, at_once=at_once
    )
    for start, values in planes:
        assert start == next_plane
        next_plane += values.shape[1]
        parts.append(values.clone())
    return torch.cat(parts, dim=1)


@given(st.integers(1, 200), st.integers(1, 60), st.floats(0, 0.95))
def test_windows_cover_with_the_overlap_asked_for(length: int, size: int, overlap: float) -> None:
    """First at the start, last at the end, neighbours no farther apart than the overlap lets them."""
    starts = window_starts(length, size, overlap)
    assert starts[0] == 0
    if length <= size:
        assert starts == [0]
        return
    assert starts[-1] == length - size
    steps = np.diff(starts)
    assert steps.min() >= 1
    # Windows begin at whole voxels: evenly spread ones may be half a voxel off on either side.
    assert steps.max() <= max(1, np.floor(size * (1 - overlap)))


@pytest.mark.parametrize("size", [1, 2, 7, 64, 192])
def test_gaussian_is_the_published_one_and_never_zero(size: int) -> None:
    """The deviation is an eighth of the size; the outermost weight is still above 0.0003 of the largest."""
    from scipy.signal.windows import gaussian as reference

    weights = gaussian(size)
    assert np.allclose(weights, reference(size, size / 8))
    assert weights.min() > 3e-4


@given(AXIS, AXIS, AXIS, st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_equal_to_the_plain_weighted_mean(first, second, third, at_once: int) -> None:
    """Slab by slab gives what sums over the whole volume, divided at the end, give."""
    axes = [AxisWindows.cover(max(length, size), size, overlap) for length, size, overlap in (first, second, third)]
    generator = torch.Generator().manual_seed(0)
    shape, patch = [axis.length for axis in axes], [axis.size for axis in axes]
    image = torch.rand(2, *shape, generator=generator)
    # Depends on the place within the window, so that another blending gives other values.
    ramp = torch.rand(3, *patch, generator=generator)

    def forward(windows, places):
        assert all(tuple(part.stop - part.start for part in place) == tuple(patch) for place in places)
        return windows.mean(dim=1, keepdim=True) + ramp

    weight = torch.from_numpy(
        np.einsum("i,j,k->ijk", *[np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in patch])
    )
    total, weights = torch.zeros(3, *shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    for corner in itertools.product(*(axis.starts for axis in axes)):
        place = tuple(slice(start, start + n) for start, n in zip(corner, patch, strict=True))
        total[(slice(None), *place)] += weight * (image[(slice(None), *place)].mean(0) + ramp)
        weights[place] += weight
    found = blend(image, axes, forward, 3, at_once)
    assert torch.allclose(found.double(), total / weights, atol=1e-5)


def test_constants_stay_constant() -> None:
    """Blending windows that all say the same says the same."""
    axes = [AxisWindows.cover(17, 8, 0.5), AxisWindows.cover(9, 9, 0.5), AxisWindows.cover(23, 5, 0.75)]
    found = blend(torch.zeros(1, 17, 9, 23), axes, lambda w, _: torch.full((len(w), 1, 8, 9, 5), 3.25), 1)
    assert torch.allclose(found, torch.full((1, 17, 9, 23), 3.25), atol=1e-5)


def test_a_window_longer_than_the_axis_is_refused() -> None:
    """Padding is the caller's."""
    with pytest.raises(ValueError, match="pad them first"):
        AxisWindows.cover(4, 5, 0.5)
