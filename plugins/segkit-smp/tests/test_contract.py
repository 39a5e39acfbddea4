"""What every plugin has to pass: one network for every change, all of them under the mark `full`."""

import pytest
import segmentation_models_pytorch as smp

from segkit.testing.suite import Suite
from segkit_smp import ARCHITECTURES

DEAD = "the library's convolution has a bias right before batch normalisation, which takes it out again"
SUITE = Suite.of("segkit-smp", xfail={"smp-pan:gradients": DEAD})
QUICK = {"segkit-smp", "smp-unet"}
ITEMS = [
    pytest.param(item, id=str(item), marks=() if item.subject.name in QUICK else pytest.mark.full)
    for item in SUITE.items()
]


@pytest.mark.parametrize("item", ITEMS)
def test_plugin(item):
    """The plugin passes a check of the conformance kit."""
    outcome = SUITE.outcome(item)
    if outcome.status in ("skipped", "xfailed"):
        {"skipped": pytest.skip, "xfailed": pytest.xfail}[outcome.status](outcome.reason)
    if outcome.failure is not None:
        raise outcome.failure


def test_every_architecture_of_the_library_is_there():
    """The names are the library's."""
    assert set(ARCHITECTURES) == set(smp.MODEL_ARCHITECTURES_MAPPING)
