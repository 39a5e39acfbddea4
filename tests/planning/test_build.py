"""What a plan names, built: the network, the sum of losses, the metrics."""

import pytest
import torch

from segkit.config import Layer
from segkit.declarations import Task
from segkit.discovery import Registry
from segkit.errors import SegkitError
from segkit.planning.build import assemble, build_metrics, build_model, build_objective
from segkit.planning.plan import Plan, make_plan


def plan_of(registry: Registry, **values: object) -> Plan:
    """Make a plan of flags, written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    return make_plan([Layer("flag", {"components.arch": "net", "components.data": "squares", **flags})], registry, {})


def test_weights_follow_the_seed_alone(toy_registry: Registry) -> None:
    """Whatever drew random numbers before, equal seeds give equal first weights, others other ones."""
    models = []
    for before, seed in ((0, 3), (17, 3), (0, 4)):
        torch.manual_seed(before)
        models.append(assemble(plan_of(toy_registry, run__seed=seed)).model.state_dict())
    first, again, other = models
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_params_reach_the_network_and_all_of_its_parameters_are_counted(toy_registry: Registry) -> None:
    """Convolutions of 3 x 3 from 3 to 5 channels and of 1 x 1 to one class: 3*5*9 + 5 + 5 + 1, frozen ones too."""
    built = assemble(plan_of(toy_registry, arch__width=5))
    built.model[0].weight.requires_grad_(False)
    assert built.parameters == 3 * 5 * 9 + 5 + 5 + 1
    assert built.model(torch.zeros(2, 3, 24, 32)).shape == (2, 1, 24, 32)


def test_a_network_says_its_minimum(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest side counts, and one that is just long enough is taken."""
    import segkit_toy
    from torch import nn

    class Deep(nn.Conv2d):
        size_minimum = 24

    monkeypatch.setattr(segkit_toy, "build_net", lambda task, params: Deep(3, 1, 1))
    assert isinstance(build_model(plan_of(toy_registry, data__size="24x32")), Deep)
    with pytest.raises(SegkitError, match=r"takes sides of 24 and more, the working size is \(32, 23\)"):
        build_model(plan_of(toy_registry, data__size="32x23"))


def test_a_network_with_nothing_to_train_is_refused_before_training(toy_registry: Registry, monkeypatch) -> None:
    """No parameter at all, or all of them frozen: in a sentence that names the architecture."""
    import segkit_toy
    from torch import nn

    for network in (nn.Identity(), nn.Conv2d(3, 1, 1).requires_grad_(False)):
        monkeypatch.setattr(segkit_toy, "build_net", lambda task, params, network=network: network)
        with pytest.raises(SegkitError, match="arch segkit-toy:net has no parameter to train"):
            build_model(plan_of(toy_registry))


def test_each_loss_keeps_its_factor_name_and_scope(toy_registry: Registry) -> None:
    """The sum is that of its terms: 2 * a + 0.5 * b, the one over the batch told apart."""
    objective = build_objective(plan_of(toy_registry, components__loss="2*bernoulli + 0.5*wide"))
    assert [(term.label, term.factor, term.scope) for term in objective.terms] == [
        ("bernoulli", 2, "sample"),
        ("wide", 0.5, "batch"),
    ]
    logits = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    mask = (logits[:, 0] > 0.5).long()
    total, parts = objective(logits, mask)
    assert torch.allclose(total, parts["bernoulli"] + parts["wide"])
    reference = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], mask.float())
    assert parts["bernoulli"].mean() == pytest.approx(2 * float(reference), rel=1e-5)


def test_each_metric_measures_and_scores_with_its_own_params(toy_registry: Registry) -> None:
    """The first one named stays the main one; half of a class found is an overlap of 2/3, plus its offset."""
    import numpy as np

    plan = plan_of(toy_registry, components__metrics="miss,overlap", metric__miss__offset=1)
    miss, overlap = build_metrics(plan)
    assert (miss.name, overlap.name) == ("miss", "overlap")
    mask = np.ones((4, 4), np.uint8)
    found = mask * (np.arange(4) < 2)
    values = [metric.score(metric.measure(found, mask, None, plan.task, {}))[0] for metric in (miss, overlap)]
    assert values == pytest.approx([1.5, 2 / 3])
    assert (miss.params.offset, overlap.params.offset) == (1, 0)


def test_layers_may_follow_from_params_and_a_network_may_be_told_its_size(toy_registry, monkeypatch):
    """A declaration names a function of the params; a sized factory is given the working size."""
    import dataclasses

    import segkit_toy

    found = toy_registry.find("arch", "net")
    told = []

    def build_sized(task, params, size):
        told.append(size)
        return segkit_toy.build_net(task, params)

    monkeypatch.setattr(segkit_toy, "build_sized", build_sized, raising=False)
    monkeypatch.setattr(segkit_toy, "layers_of", lambda params: {"last": f"layer{params.width}"}, raising=False)
    component = dataclasses.replace(
        found.component, factory="segkit_toy:build_sized", sized=True, layers="segkit_toy:layers_of"
    )
    sized = dataclasses.replace(found, component=component)
    params = component.params(width=5)
    assert sized.layers(params) == {"last": "layer5"}
    sized.network(Task(3, ("a",)), params, (8, 8))
    assert told == [(8, 8)]
    monkeypatch.setattr(segkit_toy, "layers_of", lambda params: ["last"])
    with pytest.raises(SegkitError, match="arch segkit-toy:net: layers gave"):
        sized.layers(params)
