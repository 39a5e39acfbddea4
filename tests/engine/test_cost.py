"""Parameters, operations and receptive fields against hand counts and recursions."""

import pytest
import torch
from torch import nn

from segkit.engine.cost import ReceptiveField, count, receptive_field


def chain(*layers):
    """Layers one after another, in eval mode."""
    return nn.Sequential(*layers).eval()


def test_operations_are_two_per_multiplication():
    """Convolutions by hand: outputs x inputs per output x 2; a transposed one has its inputs x taps; frozen counts."""
    model = chain(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.ConvTranspose2d(8, 4, 2, stride=2))
    model[0].requires_grad_(False)
    cost = count(model, 3, (16, 24))
    assert cost.flops == 2 * (16 * 24 * 8 * 3 * 9) + 2 * (8 * 12 * 8 * 4 * 4)
    assert cost.parameters == 3 * 8 * 9 + 8 + 8 * 4 * 4 + 4
    assert cost.trainable == 8 * 4 * 4 + 4
    assert cost.size == (16, 24)


class Looking(nn.Module):
    """A network that looks at numbers, which only a real run has."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        """Return logits."""
        return self.convolution(x) if bool((x >= 0).all()) else x


def test_a_network_that_looks_at_numbers_is_run():
    """Its operations are counted all the same."""
    assert count(Looking(), 1, (8, 8)).flops == 2 * 8 * 8 * 9


def test_counting_leaves_the_weights_where_they_are():
    """The network is as it was, on its own device."""
    model = chain(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count(model, 1, (8, 8))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ([nn.Conv2d(1, 1, 3, padding=1)], (3, 3)),
        ([nn.Conv2d(1, 1, (3, 7), padding=(1, 3)), nn.ReLU(), nn.Conv2d(1, 1, 5, padding=2)], (7, 11)),
        ([nn.Conv2d(1, 1, 3, padding=4, dilation=4), nn.BatchNorm2d(1)], (9, 9)),
        ([nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(4, 4), nn.InstanceNorm2d(4), nn.Conv2d(4, 1, 1)], (3, 3)),
        ([nn.Conv3d(1, 1, 3, padding=1), nn.Conv3d(1, 1, (1, 3, 1), padding=(0, 1, 0))], (3, 5, 3)),
    ],
)
def test_receptive_fields_of_chains(layers, field):
    """Kernels less one add up; dilation spreads them; statistics over the grid are left aside."""
    assert receptive_field(chain(*layers), 1, len(field)) == ReceptiveField(field)


def middle_field(depth, length):
    """Cells that the middle logit of a U-Net depends on, by going back through its layers as sets of cells."""

    def spread(cells):
        return {other for cell in cells for other in (cell - 2, cell - 1, cell, cell + 1, cell + 2)}

    def back(cells, level):
        cells = spread(cells)
        if level == depth:
            return cells
        below = back({cell // 2 for cell in cells}, level + 1)
        return spread(cells | {2 * cell + half for cell in below for half in (0, 1)})

    cells = back({length // 2}, 0)
    return max(cells) - min(cells) + 1


@pytest.mark.parametrize(("depth", "field"), [(1, 18), (2, 44), (4, 188)])
def test_receptive_field_of_a_u_net(depth, field):
    """Two 3x3 convolutions per level, poolings and transposed convolutions: 188 for the published depth."""
    from segkit import Task
    from segkit_unet.model import build
    from segkit_unet.params import UNetParams

    model = build(Task(1, ("a",)), UNetParams(width=1, depth=depth, norm="instance"))
    assert middle_field(depth, 512) == field
    assert receptive_field(model, 1, 2) == ReceptiveField((field, field))


class GloballyPooled(nn.Module):
    """Every logit depends on the mean of the image."""

    size_multiple = 4

    def forward(self, x):
        """Return logits."""
        return x + x.mean(dim=(2, 3), keepdim=True)


def test_a_field_without_end_says_how_far_it_was_seen():
    """Global pooling sees the largest image that is tried from end to end."""
    assert receptive_field(GloballyPooled(), 1, 2) == ReceptiveField(None, 1024)
