"""Volumes: windows blended as scores are, target sets of the whole case, slices and slabs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from segkit import Task
from segkit.data.normalize import Normalization
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.volumes import VolumePredictor
from segkit.explain.case import BuiltExplainer
from segkit.explain.evidence import EvidenceSettings
from segkit.explain.gradient_tap import tap
from segkit.explain.images import Wish
from segkit.explain.targets import Target
from segkit.explain.volumes import explain_volume

SHAPE = (10, 14, 12)


def by_gradient(model, x, layer, target):
    """Gradient times activation: of a linear model the logit less its bias on the target's voxels."""
    tapped = tap(model, x, layer)
    return (tapped.gradient(target) * tapped.activation.detach()).sum(dim=1), target.status


EXPLAINER = BuiltExplainer("by-gradient", by_gradient)


def linear(dims: int, channels: int) -> nn.Module:
    """logits = weights . x - 0.4."""
    convolution = (nn.Conv2d if dims == 2 else nn.Conv3d)(channels, 1, 1)
    with torch.no_grad():
        convolution.weight.fill_(1.0 / channels)
        convolution.bias.fill_(-0.4)
    model = nn.Sequential()
    model.add_module("features", nn.Identity())
    model.add_module("head", convolution)
    return model.eval()


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).random((1, *SHAPE), dtype=np.float32)


def predictor_of(mode: str, size: tuple[int, ...], slab: int = 1, overlap: float = 0.5) -> VolumePredictor:
    """A predictor of a linear model, without normalisation."""
    dims = 3 if mode == "patches" else 2
    preprocessing = Preprocessing(mode, size, Normalization("unit"), slab=slab, overlap=overlap)
    return VolumePredictor(linear(dims, slab), Task(slab, ("organ",), dims), preprocessing, torch.device("cpu"))


@pytest.mark.parametrize(
    "predictor",
    [
        pytest.param(predictor_of("patches", (6, 8, 8)), id="windows"),
        pytest.param(predictor_of("patches", (16, 16, 16)), id="one window, padded"),
        pytest.param(predictor_of("slices", SHAPE[1:]), id="slices"),
    ],
)
def test_a_linear_model_is_explained_voxel_by_voxel(predictor, image):
    """Blending windows of equal values gives the values: the logit less its bias inside the target, 0 outside."""
    wish = Wish(Target("predicted", 1), layer="features")
    (found,) = explain_volume(predictor, image, [EXPLAINER], wish)
    inside = image[0] - 0.4 > 0
    assert found.raw == pytest.approx(np.where(inside, image[0], 0), abs=1e-4)
    assert found.heat == pytest.approx(found.raw / found.raw.max(), abs=1e-4)
    assert found.heat.shape == SHAPE
    assert found.meta["target_pixels"] == int(inside.sum())
    assert found.status == "ok"


def test_signed_maps_are_blended_before_relu(image):
    """Negative evidence in one window lowers the positive in another: ReLU on the windows would keep it."""

    def odd(model, x, layer, target):
        target(model(x))
        sign = 1.0 if float(x[0, 0, 0, 0, 0]) > 0.5 else -1.0
        return torch.full((len(x), *x.shape[2:]), sign), target.status

    predictor = predictor_of("patches", (6, 8, 8))
    wish = Wish(Target("all", 1))
    (found,) = explain_volume(predictor, image, [BuiltExplainer("odd", odd, layered=False)], wish)
    assert found.raw.min() < -0.5
    assert found.raw.max() > 0.5
    assert ((found.raw > -0.9) & (found.raw < 0.9)).any()
    assert (found.heat[found.raw < 0] == 0).all()


def test_the_target_set_comes_from_the_whole_case(image):
    """The largest component of the volume is not that of each window."""
    predictor = predictor_of("patches", (6, 8, 8))
    image = np.zeros_like(image)
    image[0, 1:8, 2:9, 2:9] = 1.0
    image[0, 8:, 12:, 10:] = 0.9
    (found,) = explain_volume(predictor, image, [EXPLAINER], Wish(Target("component", 1), layer="features"))
    assert (found.raw[image[0] == 1] > 0.9).all()
    assert (found.raw[image[0] != 1] == 0).all()


def test_of_a_slab_the_middle_slice_is_explained(image):
    """Target voxels are those of the slice that the network answers for; neighbours are channels."""
    predictor = predictor_of("slab", SHAPE[1:], slab=3)
    reference = np.zeros(SHAPE, np.uint8)
    reference[4, 3:6, 3:6] = 1
    wish = Wish(Target("reference", 1), layer="features")
    (found,) = explain_volume(predictor, image, [EXPLAINER], wish, reference=reference)
    expected = np.zeros(SHAPE)
    expected[4, 3:6, 3:6] = image[0, 3:6, 3:6, 3:6].mean(axis=0)
    assert found.raw == pytest.approx(expected, abs=1e-4)


def test_evidence_and_an_empty_target(image):
    """Masks of the whole, curves on the fullest part; an empty target runs nothing."""
    predictor = predictor_of("patches", (6, 8, 8))
    settings = EvidenceSettings(3, "mean", 1)
    wish = Wish(Target("predicted", 1), layer="features", evidence=settings)
    (found,) = explain_volume(predictor, image, [EXPLAINER], wish, reference=(image[0] > 0.4).astype(np.uint8))
    assert found.evidence["reference"]["auroc"] == pytest.approx(1)
    assert found.evidence["curves"]["shares"] == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=0.01)
    assert "part with most of the target" in found.evidence["part"]
    (empty,) = explain_volume(predictor, image * 0, [EXPLAINER], wish)
    assert empty.status == "empty target"
    assert not empty.heat.any()
    assert empty.evidence["words"][0].startswith("there are no such pixels")


@pytest.mark.parametrize(
    "predictor", [predictor_of("patches", (6, 8, 8)), predictor_of("slices", SHAPE[1:])], ids=["windows", "slices"]
)
def test_uncertainty_is_blended_and_keeps_its_values(predictor, image):
    """Of every window, also of those where nothing is predicted; held against the errors of the whole volume."""

    def half(model, x, layer, target):
        return x[:, 0].clamp(0, 1) / 2, ("ok",) * len(x)

    prediction = predictor.labels(image, SHAPE, None)
    reference = prediction.copy()
    reference[2] = 1 - reference[2]
    wish = Wish(evidence=EvidenceSettings(4, "mean", 1))
    explainer = BuiltExplainer("half", half, layered=False, map="uncertainty")
    (found,) = explain_volume(predictor, image, [explainer], wish, reference=reference, prediction=prediction)
    assert found.heat == pytest.approx(image[0] / 2, abs=1e-4)
    assert (found.of_uncertainty, found.status, found.meta["mode"]) == (True, "ok", predictor.preprocessing.mode)
    assert found.evidence["errors"]["wrong"] == reference[2].size
