"""Label maps of planes against interpolating every pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from segkit.engine.plane_labels import plane_labels


@pytest.mark.parametrize("classes", [1, 2, 5])
@pytest.mark.parametrize("shape", [(16, 16), (40, 61), (7, 5), (1, 90), (200, 3)])
def test_labels_are_those_of_interpolated_scores(classes, shape):
    """torch's bilinear interpolation of every pixel, then the threshold or the largest: the same labels everywhere."""
    scores = torch.randn(classes, 16, 12, generator=torch.Generator().manual_seed(classes))
    whole = functional.interpolate(scores[None], size=shape, mode="bilinear", align_corners=False)[0]
    expected = whole[0] > 0 if classes == 1 else whole.argmax(dim=0)
    close = whole[0].abs() if classes == 1 else whole.topk(2, dim=0).values.diff(dim=0)[0].abs()
    labels = plane_labels(scores, shape)
    assert (labels.dtype, labels.shape) == (np.uint8, shape)
    # Where two classes are equal up to rounding either may win.
    differs = labels != expected.numpy()
    assert not differs[close.numpy() > 1e-5].any()
    assert differs.mean() < 0.01


def test_exact_ties_and_zeros_go_as_in_decoding():
    """A score of 0 is background, and of equal classes the first wins."""
    assert plane_labels(torch.zeros(1, 4, 4), (9, 9)).sum() == 0
    assert plane_labels(torch.ones(3, 4, 4), (9, 9)).sum() == 0
    assert set(np.unique(plane_labels(torch.tensor([[[0.0]], [[1.0]], [[1.0]]]), (3, 3)))) == {1}
