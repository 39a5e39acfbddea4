"""What architectures say that they offer explainers is what their networks have."""

from __future__ import annotations

import pytest
from torch.nn.modules.dropout import _DropoutNd

from segkit.discovery import Registry
from segkit.params import build
from segkit.testing.subjects import ArchitectureSubject

CASES = [
    (found, dims, settings)
    for found in Registry.discover().components("arch")
    for dims in found.component.spatial_dims
    for settings in ({}, {"dropout": 0.0}, {"dropout": 0.25})
    if settings.keys() <= found.component.params.__dataclass_fields__.keys()
]


@pytest.mark.parametrize(
    ("found", "dims", "settings"),
    [pytest.param(*case, id=f"{case[0].component.name}-{case[1]}D-{case[2] or 'small'}") for case in CASES],
)
def test_dropout_is_offered_where_something_is_dropped_and_nowhere_else(found, dims, settings):
    """Of every installed network, with the params it is checked with."""
    subject = ArchitectureSubject(found, settings, dims)
    dropped = any(isinstance(module, _DropoutNd) and module.p > 0 for module in subject.network.modules())
    assert ("dropout" in found.offers(subject.params)) == dropped


def test_offers_depend_on_params_without_the_network_being_imported():
    """The U-Net drops nothing unless it is asked to."""
    unet = Registry.discover().find("arch", "unet")
    for share, expected in ((0.0, ()), (0.1, ("dropout",))):
        assert unet.offers(build(unet.component.params, {"dropout": share}, "unet")) == expected
