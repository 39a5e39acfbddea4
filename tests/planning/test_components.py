"""The components that settings name."""

import pytest

from segkit.discovery import Registry, distribution_of, plain_name
from segkit.errors import UsageError
from segkit.planning.components import chosen_components, find_explainers, find_losses, find_metrics, required


def test_losses_are_found_term_by_term(toy_registry: Registry) -> None:
    """Each with its factor."""
    found = find_losses(toy_registry, "2*bernoulli + wide")
    assert [(term.factor, item.full_name) for term, item in found] == [
        (2.0, "segkit-toy:bernoulli"),
        (1.0, "segkit-toy:wide"),
    ]


@pytest.mark.parametrize("names", ["overlap, miss", ["overlap", "miss"], ("segkit-toy:overlap", "miss")])
def test_metrics_are_named_by_text_or_list(toy_registry: Registry, names: object) -> None:
    """The main one stays first."""
    assert [item.component.name for item in find_metrics(toy_registry, names)] == ["overlap", "miss"]


@pytest.mark.parametrize("names", [None, "", (), "none", ["none"]])
def test_explainers_may_be_none(toy_registry: Registry, names: object) -> None:
    """Nothing named, or "none", explains nothing."""
    assert find_explainers(toy_registry, names) == ()


@pytest.mark.parametrize(("find", "names"), [(find_metrics, "overlap,overlap"), (find_explainers, "glow,glow")])
def test_one_component_once(toy_registry: Registry, find, names: str) -> None:
    """Twice the same is a slip."""
    with pytest.raises(UsageError, match="is named twice"):
        find(toy_registry, names)


def test_what_has_to_be_named_lists_what_there_is(toy_registry: Registry) -> None:
    """An architecture that nobody names, and one that is named."""
    for names in ({}, {"loss": None}, {"loss": "none"}, {"loss": ""}):
        with pytest.raises(UsageError, match="no loss was named; say --loss NAME; installed: bernoulli, nan, wide"):
            required(names, "loss", toy_registry)
    assert required({"loss": "wide"}, "loss", toy_registry) == "wide"


def test_the_config_shows_components_in_one_order(toy_registry: Registry) -> None:
    """Architecture, data, losses, metrics, explainers."""
    find = toy_registry.find
    choice = chosen_components(
        find("arch", "net"),
        find("data", "squares"),
        [find("loss", "wide")],
        [find("metric", "miss"), find("metric", "overlap")],
        [find("explainer", "glow")],
    )
    assert [params.prefix for params in choice.params] == [
        "arch.",
        "data.",
        "loss.wide.",
        "metric.miss.",
        "metric.overlap.",
        "explainer.glow.",
    ]
    assert [item.component.name for item in choice.of("metric")] == ["miss", "overlap"]


def test_a_recipe_means_what_its_dataset_requires(toy_registry: Registry) -> None:
    """A stranger's loss and metric that bear the recipe's names stop no run; named by somebody they are an error."""
    import types

    import segkit
    from segkit.config import Layer
    from segkit.declarations.installed import Plugin
    from segkit.planning.plan import make_plan

    stranger = types.ModuleType("stranger_twin")
    twins = [segkit.Loss(name="bernoulli", factory="a:b", summary="Another.")]
    stranger.segkit_losses = segkit.hookimpl(lambda: twins, specname="segkit_losses")
    point = types.SimpleNamespace(name="twin", value="stranger_twin", load=lambda: stranger)
    toy_registry.add(Plugin("segkit-twin", "1.0", point, ("segkit-core>=0.1,<1",)))
    toy = {"components.arch": "net", "components.data": "squares"}
    plan = make_plan([Layer("flag", toy)], toy_registry, {})
    assert [found.full_name for _, found in plan.losses] == ["segkit-toy:bernoulli"]
    with pytest.raises(UsageError, match="provided by several plugins"):
        make_plan([Layer("flag", toy | {"components.loss": "bernoulli"})], toy_registry, {})


def test_a_metric_once_more_under_a_name_of_its_own(toy_registry: Registry) -> None:
    """Its params are set by that name, its full name leads back to it, and it is the same metric to its plugin."""
    plain, variant = find_metrics(toy_registry, "overlap,overlap-ten=segkit-toy:overlap")
    assert (variant.component.name, variant.full_name) == ("overlap-ten", "overlap-ten=segkit-toy:overlap")
    assert plain_name(variant.full_name) == "overlap-ten"
    assert distribution_of(variant.full_name) == "segkit-toy"
    assert variant.component.factory == plain.component.factory
    assert find_metrics(toy_registry, [variant.full_name])[0].full_name == variant.full_name


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("miss=overlap", "miss is a metric of its own"),
        ("ten=overlap,ten=miss", "'ten' is named twice"),
        ("at@2=overlap", "'at@2' is no name"),
        ("ten=nothing", "no metric named 'nothing'"),
    ],
)
def test_a_variant_that_cannot_be_meant(toy_registry: Registry, names: str, message: str) -> None:
    """Each in a sentence."""
    with pytest.raises(UsageError, match=message):
        find_metrics(toy_registry, names)


@pytest.mark.parametrize("names", ["", " , ", (), None])
def test_no_metric_is_refused(toy_registry, names):
    """With those that are installed."""
    with pytest.raises(UsageError, match="no metric was named"):
        find_metrics(toy_registry, names)
