"""Deletion and insertion on a model whose curves can be written down."""

import numpy as np
import pytest
import torch
from torch import nn

from segkit import Task, UsageError
from segkit.explain.curves import area, batches, deletion_and_insertion, make_baseline, ranking
from segkit.explain.targets import BoundTarget, Target

TASK = Task(1, ("lesion",))


class Bright(nn.Module):
    """The logit is +20 where the image is above 0.5, else -20: probability 1 or 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0.5, 20.0, -20.0)


@pytest.fixture
def case():
    """An image with 10 bright pixels of 40, and the bound target of the predicted ones."""
    x = torch.zeros(1, 1, 5, 8)
    x[0, 0, :2, :5] = 1.0
    target = BoundTarget(Target(label=1), TASK)
    target(Bright()(x))
    return x, target


def test_a_perfect_map_falls_and_rises_at_once(case):
    """Bright pixels first: the curves go straight to their end within the first quarter."""
    x, target = case
    curves = deletion_and_insertion(Bright(), x, target, x[0, 0].numpy(), steps=8, baseline="zero")
    expected = [max(0, 1 - count / 10) for count in range(0, 45, 5)]
    assert curves.shares == pytest.approx(np.arange(9) / 8)
    assert curves.deletion == pytest.approx(expected, abs=1e-6)
    assert curves.insertion == pytest.approx([1 - value for value in expected], abs=1e-6)
    assert curves.to_dict()["deletion_area"] == pytest.approx(area(curves.shares, expected), abs=1e-6)


def test_an_inverted_map_falls_and_rises_at_last(case):
    """Bright pixels last."""
    x, target = case
    curves = deletion_and_insertion(Bright(), x, target, -x[0, 0].numpy(), steps=8, baseline="zero")
    assert curves.deletion[:7] == pytest.approx([1.0] * 7, abs=1e-6)
    assert curves.insertion[:7] == pytest.approx([0.0] * 7, abs=1e-6)


def test_the_pixels_scored_are_those_of_the_whole_image(case):
    """A target that asked for what is predicted now would be 1 or empty at every step."""
    x, target = case
    curves = deletion_and_insertion(Bright(), x, target, x[0, 0].numpy(), steps=8, baseline="zero")
    assert 0.4 < curves.deletion[1] < 0.6


@pytest.mark.parametrize("steps", [3, 7, 16, 40])
def test_every_step_changes_exactly_its_count(steps):
    """Counts are as nearly equal as they can be, all pixels at the end, and each pixel comes from one of the two."""
    start, end = torch.zeros(1, 2, 5, 8), torch.ones(1, 2, 5, 8)
    order = ranking(np.random.default_rng(1).random((5, 8)), 0)
    counts = [round(step * 40 / steps) for step in range(steps + 1)]
    made = torch.cat(list(batches(start, end, order, counts)))
    assert made.sum(dim=(2, 3))[:, 0].tolist() == counts
    assert counts[-1] == 40


def test_ties_are_broken_by_the_seed():
    """A constant map gives an order drawn with the seed: repeatable, and not that of the rows."""
    flat = np.zeros((6, 6))
    assert np.array_equal(ranking(flat, 3), ranking(flat, 3))
    assert not np.array_equal(ranking(flat, 3), ranking(flat, 4))
    assert not np.array_equal(ranking(flat, 3), np.arange(36))
    assert sorted(ranking(flat, 3)) == list(range(36))


def test_baselines():
    """zero, the channel's mean, and a smooth image with the same mean level."""
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert make_baseline(x, "zero").eq(0).all()
    torch.testing.assert_close(make_baseline(x, "mean")[0, 1, 4, 7], x[0, 1].mean())
    assert float(make_baseline(x, "blur").std()) < 0.3 * float(x.std())
    with pytest.raises(UsageError, match="did you mean 'blur'"):
        make_baseline(x, "blurr")
