"""Suites of components that are made here, right or wrong in one way."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from segkit.declarations.installed import Plugin
from segkit.testing.suite import Suite

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def suite_of(monkeypatch):
    """Return the suite of a distribution with the components given, without installing it."""
    monkeypatch.syspath_prepend(str(SAMPLES))

    def make(module, *components, **options):
        point = EntryPoint("sample", module, "segkit")
        requires = ("segkit-core>=0.1,<0.2",)
        return Suite([Plugin("segkit-sample", "1.0", point, requires, components=list(components))], **options)

    return make


@pytest.fixture
def failures():
    """Return the names of the checks that fail, with what is told of each."""

    def run(suite, leave_out=()):
        outcomes = {item: suite.outcome(item) for item in suite.items() if item.check.name not in leave_out}
        return {item.check.name: outcome.failure for item, outcome in outcomes.items() if outcome.status == "failed"}

    return run
