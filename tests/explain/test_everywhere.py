"""Every installed architecture with every installed explainer, third parties' too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from segkit import SegkitError, Task
from segkit.data.normalize import Normalization
from segkit.discovery import Registry
from segkit.engine.infer import Predictor
from segkit.explain.case import build_explainer
from segkit.explain.images import Wish, explain_image
from segkit.params import build
from segkit.testing.explainers import snapshot

REGISTRY = Registry.discover()
REQUIREMENTS = (Path(__file__).parents[2] / "requirements.txt").read_text()
EXPLAINERS = REGISTRY.components("explainer")
SIDE = 36
TASKS = {"one class": Task(3, ("lesion",)), "three classes": Task(3, ("a", "b", "c"))}


def architectures():
    """Those of the default install in every change, all others that are installed in the full suite."""
    for found in REGISTRY.components("arch"):
        if 2 in found.component.spatial_dims:
            marks = [] if f"/{found.plugin.name}\n" in REQUIREMENTS else [pytest.mark.full]
            yield pytest.param(found, id=found.full_name, marks=marks)


@pytest.fixture(scope="module", params=architectures())
def architecture(request):
    """One architecture at its smallest, for both tasks."""
    component = request.param.component
    params = build(component.params, component.small, component.name)
    torch.manual_seed(0)
    models = {name: request.param.load()(task, params).eval() for name, task in TASKS.items()}
    return component, models, request.param.plugin.name, request.param.offers(params)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("found", EXPLAINERS, ids=lambda found: found.full_name)
def test_every_pair_explains(architecture, found, task):
    """Heat maps on the image's grid, finite and in [0, 1], a status in words, for the named layers; no trace."""
    component, models, plugin, offers = architecture
    if not {*found.component.needs} <= {*offers}:
        pytest.skip("the pair is refused before anything is built: the network does not offer what is needed")
    model = models[task]
    explainer = build_explainer(found, found.component.params())
    side = max(SIDE, getattr(model, "size_minimum", 1))
    predictor = Predictor(model, TASKS[task], (side + 4, side), Normalization("unit"), torch.device("cpu"))
    image = np.random.default_rng(0).integers(0, 255, (3, 50, 61), dtype=np.uint8)
    before = snapshot(model)
    for layer in (None, *component.layers) if explainer.layered else (None,):
        wish = Wish(layer=layer, declared=component.layers)
        if f"/{plugin}\n" not in REQUIREMENTS and not explainer.layered:
            refusal = refused(predictor, image, explainer, wish)
            if refusal is not None:
                # A network may be one that a method is not defined for, if that is said.
                assert (found.component.name in refusal.message, bool(refusal.hint)) == (True, True)
                continue
        (explanation, *_) = explain_image(predictor, image, [explainer], wish)
        assert explanation.heat.shape == (50, 61)
        assert np.isfinite(explanation.raw).all()
        assert 0 <= explanation.heat.min() <= explanation.heat.max() <= 1
        assert explanation.status in ("ok", "empty target", "nothing positive", "constant map")
        assert explanation.meta["layer"] or explanation.of_uncertainty
    assert snapshot(model) == before


def refused(predictor, image, explainer, wish):
    """The error with which an explainer says that it is not for a network; None where it is."""
    try:
        explain_image(predictor, image, [explainer], wish)
    except SegkitError as error:
        return error
    return None
