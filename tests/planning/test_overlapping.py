"""Which components can deal with overlapping classes, and what is said of those that cannot."""

from __future__ import annotations

import pytest

from segkit.declarations import Task
from segkit.discovery import Registry
from segkit.errors import UsageError
from segkit.planning.overlapping import check_overlapping

OF_LABEL_MAPS = "it bins the probability of the one label that a pixel has: overlapping classes have none"
CANNOT = {f"segkit-metrics:{name}": OF_LABEL_MAPS for name in ("ece", "ace", "mce", "brier", "nll")}
"""Built-in components that do not declare it, and why."""
BUILT_IN = [
    item
    for item in Registry.discover().components()
    if hasattr(item.component, "overlapping") and item.plugin.name.startswith("segkit-")
]


def test_each_built_in_declares_it_or_has_a_reason() -> None:
    """Losses, metrics and explainers alike; a reason is left out once its component declares it (issue 22)."""
    assert BUILT_IN
    assert {item.full_name for item in BUILT_IN if not item.component.overlapping} == set(CANNOT) & {
        item.full_name for item in BUILT_IN
    }


@pytest.mark.parametrize("name", sorted(CANNOT))
def test_those_that_cannot_are_refused(name: str) -> None:
    """With the names of those that can."""
    found = [item for item in BUILT_IN if item.full_name == name]
    with pytest.raises(UsageError, match="does not say that it can deal with overlapping classes, and a, b overlap"):
        check_overlapping(Task(1, ("a", "b"), overlapping=True), found, Registry.discover())
    check_overlapping(Task(1, ("a", "b")), found, Registry.discover())
