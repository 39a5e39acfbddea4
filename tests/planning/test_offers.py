"""What explainers need of networks, before torch is imported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segkit.declarations import Architecture, Explainer
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError
from segkit.planning.offers import check_offers


@pytest.fixture
def pair(toy_registry: Registry):
    """A network and an explainer of the toy plugin, declared anew."""

    def make(offers: tuple[str, ...], needs: tuple[str, ...]):
        arch, explainer = toy_registry.find("arch", "net"), toy_registry.find("explainer", "glow")
        return (
            replace(arch, component=replace(arch.component, offers=offers)),
            replace(explainer, component=replace(explainer.component, needs=needs)),
        )

    return make


@pytest.mark.parametrize(
    ("offers", "needs"), [((), ()), (("dropout",), ()), (("dropout", "attention"), ("attention",))]
)
def test_what_is_offered_can_be_needed(toy_registry: Registry, pair, offers, needs) -> None:
    """An explainer that needs nothing goes with every network, as before there were needs."""
    arch, explainer = pair(offers, needs)
    check_offers(arch, None, [explainer], toy_registry)


def test_what_is_not_offered_is_told_with_the_way_out(toy_registry: Registry, pair) -> None:
    """The sentence names both components and what is missing."""
    arch, explainer = pair(("dropout",), ("dropout", "attention"))
    with pytest.raises(
        UsageError, match="explainer glow needs attention of the network, and arch net does not"
    ) as told:
        check_offers(arch, None, [explainer], toy_registry)
    assert told.value.hint == "take another explainer, or a network that does: none is installed"


def by_params(params):
    """What a network offers that drops with some params only."""
    return ("dropout",) if params == "wet" else ()


def wrong(params):
    """A word alone, which would be taken apart into letters."""
    return "dropout"


def test_what_params_decide_is_asked_of_them(toy_registry: Registry, pair) -> None:
    """With others the pair is refused, and the hint says that params decide."""
    arch, explainer = pair(f"{__name__}:by_params", ("dropout",))
    check_offers(arch, "wet", [explainer], toy_registry)
    with pytest.raises(UsageError, match="arch net has none with these params") as told:
        check_offers(arch, "dry", [explainer], toy_registry)
    assert "segkit info net" in told.value.hint


def test_a_function_that_gives_no_tuple_is_its_authors(toy_registry: Registry, pair) -> None:
    """Told with the architecture's full name."""
    arch, explainer = pair(f"{__name__}:wrong", ("dropout",))
    with pytest.raises(SegkitError, match="net: offers gave 'dropout', not a tuple of words"):
        check_offers(arch, None, [explainer], toy_registry)


def test_uncertainty_is_of_no_layer() -> None:
    """Declared otherwise it is refused where it is declared."""
    with pytest.raises(ValueError, match="say layered=False"):
        Explainer(name="e", factory="a:b", summary="x", map="uncertainty")
    with pytest.raises(ValueError, match="map must be 'attribution' or 'uncertainty'"):
        Explainer(name="e", factory="a:b", summary="x", map="heat")


@pytest.mark.parametrize("words", ["dropout", ("",), ["dropout"], (1,)])
def test_words_are_a_tuple(words) -> None:
    """A string of letters would need each of them."""
    with pytest.raises(TypeError, match="needs must be a tuple of words"):
        Explainer(name="e", factory="a:b", summary="x", needs=words)
    with pytest.raises(TypeError, match="offers must be a tuple of words"):
        Architecture(name="a", factory="a:b", summary="x", offers=words)
