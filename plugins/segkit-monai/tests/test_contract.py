"""What every plugin has to pass: one network and the losses for every change, all of them under the mark `full`."""

import pytest

from segkit.testing.suite import Suite

SUITE = Suite.of("segkit-monai")
QUICK = {"segkit-monai", "monai-basicunet 2D"}
ITEMS = [
    pytest.param(
        item, id=str(item), marks=() if item.subject.kind == "loss" or item.subject.label in QUICK else pytest.mark.full
    )
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
