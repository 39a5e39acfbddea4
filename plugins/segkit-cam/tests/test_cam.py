"""CAM is the logit less its bias where the head is 1x1."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit import SegkitError, Task
from segkit.explain import BoundTarget, Target, forward
from segkit_cam.method import explain


def task_of(channels: int) -> Task:
    """A task with so many logit channels."""
    return Task(3, ("lesion",)) if channels == 1 else Task(3, tuple("abcdef"[: channels - 1]))


def cam(model: nn.Module, x: torch.Tensor, target: Target, channels: int):
    """Maps, status and notes of one target."""
    (result,) = explain(model, x, None, [BoundTarget(target, task_of(channels))])
    return result


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 4])
def test_a_map_is_the_logit_less_its_bias(x, channels):
    """Cell by cell, for every class; one channel counts as its negative for the background."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, channels, 1)).eval()
    logits, bias = model(x).detach(), model[2].bias.detach()
    for label in range(channels if channels > 1 else 2):
        maps, status, notes = cam(model, x, Target("all", label), channels)
        sign, channel = (1, label) if channels > 1 else (2 * label - 1, 0)
        torch.testing.assert_close(maps, sign * (logits[:, channel] - bias[channel]), rtol=1e-4, atol=1e-5)
        assert status == ("ok", "ok")
        assert notes == {"layer": "input of 2", "head": "1x1, exact: the logit less its bias"}


def test_an_empty_sample_has_a_map_of_zeros(x):
    """The other one keeps its own."""
    model = nn.Conv2d(3, 1, 1)
    with torch.no_grad():
        model.bias.fill_(-1e4)
    model = nn.Sequential(model)
    maps, status, _ = cam(model, x, Target("predicted", 1), 1)
    assert status == ("empty target", "empty target")
    assert not maps.any()


def test_with_a_margin_the_next_class_is_taken_away(x):
    """At each cell the map of the largest other logit."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 3, 1))
    logits = model(x).detach()
    parts = logits - model[0].bias.detach().reshape(1, 3, 1, 1)
    maps, _, _ = cam(model, x, Target("all", 1, margin=True), 3)
    rival = torch.where(logits[:, 0] >= logits[:, 2], parts[:, 0], parts[:, 2])
    torch.testing.assert_close(maps, parts[:, 1] - rival, rtol=1e-4, atol=1e-5)


def test_a_larger_head_is_taken_by_its_middle_and_says_so(x):
    """Neighbouring cells are left out."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1))
    maps, _, notes = cam(model, x, Target("all", 1), 1)
    expected = torch.einsum("c,nchw->nhw", model[0].weight.detach()[0, :, 1, 1], x)
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-5)
    assert notes["head"].startswith("3x3, its middle tap alone")


class Heads(nn.Module):
    """Logits made of two heads, beside a convolution with as many channels that is none."""

    def __init__(self, mix) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 3, padding=1)
        self.first, self.second, self.mix = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), mix

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.stem(x)
        return self.mix(self.first(features.relu()), self.second(features.tanh()))


def test_logits_that_are_a_sum_of_heads(x):
    """The map is the same weighted sum; what is no head does not count."""
    torch.manual_seed(0)
    model = Heads(lambda first, second: 0.25 * first + 0.75 * second).eval()
    maps, _, notes = cam(model, x, Target("all", 1), 3)
    bias = 0.25 * model.first.bias[1] + 0.75 * model.second.bias[1]
    torch.testing.assert_close(maps, (model(x)[:, 1] - bias).detach(), rtol=1e-3, atol=1e-4)
    assert notes["layer"] == "input of first, input of second"
    assert notes["head"].startswith("2 heads, weighted 0.25, 0.75")


@pytest.mark.parametrize("after", [nn.Sigmoid(), nn.ReLU()])
def test_logits_that_no_convolution_gives(x, after):
    """Said, not guessed."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 1, 1), after)
    with pytest.raises(SegkitError, match="not what convolutions of this model give"):
        cam(model, x, Target("all", 1), 1)


@pytest.mark.parametrize("change", ["crop", "resize", "enlarge and crop"])
def test_heads_whose_logits_are_cropped_or_resized(x, change):
    """The map stays on the head's own grid."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.head = nn.Identity(), nn.Conv2d(3, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if change == "crop":
                return self.head(nn.functional.pad(x, (0, 5, 0, 3)))[..., : x.shape[2], : x.shape[3]]
            small = nn.functional.interpolate(x, (5, 6))
            if change == "enlarge and crop":
                small = nn.functional.interpolate(self.first(nn.functional.pad(x, (0, 9, 0, 11))), (5, 5))
                large = nn.functional.interpolate(self.head(small), scale_factor=4, mode="bilinear", align_corners=True)
                return large[..., : x.shape[2], : x.shape[3]]
            return nn.functional.interpolate(self.head(small), x.shape[2:], mode="bilinear")

    model = Net()
    maps, _, _ = cam(model, x, Target("all", 1), 1)
    assert maps.shape == ((2, 12, 16) if change == "crop" else (2, 5, 5 if "crop" in change else 6))


def test_volumes():
    """The same in 3D."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv3d(1, 3, 3, padding=1), nn.Conv3d(3, 1, 1)).eval()
    x = torch.randn(1, 1, 4, 5, 6)
    (result,) = explain(model, x, None, [BoundTarget(Target("all", 1), Task(1, ("a",), 3))])
    expected = forward(model, x)[:, 0] - model[1].bias.detach()
    torch.testing.assert_close(result[0], expected, rtol=1e-4, atol=1e-5)


def test_of_overlapping_classes_each_has_its_own_logits_map():
    """Label n is logit n - 1: the map of a 1x1 head is that logit less its bias."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Identity(), nn.Conv2d(3, 2, 1)).eval()
    x = torch.randn(1, 3, 6, 8)
    task = Task(3, ("whole", "core"), overlapping=True)
    for label in (1, 2):
        for margin in (False, True):
            target = BoundTarget(Target("all", label, margin=margin), task)
            ((maps, *_),) = explain(model, x, None, [target])
            own = (model(x)[:, label - 1] - model[1].bias[label - 1]).detach()
            torch.testing.assert_close(maps, own, rtol=1e-4, atol=1e-5)
