"""Layers by name: dotted, declared, or the deepest."""

import pytest
import torch
from torch import nn

from segkit import UsageError
from segkit.explain import resolve_layer
from segkit.explain.called import called_layers


def test_declared_names_stand_for_modules(net, images):
    """last and middle are what the architecture says; any other name is a module's."""
    declared = {"last": "decoder", "middle": "encoder"}
    assert resolve_layer(net, "last", declared, images) == "decoder"
    assert resolve_layer(net, "middle", declared, images) == "encoder"
    assert resolve_layer(net, "encoder.0", declared, images) == "encoder.0"


def test_auto_is_the_deepest_spatial_layer(net, images):
    """The coarsest grid, the most channels, the last called: the end of the encoder."""
    assert resolve_layer(net, "auto", {}, images) == "encoder"


def test_auto_passes_over_pooling_to_a_fixed_size(images):
    """A branch pooled to one cell is coarser, but it does not grow with the image."""

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.deep = nn.Conv2d(3, 4, 3, stride=4, padding=1)
            self.branch = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 9, 1))
            self.head = nn.Conv2d(9, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            deep = self.deep(x)
            logits = self.head(self.branch(deep) + deep.mean(dim=1, keepdim=True))
            return nn.functional.interpolate(logits, x.shape[2:])

    assert resolve_layer(Pooled(), "auto", {}, images) == "deep"


def test_auto_where_the_model_takes_one_size_only(images):
    """No second size can be tried, and the coarsest layer counts."""

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.deep, self.head = nn.Conv2d(3, 4, 2, stride=2), nn.ConvTranspose2d(4, 1, 2, stride=2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[2:] == (12, 16)
            return self.head(self.deep(x))

    assert resolve_layer(Fixed(), "auto", {}, images) == "deep"


def test_called_layers_are_listed_with_their_maps(net, images):
    """Name, channels and grid, in the order of the calls."""
    found = {layer.name: (layer.channels, layer.grid) for layer in called_layers(net, images)}
    assert found["encoder"] == (5, (6, 8))
    assert found["head"] == (1, (12, 16))
    assert list(found)[-1] == "head"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bottleneck", "is not in this model"),
        ("encodr.0", "did you mean 'encoder.0'"),
        ("last", "declares no layer 'last'"),
        ("", "is no layer's name"),
    ],
)
def test_unknown_layers_are_usage_errors_with_candidates(net, images, name, said):
    """The nearest name and a list."""
    with pytest.raises(UsageError, match=said) as caught:
        resolve_layer(net, name, {}, images)
    assert "encoder" in caught.value.hint or not name


def test_a_declared_layer_that_is_not_there(net, images):
    """An architecture that names a module it does not have."""
    with pytest.raises(UsageError, match="'gone' is not in this model"):
        resolve_layer(net, "middle", {"middle": "gone"}, images)
