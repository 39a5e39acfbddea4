"""The slow checks of every built-in plugin: before a release."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from segkit.discovery import Registry
from segkit.testing.graphs import export_and_compare, exported, onnx_session
from segkit.testing.subjects import ArchitectureSubject
from segkit.testing.suite import Suite

FOLDER = Path(__file__).parents[2] / "plugins"
ONE_SIZE = {"segkit-monai:monai-swinunetr": "MONAI makes the mask of the shifted windows for the size it sees"}
"""Networks of other libraries without a graph of any size, and why; built-in ones all have one."""
PLUGINS = sorted(path.parent.name for path in FOLDER.glob("*/pyproject.toml"))


@pytest.fixture(scope="module")
def registry():
    """The installed plugins."""
    return Registry.discover()


def skip_unless_installed(distribution, registry):
    """Skip what is outside the default install, or provides no component."""
    if distribution not in {plugin.name for plugin in registry.plugins}:
        pytest.skip(f"{distribution} is not installed, or declares nothing")


@pytest.mark.full
@pytest.mark.parametrize("distribution", PLUGINS)
def test_slow_checks(distribution, registry):
    """Inductor compiles every network, and samples are drawn twice."""
    skip_unless_installed(distribution, registry)
    suite = Suite.of(distribution, registry, full=True)
    outcomes = [suite.outcome(item) for item in suite.items() if item.check.full]
    assert not [str(outcome.failure) for outcome in outcomes if outcome.status == "failed"]


@pytest.mark.parametrize("distribution", PLUGINS)
def test_every_network_has_a_graph_of_any_size(distribution, registry):
    """At least one format of each is not declared static; the kit compares it at sizes other than the traced one."""
    skip_unless_installed(distribution, registry)
    for found in registry.components("arch"):
        if found.plugin.name == distribution:
            levels = [found.component.export.get(format, "dynamic") for format in ("torch-export", "onnx")]
            any_size = any(level.startswith("dynamic") for level in levels)
            assert any_size != (found.full_name in ONE_SIZE), f"{found.full_name}: {levels}"


@pytest.mark.full
@pytest.mark.parametrize("format", ["torch-export", "onnx"])
@pytest.mark.parametrize("distribution", ["segkit-unet", "segkit-unetpp"])
def test_graphs_of_volumes_are_dynamic_too(distribution, format, registry):
    """What the kit looks at in 2D holds of the built-in networks in 3D."""
    subjects = Suite.of(distribution, registry).subjects
    [subject] = [one for one in subjects if isinstance(one, ArchitectureSubject) and one.dims == 3]
    export_and_compare(subject, format, {"torch-export": exported, "onnx": onnx_session}[format])


@pytest.mark.parametrize("distribution", PLUGINS)
def test_every_plugin_is_held_against_the_kit(distribution, registry):
    """Each has a test file that says so."""
    skip_unless_installed(distribution, registry)
    folder = FOLDER / distribution / "tests"
    calls = re.compile(rf'(plugin_checks|Suite\.of)\(\s*"{distribution}"')
    assert any(calls.search(file.read_text()) for file in folder.glob("test_*.py")), (
        f"write {distribution}/tests/test_contract.py: test_plugin = plugin_checks({distribution!r})"
    )
