"""Beside captum and pytorch-grad-cam, where those are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from segkit import Task
from segkit.discovery import Registry
from segkit.explain.case import bind, build_explainer, raw_maps
from segkit.explain.targets import Target

TASK = Task(3, ("a", "b"))


@pytest.fixture
def model(make_net):
    """Three logit channels."""
    torch.manual_seed(3)
    return make_net(3).eval()


def maps_of(name: str, model, x: torch.Tensor, target: Target) -> torch.Tensor:
    """Our raw maps at the encoder."""
    found = Registry.discover().find("explainer", name)
    explainer = build_explainer(found, found.component.params())
    return raw_maps(model, x, explainer, "encoder", bind([target], TASK, None))[0].maps


@pytest.mark.parametrize("label", [0, 1, 2])
def test_grad_cam_is_captums(model, images, label):
    """LayerGradCam of the summed logits, signed."""
    attr = pytest.importorskip("captum.attr", reason="captum is not installed")
    expected = attr.LayerGradCam(lambda x: model(x)[:, label].sum(dim=(1, 2)), model.encoder).attribute(images)
    torch.testing.assert_close(maps_of("grad-cam", model, images, Target("all", label)), expected[:, 0].detach())


@pytest.mark.parametrize("label", [1, 2])
def test_grad_cam_of_a_mask_is_pytorch_grad_cams(model, images, label):
    """SemanticSegmentationTarget over the predicted pixels, after ReLU, resized and scaled by its own steps."""
    library = pytest.importorskip("pytorch_grad_cam", reason="pytorch-grad-cam is not installed")
    from pytorch_grad_cam.utils.model_targets import SemanticSegmentationTarget

    x = images[:1]
    mask = (model(x).argmax(dim=1)[0] == label).numpy().astype(np.float32)
    targets = [SemanticSegmentationTarget(label, mask)]
    with library.GradCAM(model, [model.encoder]) as cam:
        theirs = cam(x, targets=targets)
    ours = maps_of("grad-cam", model, x, Target("predicted", label)).relu()
    resized = functional.interpolate(scaled(ours)[:, None], x.shape[2:], mode="bilinear", align_corners=False)
    assert theirs == pytest.approx(scaled(resized)[:, 0].numpy(), abs=2e-3)


def scaled(maps: torch.Tensor) -> torch.Tensor:
    """From 0 to 1, as that library does before and after it resizes."""
    return (maps - maps.min()) / (1e-7 + (maps - maps.min()).max())
