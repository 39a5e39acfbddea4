"""From raw maps to heat maps: the documented order, padding inside a network, no division by zero."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from segkit.explain.heat import ORDER, Padding, heat_maps, watch_padding


def test_the_order_is_the_documented_one():
    """raw, relu, upsample, crop, resize, divide: each step with torch's own functions."""
    raw = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    found = heat_maps(raw, (10, 14), Padding((12, 16), (0, 0)), (25, 31))
    step = functional.interpolate(raw.relu()[:, None], (12, 16), mode="bilinear", align_corners=False)
    step = functional.interpolate(step[..., :10, :14], (25, 31), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(found, step / step.amax(dim=(1, 2), keepdim=True))
    words = ["raw", "relu", "upsample", "crop", "resize", "divide"]
    assert [ORDER.index(word) for word in words] == sorted(ORDER.index(word) for word in words)


def test_relu_comes_before_upsampling():
    """A negative neighbour does not pull a positive cell down, as it would the other way round."""
    raw = torch.tensor([[[1.0, -100.0]]])
    heat = heat_maps(raw, (1, 4), Padding(), (1, 4))
    assert heat[0, 0].tolist() == pytest.approx([1.0, 0.75, 0.25, 0.0])


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_map_with_nothing_positive_is_zero(value):
    """Never NaN."""
    heat = heat_maps(torch.full((1, 3, 3), value), (6, 6), Padding(), (6, 6))
    assert heat.eq(0).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_heat_goes_from_0_to_1_whatever_the_scale(scale):
    """The largest value is 1."""
    heat = heat_maps(torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)) * scale, (8, 8), Padding(), (9, 7))
    assert float(heat.min()) >= 0
    assert heat.amax(dim=(1, 2)).tolist() == pytest.approx([1, 1, 1])


class Padded(nn.Module):
    """Pads inside, in one of two ways, as U-Nets do."""

    def __init__(self, pads: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.pads, self.first = pads, nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(functional.pad(x, self.pads, mode="replicate"))


@pytest.mark.parametrize(
    ("pads", "size", "start"),
    [
        ((0, 0, 0, 0), (12, 16), (0, 0)),
        ((0, 4, 0, 2), (14, 20), (0, 0)),
        ((1, 2, 2, 2), (16, 19), (2, 1)),
    ],
)
def test_padding_inside_a_network_is_seen(images, pads, size, start):
    """At the end, or around: what the first module is given is compared with the image."""
    model = Padded(pads)
    with watch_padding(model, images) as padding:
        model(images)
    assert (padding.size, padding.start) == (size, start)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_padded_map_is_cropped_to_the_image(images):
    """A map that marks the image's last column stays in the last column."""
    raw = torch.zeros(1, 12, 20)
    raw[..., 15] = 1
    heat = heat_maps(raw, (12, 16), Padding((12, 20), (0, 0)), (12, 16))
    assert heat[0, :, 15].eq(1).all()
    assert heat[0, :, :15].eq(0).all()
