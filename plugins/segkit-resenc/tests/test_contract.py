"""What every plugin has to pass: one network in 2D for every change, the rest under the mark `full`."""

import pytest

pytest.importorskip("dynamic_network_architectures", reason="segkit-resenc's library is not installed")

from segkit.testing.suite import Suite

SUITE = Suite.of("segkit-resenc")
SLOW = ("onnx", "torch-export", "compile")


def is_quick(name):
    """Whether a check is of what every change has to pass."""
    return name.startswith(("segkit-resenc", "plainconv-2d")) and not name.endswith(SLOW)


ITEMS = [
    pytest.param(item, id=str(item), marks=() if is_quick(str(item)) else pytest.mark.full) for item in SUITE.items()
]


@pytest.mark.parametrize("item", ITEMS)
def test_plugin(item):
    """The plugin passes a check of the conformance kit."""
    outcome = SUITE.outcome(item)
    if outcome.status == "skipped":
        pytest.skip(outcome.reason)
    if outcome.failure is not None:
        raise outcome.failure
