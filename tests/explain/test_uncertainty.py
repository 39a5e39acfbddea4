"""Maps of uncertainty: their values are kept, and they are held against errors, in 2D, in 3D and of several classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segkit import IGNORE, SegkitError, Task
from segkit.data.normalize import Normalization
from segkit.engine.infer import Predictor
from segkit.explain.case import BuiltExplainer
from segkit.explain.evidence import EvidenceSettings
from segkit.explain.images import Wish, explain_image
from segkit.explain.targets import Target
from segkit.explain.uncertainty import beside_errors, wrong_pixels

EVIDENCE = EvidenceSettings(4, "mean", 1)


def unsure(model, x, layer, target):
    """0.5 where an image is brightest, on the grid of the image."""
    bright = x.mean(dim=1)
    return bright / bright.amax() / 2, ("ok",) * len(x)


UNSURE = BuiltExplainer("unsure", unsure, layered=False, map="uncertainty")


@pytest.fixture
def predictor(make_linear):
    """Logits of three channels on a grid of 8 x 10."""
    weights = torch.tensor([[1.0, -0.5, 0.25]])
    return Predictor(
        make_linear(weights).eval(), Task(3, ("lesion",)), (8, 10), Normalization("unit"), torch.device("cpu")
    )


@pytest.fixture
def image():
    """Values of photographs."""
    return np.random.default_rng(0).integers(0, 255, (3, 16, 20), dtype=np.uint8)


def test_values_are_kept_and_there_is_one_map_whatever_is_asked_of_classes(predictor, image):
    """Not divided by the largest: 0.5 is half as unsure as can be, in this image and in the next."""
    for target in (Target(), Target("boundary", 1)):
        (found,) = explain_image(predictor, image, [UNSURE], Wish(target, classes=3))
        assert found.heat.shape == (16, 20)
        assert found.heat.max() == pytest.approx(0.5, abs=0.05)
        assert (found.status, found.of_uncertainty, found.meta["class"], found.evidence) == ("ok", True, "", {})
        assert found.shown.max() == pytest.approx(1)
        assert "uncertainty" in repr(found)


def test_what_is_measured_is_the_agreement_with_errors(predictor, image):
    """AUROC is the share of pairs, over the pixels that are not ignored; no deletion, no randomisation."""
    prediction = predictor.labels(image)
    reference = np.where(np.random.default_rng(1).random(prediction.shape) < 0.2, 1 - prediction, prediction)
    reference[:3] = IGNORE
    wish = Wish(evidence=EVIDENCE)
    (found,) = explain_image(predictor, image, [UNSURE], wish, reference=reference.astype(np.uint8))
    errors, counted = found.evidence["errors"], reference != IGNORE
    wrong = (prediction != reference)[counted]
    pairs = found.heat[counted][wrong][:, None] - found.heat[counted][~wrong]
    assert errors["auroc"] == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert (errors["wrong"], errors["of"]) == (int(wrong.sum()), int(counted.sum()))
    assert errors["mean_wrong"] == pytest.approx(float(found.heat[counted][wrong].mean()), rel=1e-5)
    assert set(found.evidence) == {"errors", "verdict", "words"}
    assert "are wrong" in found.evidence["words"][0]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([0.9, 0.8, 0.1, 0.0], "in 100% of pairs"),
        ([0.0, 0.1, 0.8, 0.9], "misleading: surest where it is wrong"),
        ([0.1, 0.9, 0.1, 0.9], "hardly tells wrong pixels from right ones"),
        ([0.5, 0.5, 0.5, 0.5], "as unsure everywhere"),
    ],
)
def test_words_say_what_the_figures_mean(predictor, values, says):
    """From what finds errors to what hides them."""
    column = torch.tensor(values).repeat_interleave(2)[:, None].expand(8, 10)

    def given(model, x, layer, target):
        return column.expand(len(x), 8, 10), ("ok",) * len(x)

    image = np.zeros((3, 8, 10), np.uint8)
    prediction = predictor.labels(image)
    reference = prediction.copy()
    reference[:4] = 1 - reference[:4]
    wish = Wish(evidence=EVIDENCE)
    explainer = replace(UNSURE, function=given)
    (found,) = explain_image(predictor, image, [explainer], wish, reference=reference)
    assert says in found.evidence["words"][0]


def test_without_errors_or_without_a_reference_that_is_said(predictor, image):
    """Neither is a figure."""
    prediction = predictor.labels(image)
    (found,) = explain_image(predictor, image, [UNSURE], Wish(evidence=EVIDENCE), reference=prediction)
    assert found.evidence["errors"]["auroc"] is None
    assert "no pixel is wrong" in found.evidence["words"][0]
    (found,) = explain_image(predictor, image, [UNSURE], Wish(evidence=EVIDENCE))
    assert found.evidence["errors"] is None
    assert "no reference" in found.evidence["words"][0]


@pytest.mark.parametrize("value", [-0.1, 1.2, 15.0])
def test_values_beyond_0_and_1_are_the_authors(predictor, image, value):
    """Entropy in bits of 15 classes goes to 4: what a colour means would depend on the task."""

    def given(model, x, layer, target):
        return torch.full((len(x), 8, 10), value), ("ok",) * len(x)

    with pytest.raises(SegkitError, match=r"segkit-odd:odd gave uncertainty from .*") as told:
        explain_image(predictor, image, [BuiltExplainer("odd", given, "segkit-odd:odd", map="uncertainty")], Wish())
    assert "from 0, sure, to 1" in str(told.value.hint)


def test_of_overlapping_classes_a_pixel_is_wrong_where_any_is():
    """A plane that is ignored says nothing of its class, and the others count."""
    task = Task(3, ("a", "b"), overlapping=True)
    prediction = np.array([[[1, 0, 0, 1]], [[1, 0, 1, 1]]], np.uint8)
    reference = np.array([[[1, 0, IGNORE, IGNORE]], [[0, 0, 1, IGNORE]]], np.uint8)
    wrong, counted = wrong_pixels(reference, prediction, task)
    assert wrong.tolist() == [[True, False, False, False]]
    assert counted.tolist() == [[True, True, True, False]]


def test_nothing_counted_is_no_figure():
    """A reference that is ignored altogether."""
    nothing = np.zeros((2, 2), bool)
    assert beside_errors(np.zeros((2, 2)), nothing, nothing)["mean_right"] is None
