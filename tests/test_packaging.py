"""Packages: complete requirements, alike plugins, and wheels that give the same components as the checkout."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import segkit
from segkit.discovery import Registry

PROJECT = Path(__file__).resolve().parents[1]
PLUGINS = sorted(path.parent for path in PROJECT.glob("plugins/*/pyproject.toml"))
LIBRARIES = ("segkit-nifti",)
"""What several plugins build on: a distribution of its own that declares no component, and so has no entry point."""
each_plugin = pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
NAMING_FIELDS = ("components.loss", "components.metrics", "components.explainers", "train.selection")


def project_of(folder: Path) -> dict:
    """The [project] table of a distribution."""
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def requirements_of(folder: Path) -> dict[str, Requirement]:
    """What a distribution requires, by name."""
    found = [Requirement(text) for text in project_of(folder)["dependencies"]]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def test_requirements_install_every_folder():
    """requirements.txt and, for bridges, requirements-bridges.txt install each folder under plugins/ editable, once."""
    default, bridges = (
        [line.removeprefix("-e ") for line in (PROJECT / name).read_text().splitlines() if line.startswith("-e ")]
        for name in ("requirements.txt", "requirements-bridges.txt")
    )
    assert default[0] == "."
    assert sorted([*default[1:], *bridges]) == [f"./plugins/{folder.name}" for folder in PLUGINS]


def test_development_requirements_build_on_them():
    """requirements-dev.txt installs all of the two others, and every tool that tests and CI call."""
    lines = (PROJECT / "requirements-dev.txt").read_text().splitlines()
    assert lines[:2] == ["-r requirements.txt", "-r requirements-bridges.txt"]
    tools = {Requirement(line).name for line in lines[2:]}
    assert {"pytest", "hypothesis", "hatchling", "ruff", "mypy"} <= tools


@each_plugin
def test_plugin_project(folder):
    """A built-in plugin is a whole distribution: named as its folder, licensed, described, with the core's version."""
    project = project_of(folder)
    module = folder.name.replace("-", "_")
    settings = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["name"] == folder.name
    entry_points = {} if folder.name in LIBRARIES else {folder.name.removeprefix("segkit-"): module}
    assert project.get("entry-points", {}).get("segkit", {}) == entry_points
    assert project["dynamic"] == ["version"]
    assert (folder / settings["tool"]["hatch"]["version"]["path"]).resolve() == PROJECT / "segkit" / "__init__.py"
    assert (folder / "LICENSE").read_bytes() == (PROJECT / "LICENSE").read_bytes()
    assert (folder / "README.md").read_text().startswith("#")
    assert (folder / module / "__init__.py").is_file()


@each_plugin
def test_plugin_states_the_core_it_works_with(folder):
    """Its range includes this core and ends before the next one that may break it."""
    required = requirements_of(folder)["segkit-core"]
    assert required.specifier.contains(segkit.__version__)
    assert {clause.operator for clause in required.specifier} == {">=", "<"}


def names_in(value: object) -> set[str]:
    """The component names in a recipe's field: a sum of losses, a name, or several."""
    texts = [value] if isinstance(value, str) else list(value or ())
    return {name for text in texts for name in re.findall(r"[a-z][\w-]*", text)}


@pytest.mark.parametrize("item", Registry.discover().components("data"), ids=lambda item: item.full_name)
def test_dataset_requires_what_its_recipe_names(item):
    """Whoever installs a dataset's plugin gets the loss, metrics and explainers of its recipe with it."""
    folder = PROJECT / "plugins" / item.plugin.name
    if not folder.is_dir():
        pytest.skip(f"{item.plugin.name} is not one of the built-in plugins")
    registry = Registry.discover()
    recipe = item.load().recipe
    kinds = {"components.loss": "loss", "components.explainers": "explainer"}
    for field in NAMING_FIELDS:
        for name in names_in(recipe.get(field)):
            owner = registry.find(kinds.get(field, "metric"), name).plugin.name
            assert owner == item.plugin.name or owner in requirements_of(folder), f"{field} {name} is of {owner}"


@pytest.fixture(scope="module")
def site(install_wheels) -> Path:
    """Install the core's and every plugin's wheel into one folder."""
    return install_wheels([PROJECT, *PLUGINS])


def test_wheels_give_the_same_components(site, segkit_beside):
    """The wheels, installed together, list what the checkout lists."""
    wheels = segkit_beside(site, "plugins", "--json")
    checkout = subprocess.run(
        [sys.executable, "-m", "segkit", "plugins", "--json"], capture_output=True, text=True, cwd=PROJECT, check=True
    )
    listed = [
        {plugin["distribution"]: (plugin["version"], plugin["status"], plugin["components"]) for plugin in report}
        for report in (json.loads(done.stdout)["plugins"] for done in (wheels, checkout))
    ]
    assert listed[0] == listed[1]
    assert {folder.name for folder in PLUGINS} - set(LIBRARIES) <= set(listed[0])


def test_wheels_are_complete(site):
    """Every file of the packages that is not generated is in the wheel: templates, configs, py.typed."""
    packages = [PROJECT / "segkit", *(folder / folder.name.replace("-", "_") for folder in PLUGINS)]
    for package in packages:
        files = {path.relative_to(package.parent) for path in package.rglob("*") if path.is_file()}
        wanted = {str(path) for path in files if "__pycache__" not in path.parts}
        assert {name for name in wanted if not (site / name).is_file()} == set()


def test_wheels_hold_no_tests(site):
    """Tests stay out of the wheels."""
    assert not (site / "tests").exists()
