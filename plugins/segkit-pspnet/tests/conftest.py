"""A small PSPNet, images and statistics that are not those of a fresh network."""

import pytest
import torch

from segkit import Task
from segkit_pspnet.model import build
from segkit_pspnet.params import PSPNetParams


@pytest.fixture(scope="session")
def small():
    """Builds a PSPNet on timm's smallest ResNet, in eval mode, the same each time."""

    def small(classes=("a",), channels=3, **params):
        torch.manual_seed(0)
        wanted = {"backbone": "test_resnet", "head_width": 8, **params}
        return build(Task(channels, classes), PSPNetParams(**wanted)).eval()

    return small


@pytest.fixture(scope="session")
def image():
    """Draws a reproducible random tensor."""
    return lambda *shape: torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def count():
    """Counts parameters."""
    return lambda model: sum(parameter.numel() for parameter in model.parameters())


@pytest.fixture(scope="session")
def shuffle_norms():
    """Gives every batch normalisation weights and statistics of its own; timm starts some of them at zero."""

    def shuffle_norms(model):
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for tensor in (module.weight.data, module.running_var):
                    tensor.uniform_(0.5, 1.5)
                for tensor in (module.bias.data, module.running_mean):
                    tensor.uniform_(-0.2, 0.2)
        return model

    return shuffle_norms
