"""How far models agree: Dice between label maps, block by block, against the plain formula."""

import itertools

import numpy as np
import pytest
import torch

from segkit.engine.agreement import Agreement
from segkit.engine.ensemble import averaged
from segkit.engine.expected import dice_of


@pytest.mark.parametrize("models", [2, 3, 5])
@pytest.mark.parametrize("classes", [1, 3])
def test_agreement_is_the_mean_dice_of_every_two_models(models, classes):
    """Whatever blocks the probabilities come in."""
    draw = torch.Generator().manual_seed(models)
    channels = 1 if classes == 1 else classes + 1
    parts = torch.rand((models, channels, 9, 8), generator=draw)
    parts = parts if classes == 1 else parts.softmax(dim=1)
    maps = [(part[0] > 0.5).numpy() * 1 if classes == 1 else part.argmax(dim=0).numpy() for part in parts]
    expected = np.mean([dice_of(one, other, classes) for one, other in itertools.combinations(maps, 2)])
    agreement = Agreement(models, classes)
    cuts = [[(0, 4), (4, 9)] if number % 2 else [(0, 9)] for number in range(models)]
    streams = []
    for part, cut in zip(parts, cuts, strict=True):
        streams.append(iter([(slice(low, high), part[:, low:high]) for low, high in cut]))
    assert torch.allclose(torch.cat([mean for _, mean in averaged(streams, agreement)], dim=1), parts.mean(dim=0))
    assert agreement.value() == pytest.approx(expected)


def test_nothing_marked_is_nothing_to_agree_on():
    """No number, in place of a perfect one."""
    agreement = Agreement(2, 1)
    agreement.take([torch.zeros((1, 4, 4)), torch.zeros((1, 4, 4))])
    assert agreement.value() is None


def test_classes_that_overlap_are_each_a_yes_or_no():
    """One class agreed on, one not."""
    agreement = Agreement(2, 2, overlapping=True)
    one, other = torch.zeros((2, 2, 4, 4))
    one[0], other[0], one[1, :2], other[1, 2:] = 1, 1, 1, 1
    agreement.take([one, other])
    assert agreement.value() == pytest.approx(0.5)
