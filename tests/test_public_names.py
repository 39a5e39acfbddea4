"""The public names are a promise: whoever changes them changes this list, and the plugin API's version."""

from __future__ import annotations

import importlib.util

import segkit

PUBLIC = [
    "API_VERSION",
    "Architecture",
    "Case",
    "Dataset",
    "Explainer",
    "IGNORE",
    "Loss",
    "Measurement",
    "Metric",
    "Outputs",
    "Problem",
    "Sample",
    "SegkitError",
    "Task",
    "UsageError",
    "components",
    "hookimpl",
    "load",
    "param",
    "run",
]


def test_public_names_are_frozen():
    """`segkit.__all__` is what it was."""
    assert segkit.__all__ == PUBLIC


def test_public_names_are_sorted_and_exist():
    """Each public name is there once, in order, with something behind it."""
    assert segkit.__all__ == sorted(set(segkit.__all__))
    assert all(getattr(segkit, name, None) is not None for name in segkit.__all__)


def test_no_public_name_is_a_module():
    """No public name hides a module of the package."""
    assert [name for name in segkit.__all__ if importlib.util.find_spec(f"segkit.{name}")] == []
