"""Grad-CAM and HiResCAM on a network whose maps can be written down."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit import Task, UsageError
from segkit.explain import BoundTarget, Target
from segkit_gradcam.method import build_grad_cam, build_hires, window_mean
from segkit_gradcam.params import GradCamParams

TASK = Task(3, ("a", "b"))


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def linear() -> nn.Module:
    """logits = W x + bias through a layer "0" that changes nothing."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Identity(), nn.Conv2d(3, 3, 1))


def maps_of(function, model: nn.Module, x: torch.Tensor, *targets: Target) -> list[torch.Tensor]:
    """Maps at layer "0"."""
    return [maps for maps, _ in function(model, x, "0", [BoundTarget(target, TASK) for target in targets])]


def test_grad_cam_of_a_linear_network(linear, x):
    """The gradient of n of N pixels is W_c on those: its mean is n/N W_c, and the map n/N times the logit less bias."""
    (maps,) = maps_of(build_grad_cam(GradCamParams()), linear, x, Target("predicted", 2))
    logits = linear(x).detach()
    share = (logits.argmax(dim=1) == 2).float().mean(dim=(1, 2))
    own = logits[:, 2] - linear[1].bias.detach()[2]
    torch.testing.assert_close(maps, share[:, None, None] * own, rtol=1e-4, atol=1e-5)


def test_hires_of_a_linear_network(linear, x):
    """The logit less its bias on the target's pixels, 0 elsewhere: nothing is averaged."""
    (maps,) = maps_of(build_hires(None), linear, x, Target("predicted", 2))
    logits = linear(x).detach()
    inside = logits.argmax(dim=1) == 2
    torch.testing.assert_close(maps, inside * (logits[:, 2] - linear[1].bias.detach()[2]), rtol=1e-4, atol=1e-5)


def test_windows_lie_between_the_two(x):
    """pool=1 is HiResCAM; a window that reaches all from every cell is Grad-CAM; else it is each cell's mean."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 1))
    target = Target("predicted", 1)
    (hires,) = maps_of(build_hires(None), model, x, target)
    (whole,) = maps_of(build_grad_cam(GradCamParams()), model, x, target)
    torch.testing.assert_close(maps_of(build_grad_cam(GradCamParams(pool=1)), model, x, target)[0], hires)
    torch.testing.assert_close(maps_of(build_grad_cam(GradCamParams(pool=999)), model, x, target)[0], whole)
    gradient = torch.randn(1, 2, 6, 8)
    mean = window_mean(gradient, 3)
    torch.testing.assert_close(mean[0, 1, 2, 4], gradient[0, 1, 1:4, 3:6].mean())
    torch.testing.assert_close(mean[0, 1, 0, 0], gradient[0, 1, :2, :2].mean())


def test_an_even_window_has_no_middle():
    """A usage error that says what to give."""
    with pytest.raises(UsageError, match="pool=4 has no middle cell"):
        build_grad_cam(GradCamParams(pool=4))


@pytest.mark.parametrize("build", [lambda: build_grad_cam(GradCamParams()), lambda: build_hires(None)])
def test_classes_and_batches_are_explained_as_one_by_one(linear, x, build):
    """All classes in one call, and a whole batch, give what single calls give."""
    targets = [Target("all", label) for label in range(3)]
    together = maps_of(build(), linear, x, *targets)
    for target, maps in zip(targets, together, strict=True):
        alone = torch.cat([maps_of(build(), linear, one[None], target)[0] for one in x])
        torch.testing.assert_close(maps, alone)


def test_an_empty_sample_has_a_map_of_zeros(linear, x):
    """Beside one that is not."""
    with torch.no_grad():
        linear[1].weight.zero_()
        linear[1].weight[2, 0] = 1
        linear[1].bias.copy_(torch.tensor([0.0, -1e3, 0.0]))
    batch = torch.stack([x[0], x[0] * 0 - 1])
    bound = BoundTarget(Target("predicted", 2), TASK)
    ((maps, status),) = build_hires(None)(linear, batch, "0", [bound])
    assert status == ("ok", "empty target")
    assert maps[0].any()
    assert not maps[1].any()
