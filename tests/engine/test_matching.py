"""Matching tensors of a file with those of a network, against timm and by hand."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.models import adapt_input_conv

from segkit.engine.matching import Heads, Prefixes, adapted_channels, choose_prefixes, match, shapes_of


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_channels_are_adapted_as_timm_does(channels: int) -> None:
    """Filters of three colours become those of other channels with timm's own numbers."""
    weight = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    expected = adapt_input_conv(channels, weight)
    assert torch.allclose(adapted_channels(weight, 1, channels), expected, atol=1e-7)


@pytest.mark.parametrize(("had", "channels"), [(1, 3), (4, 2), (5, 15), (2, 1)])
def test_equal_channels_give_what_they_gave(had: int, channels: int) -> None:
    """Whatever the numbers of channels, an image with the same values in every channel gives the same."""
    weight = torch.randn(5, had, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    new = adapted_channels(weight, 1, channels)
    assert new.shape == (5, channels, 3, 3, 3)
    if channels == 1 or channels % had == 0:
        assert torch.allclose(new.sum(1), weight.sum(1), atol=1e-5)


@pytest.mark.parametrize(
    ("off", "on"), [("module.", ""), ("", "network.encoder.model."), ("net.", "encoder."), ("", "")]
)
def test_prefixes_are_found(off: str, on: str) -> None:
    """Names of a real network are found with any prefix taken off and any put on, among other tensors."""
    names = shapes_of(timm.create_model("resnet18", num_classes=0).state_dict())
    found = {off + name: shape for name, shape in names.items()} | {"fc.weight": (1000, 512)}
    network = {on + name: shape for name, shape in names.items()} | {"head.weight": (1, 512, 1, 1)}
    assert choose_prefixes(network, found) == Prefixes(off, on)


def test_names_as_they_are_win() -> None:
    """A network whose parts look alike is matched by whole names, not by a part's with another's."""
    names = {f"{part}.{level}.weight": (4, 4) for part in ("encoder", "decoder") for level in range(3)}
    assert choose_prefixes(names, names) == Prefixes()


def test_what_became_of_each() -> None:
    """Loaded, adapted, new and left over are told apart, and new tensors keep the network's first weights."""
    network = {
        "stem.weight": torch.zeros(2, 1, 3, 3),
        "body.weight": torch.zeros(2, 2),
        "wide.weight": torch.zeros(4, 4),
        "head.weight": torch.full((3, 2), 9.0),
    }
    found = {
        "stem.weight": torch.ones(2, 3, 3, 3),
        "body.weight": torch.ones(2, 2),
        "wide.weight": torch.ones(3, 4),
        "head.weight": torch.arange(4.0).reshape(2, 2),
        "rest.weight": torch.ones(1),
    }
    rows = [[(0, 1.0)], None, [(1, 1.0), (0, -1.0)]]
    heads = Heads({"head.weight": 0}, rows, 2, ["a"], ["b"])
    done = match(network, found, heads, {"stem.weight": 1})
    assert {row.name: row.how for row in done.rows} == {
        "stem.weight": "adapted",
        "body.weight": "loaded",
        "wide.weight": "new",
        "head.weight": "adapted",
    }
    assert done.values["head.weight"].tolist() == [[0, 1], [9, 9], [2, 2]]
    assert done.values["stem.weight"].unique().tolist() == [3]
    assert list(done.left_over) == ["wide.weight", "rest.weight"]
    assert [row.note for row in done.rows if row.how == "new"] == ["the source's is 3 x 4"]
