"""A stranger's whole package: 11 lines of pyproject and one module."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "segkit-softshape"


@pytest.fixture(scope="module")
def site(install_source):
    """Install the stranger's package with pip."""
    return install_source([PACKAGE])


def test_it_is_small():
    """A complete plugin takes about 35 lines."""
    lines = [line for file in PACKAGE.iterdir() if file.is_file() for line in file.read_text().splitlines()]
    assert len([line for line in lines if line.strip()]) <= 40


def test_it_is_listed(site, segkit_beside):
    """After pip install the component stands in the list, among the others."""
    listed = json.loads(segkit_beside(site, "list", "loss", "--json").stdout)
    own = next(item for item in listed if item["name"] == "softshape")
    assert (own["full_name"], own["version"]) == ("segkit-softshape:softshape", "1.2.3")


def test_it_is_described(site, segkit_beside):
    """Its params are shown with type, default, limits and help."""
    done = segkit_beside(site, "info", "softshape", "--json")
    assert done.returncode == 0, done.stderr
    (described,) = json.loads(done.stdout)
    assert described["params"] == [
        {
            "name": "margin",
            "set": "loss.softshape.margin",
            "type": "float",
            "default": 1.0,
            "min": 0,
            "max": None,
            "help": "Added to both areas, so that empty masks have a score.",
        }
    ]


def test_it_loads(site, segkit_beside):
    """`segkit plugins` finds nothing to say against it."""
    report = json.loads(segkit_beside(site, "plugins", "--json").stdout)
    own = next(plugin for plugin in report["plugins"] if plugin["distribution"] == "segkit-softshape")
    assert (own["status"], own["notes"], own["hint"]) == ("ok", [], "")


def test_it_runs(site, run_toy_beside, tmp_path):
    """A job trains with it, and its name, version and param are written down."""
    output = tmp_path / "run"
    done = run_toy_beside(site, "--loss", "softshape", "--set", "loss.margin=0.5", "--output", str(output))
    assert done.returncode == 0, done.stderr
    components = json.loads(done.stdout)["components"]
    assert {"kind": "loss", "name": "segkit-softshape:softshape", "version": "1.2.3"} in components
    assert "margin = 0.5" in (output / "config.toml").read_text()
