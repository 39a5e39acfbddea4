"""What every plugin has to pass."""

import pytest

from segkit.testing import plugin_checks
from segkit.testing.suite import Suite

test_plugin = plugin_checks("segkit-unet")


def test_inductor_compiles_it():
    """One network goes through inductor with every change; all do under the mark `full` (tests/testing)."""
    suite = Suite.of("segkit-unet", full=True, params={"unet": {"width": 2, "depth": 1}})
    item = next(item for item in suite.items() if str(item) == "unet-2d-compile-inductor")
    outcome = suite.outcome(item)
    if outcome.status == "skipped":
        pytest.skip(outcome.reason)
    assert outcome.status == "passed", outcome.failure
