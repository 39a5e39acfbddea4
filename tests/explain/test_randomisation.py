"""The cascade: which modules are random at each step, that the model is left alone, and what is flagged."""

import numpy as np
import pytest
import torch

from segkit.explain.evidence import agreement
from segkit.explain.one_pass import forward
from segkit.explain.randomisation import Cascade, Stage, cascade, make_stages, shuffle


def test_steps_go_from_the_head_to_everything(net, images):
    """Names and modules: the decoder is what is called after the middle."""
    stages = {stage.name: stage.modules for stage in make_stages(net, images, "encoder")}
    assert stages["head"] == ("head",)
    assert stages["decoder"] == ("head", "decoder.1")
    assert stages["everything"] == ("head", "decoder.1", "encoder.1", "encoder.0")
    counts = [len(modules) for modules in stages.values()]
    assert counts == sorted(set(counts))


def test_shuffling_keeps_the_values(net):
    """The same numbers in another order, the same for the same seed."""
    before = net.encoder[0].weight.detach().clone()
    shuffle(net.encoder[0], torch.Generator().manual_seed(0))
    after = net.encoder[0].weight.detach()
    assert not torch.equal(before, after)
    assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)


def test_a_map_of_the_image_alone_is_unchanged_and_one_of_the_model_is_not(net, images):
    """Edges of the image correlate by 1 at every step; the logits do not. The model keeps its weights."""
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    edges = (images[0, 0].diff(dim=0).abs()).numpy()

    def raw(model):
        return [edges, forward(model, images)[0, 0].numpy()]

    of_image, of_model = cascade(net, make_stages(net, images, "encoder"), raw(net), raw, seeds=3)
    assert all(value == pytest.approx(1) for values in of_image.correlations for value in values)
    assert abs(of_model.mean("everything")) < 0.9
    assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())
    again = cascade(net, make_stages(net, images, "encoder"), raw(net), raw, seeds=3)
    assert again[1] == of_model


def test_a_constant_map_has_no_correlation(net):
    """None, left out of the mean."""
    (found,) = cascade(net, [Stage("head", ("head",))], [np.zeros(4)], lambda _: [np.zeros(4)], seeds=2)
    assert found.correlations == ((None, None),)
    assert found.mean("head") is None
    assert found.mean("decoder") is None


def test_a_map_that_is_turned_upside_down_by_some_seeds_is_as_alike():
    """The sizes of the coefficients are averaged: 0.87, -0.84 and 0.86 are 0.86, not 0.30."""
    found = Cascade(("head", "decoder"), ((0.87, -0.84, 0.86), (None, -0.1, 0.3)))
    assert found.mean("head") == pytest.approx(0.8567, abs=1e-4)
    assert found.mean("decoder") == pytest.approx(0.2)
    assert found.to_dict()["stages"][0] == {
        "random": "head",
        "absolute": found.mean("head"),
        "by_seed": [0.87, -0.84, 0.86],
    }


def test_ignored_pixels_count_neither_way():
    """Label 255 is left out of every figure."""
    heat = np.array([[1.0, 0.2], [0.9, 0.1]])
    mask = np.array([[1, 0], [255, 0]], np.uint8)
    assert agreement(heat, mask, 1) == {"auroc": 1.0, "energy": pytest.approx(1 / 1.3), "pointing": 1.0}
