"""One image through the whole chain, with explainers of a stranger's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segkit import SegkitError, Task, UsageError
from segkit.data.normalize import Normalization
from segkit.engine.infer import Predictor
from segkit.explain.case import BuiltExplainer
from segkit.explain.evidence import EvidenceSettings
from segkit.explain.gradient_tap import tap
from segkit.explain.images import Wish, explain_image
from segkit.explain.targets import Target, parse_target

WEIGHTS = torch.tensor([[1.0, -0.5, 0.25]])


def by_gradient(model, x, layer, target):
    """Gradient times activation."""
    tapped = tap(model, x, layer)
    return (tapped.gradient(target) * tapped.activation.detach()).sum(dim=1), target.status


def edges(model, x, layer, target):
    """A map of the image alone, which never asks the model."""
    return torch.nn.functional.pad(x.diff(dim=-1).abs().sum(dim=1), (0, 1)), ("ok",) * len(x)


GRADIENT = BuiltExplainer("by-gradient", by_gradient)
EDGES = BuiltExplainer("edges", edges, layered=False)


@pytest.fixture
def predictor(make_linear):
    """logits = x @ WEIGHTS + 0.5 on a grid of 8 x 10, values as of the file divided by 255."""
    return Predictor(
        make_linear(WEIGHTS).eval(), Task(3, ("lesion",)), (8, 10), Normalization("unit"), torch.device("cpu")
    )


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (3, 16, 20), dtype=np.uint8)


def test_a_linear_model_is_explained_by_its_own_terms(predictor, image):
    """Gradient times activation of a linear model is the logit less its bias, on the target's pixels."""
    wish = Wish(Target("all", 1), layer="features")
    (found,) = explain_image(predictor, image, [GRADIENT], wish)
    logits = predictor.model(predictor.prepare(image)).detach()[0, 0].numpy()
    assert found.raw == pytest.approx(logits - 0.5, abs=1e-5)
    assert found.target_score == pytest.approx(logits.sum(), rel=1e-4)
    assert found.raw_max == pytest.approx(found.raw.max())
    assert (found.heat.shape, found.heat.dtype) == ((16, 20), np.float32)
    assert found.meta["target"] == "all:lesion"
    assert found.meta["target_pixels"] == 80
    assert found.meta["layer"] == "features"


def test_an_empty_target_is_a_map_of_zeros(predictor, image):
    """fp where the reference is the prediction itself."""
    reference = predictor.labels(image)
    predicted_on_grid = (predictor.model(predictor.prepare(image))[0, 0] > 0).numpy().astype(np.uint8)
    reference = np.kron(predicted_on_grid, np.ones((2, 2), np.uint8))
    wish = Wish(Target("fp", 1), layer="features", evidence=EvidenceSettings(4, "mean", 1))
    (found,) = explain_image(predictor, image, [GRADIENT], wish, reference=reference)
    assert found.status == "empty target"
    assert not found.raw.any()
    assert not found.heat.any()
    assert found.evidence["curves"] is None
    assert found.evidence["randomisation"] is None
    assert found.evidence["words"][0].startswith("there are no such pixels")


def test_evidence_tells_a_map_of_the_model_from_one_of_the_image(predictor, image):
    """Edges are flagged by randomisation whatever else they look like."""
    wish = Wish(Target("predicted", 1), layer="features", evidence=EvidenceSettings(6, "mean", 3))
    model, of_image = explain_image(predictor, image, [GRADIENT, EDGES], wish, reference=predictor.labels(image))
    assert of_image.evidence["randomisation"]["everything"] == pytest.approx(1)
    assert of_image.evidence["words"][0].startswith("follows the image rather than the model")
    assert model.evidence["randomisation"]["everything"] < 0.7
    assert model.evidence["curves"]["deletion"][0] == pytest.approx(model.evidence["curves"]["insertion"][-1], abs=1e-5)
    assert len(model.evidence["curves"]["shares"]) == 7


def test_open_classes_are_the_largest_predicted(make_net):
    """Without a class in the target those with the most predicted pixels, in label order."""
    from segkit.explain.images import chosen_classes

    task = Task(3, ("a", "b", "c", "d"))
    prediction = np.repeat([0, 1, 2, 3, 4], [50, 3, 9, 0, 7])[None]
    labels = [target.label for target in chosen_classes(Wish(classes=2), task, prediction, None)]
    assert labels == [2, 4]
    empty = np.zeros((4, 4), int)
    assert [target.label for target in chosen_classes(Wish(), task, empty, np.full((4, 4), 3))] == [3]
    assert [target.label for target in chosen_classes(Wish(), task, empty, None)] == [1]


def wrong_shape(model, x, layer, target):
    return torch.zeros(len(x), 1, 4, 4), ("ok",)


def wrong_status(model, x, layer, target):
    return torch.zeros(len(x), 4, 4), ()


def not_finite(model, x, layer, target):
    return torch.full((len(x), 4, 4), float("nan")), ("ok",)


def failing(model, x, layer, target):
    raise KeyError("weights")


def nothing(model, x, layer, target):
    return None


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (wrong_shape, "gave maps of"),
        (wrong_status, "gave 0 statuses for 1 images"),
        (not_finite, "its map is not finite"),
        (nothing, "gave NoneType"),
        (failing, "failed: KeyError: 'weights'"),
    ],
)
def test_explainers_that_break_the_contract_are_named(predictor, image, function, said):
    """Whose fault it is, and what should have come."""
    broken = BuiltExplainer("odd", function, "segkit-odd:odd", layered=False)
    with pytest.raises(SegkitError, match=f"explainer .*odd.*{said}"):
        explain_image(predictor, image, [broken], Wish(Target("all", 1)))


def test_a_model_that_gives_nan_is_named(predictor, image):
    """One line, no map."""
    with torch.no_grad():
        predictor.model.head.bias.fill_(float("nan"))
    with pytest.raises(SegkitError, match="logits that are NaN or infinite"):
        explain_image(predictor, image, [GRADIENT], Wish(Target("all", 1), layer="features"))


def test_a_target_that_needs_a_reference_without_one(predictor, image):
    """Said before anything is run."""
    with pytest.raises(UsageError, match="needs a reference mask"):
        explain_image(predictor, image, [GRADIENT], Wish(parse_target("fn", predictor.task), layer="features"))
