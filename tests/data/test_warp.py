from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.interpolate import BSpline

from segkit.data import changes as module
from segkit.data.augment import augment
from segkit.data.changes import draw_changes, draw_fields
from segkit.data.draws import DEFORMATION, generator
from segkit.data.normalize import Normalization
from segkit.data.warp import INTERVALS, bend, deformation, spline_weights
from segkit.settings import Augment

KEY = (0, 1, 2)


@pytest.mark.parametrize("length", [5, 24, 57])
def test_the_weights_are_scipys_b_spline(length):
    """Cubic, with knots at whole intervals; they sum to one at every pixel."""
    position = (np.arange(length) + 0.5) / length * INTERVALS
    points = INTERVALS + 3
    expected = BSpline.design_matrix(position, np.arange(-3, points + 1), 3).toarray()
    np.testing.assert_allclose(spline_weights(length), expected, atol=1e-12)
    np.testing.assert_allclose(spline_weights(length).sum(1), 1)


@pytest.mark.parametrize("shape", [(20, 33), (9, 14, 12)])
def test_a_deformation_is_the_sum_of_its_control_points(shape):
    """Every pixel's displacement, summed over all control points by scipy's splines one axis after the other."""
    dims, points = len(shape), INTERVALS + 3
    control = (2 * generator(KEY, DEFORMATION).random((dims, *[points] * dims)) - 1) * 0.4
    found = deformation(KEY, 0.4, shape)
    knots = np.arange(-3, points + 1)
    for axis, length in enumerate(shape):
        expected = control[axis] * length / INTERVALS
        for side, other in enumerate(shape):
            position = (np.arange(other) + 0.5) / other * INTERVALS
            expected = np.moveaxis(BSpline(knots, np.moveaxis(expected, side, 0), 3)(position), 0, side)
        np.testing.assert_allclose(found[axis], expected, atol=1e-9)


@pytest.mark.parametrize("shape", [(40, 60), (24, 32, 28)])
def test_the_largest_deformation_folds_nowhere(shape):
    """The Jacobian determinant of thirty deformations at the limit is positive at every pixel."""
    for index in range(30):
        displacement = deformation((0, 0, index), 0.4, shape)
        jacobian = np.stack([np.stack(np.gradient(part), -1) for part in displacement], -2) + np.eye(len(shape))
        assert np.linalg.det(jacobian).min() > 0


@pytest.mark.parametrize("shape", [(25, 31), (9, 16, 20)])
def test_a_deformation_before_a_rotation_is_scipys(shape, monkeypatch):
    """Image and mask through scipy's map_coordinates: displaced, then turned and scaled about the centre."""
    random = np.random.default_rng(0)
    dims = len(shape)
    image = torch.from_numpy(random.random((1, 1, *shape), dtype=np.float32))
    mask = torch.from_numpy(random.integers(0, 3, (1, *shape)).astype(np.uint8))
    draws = np.full((1, 17), 0.75)
    draws[:, [4, 7, 8, 9]] = 0, 0.5, 0.5, 0.5  # it is its turn, and no shift
    settings = Augment(warp=1, rotation=40, scale=0.5, elastic=0.4)
    monkeypatch.setattr(module, "draw", lambda keys, channels: draws)
    changes = draw_fields(draw_changes([KEY], settings, (1, *shape)), settings, (1, *shape))
    done_image, done_mask = augment(image, mask, changes, Normalization("unit"))
    angle, matrix = np.deg2rad(20), np.eye(dims)
    matrix[-2:, -2:] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    matrix /= 1.5**0.5
    centre = ((np.array(shape) - 1) / 2).reshape(dims, *[1] * dims)
    output = np.stack(np.meshgrid(*[np.arange(length) for length in shape], indexing="ij")) - centre
    source = np.tensordot(matrix, output + deformation(KEY, 0.4, shape), axes=1) + centre
    expected = ndimage.map_coordinates(image[0, 0].double().numpy(), source, order=1, mode="grid-constant")
    np.testing.assert_allclose(done_image[0, 0], expected, atol=1e-4)
    labels = ndimage.map_coordinates(mask[0].numpy().astype(int), source, order=0, mode="grid-constant", cval=255)
    # A position that falls between two pixels to the last bit may go to either.
    assert (done_mask[0].numpy() == labels).mean() > 0.99


def test_bending_moves_along_torchs_own_axes():
    """A displacement by one pixel along the first axis only is 2 / length in the last of torch's coordinates."""
    displacement = np.zeros((2, 8, 10))
    displacement[0] = 1
    found = bend(np.eye(2, 3), displacement)
    assert found.shape == (2, 8, 10)
    np.testing.assert_allclose(found[1], 2 / 8)
    np.testing.assert_allclose(found[0], 0)
