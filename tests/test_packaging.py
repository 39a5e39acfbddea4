"""Packages: complete requirements, alike plugins, and wheels that give the same components as the checkout."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hatchling.build import build_sdist
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import segkit
from segkit.discovery import Registry

PROJECT = Path(__file__).resolve().parents[1]
PLUGINS = sorted(path.parent for path in PROJECT.glob("plugins/*/pyproject.toml"))
OWNERS = packages_distributions() | {"segkit": ["segkit-core"]}
"""The distributions that bring a package, by its name; those installed editable, which none owns, have their own."""
LIBRARIES = ("segkit-nifti",)
"""What several plugins build on: a distribution of its own that declares no component, and so has no entry point."""
each_plugin = pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
NAMING_FIELDS = ("components.loss", "components.metrics", "components.explainers", "train.selection")


def project_of(folder: Path) -> dict:
    """The [project] table of a distribution."""
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def version_of(folder: Path) -> str:
    """The version of a distribution, from the file that its project names."""
    path = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["hatch"]["version"]["path"]
    return re.search(r'^__version__ = "(.+)"$', (folder / path).read_text(), re.MULTILINE)[1]


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


def test_all_is_the_default_installation():
    """`segkit-core[all]` brings what requirements.txt installs from a clone, in ranges that hold the plugins here."""
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    default = {line.rpartition("/")[2] for line in lines if line.startswith("-e ./plugins/")}
    listed = [Requirement(text) for text in project_of(PROJECT)["optional-dependencies"]["all"]]
    assert {one.name for one in listed} == default
    assert len(listed) == len(default)
    for one in listed:
        assert one.specifier.contains(version_of(PROJECT / "plugins" / one.name)), one
        assert {clause.operator for clause in one.specifier} == {">=", "<"}


def test_development_requirements_build_on_them():
    """requirements-dev.txt installs all of the two others, and every tool that tests and CI call."""
    lines = (PROJECT / "requirements-dev.txt").read_text().splitlines()
    assert lines[:2] == ["-r requirements.txt", "-r requirements-bridges.txt"]
    tools = {Requirement(line).name for line in lines[2:]}
    assert {"pytest", "hypothesis", "hatchling", "ruff", "mypy"} <= tools


@each_plugin
def test_plugin_project(folder):
    """A built-in plugin is a whole distribution: named as its folder, licensed, described, with its own version."""
    project = project_of(folder)
    module = folder.name.replace("-", "_")
    settings = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["name"] == folder.name
    entry_points = {} if folder.name in LIBRARIES else {folder.name.removeprefix("segkit-"): module}
    assert project.get("entry-points", {}).get("segkit", {}) == entry_points
    assert project["dynamic"] == ["version"]
    assert settings["tool"]["hatch"]["version"]["path"] == f"{module}/__init__.py"
    assert (folder / "LICENSE").read_bytes() == (PROJECT / "LICENSE").read_bytes()
    assert (folder / "README.md").read_text().startswith("#")
    assert (folder / module / "__init__.py").is_file()


@each_plugin
def test_plugin_states_the_core_it_works_with(folder):
    """Its range includes this core and ends before the next one that may break it."""
    required = requirements_of(folder)["segkit-core"]
    assert required.specifier.contains(segkit.__version__)
    assert {clause.operator for clause in required.specifier} == {">=", "<"}


@each_plugin
def test_plugin_states_its_siblings(folder):
    """A built-in plugin that it builds on is required in a range that holds the one here and ends like the core's."""
    required = requirements_of(folder)
    core = required.pop("segkit-core").specifier
    siblings = {name: one.specifier for name, one in required.items() if name.startswith("segkit-")}
    assert all(specifier.contains(version_of(PROJECT / "plugins" / name)) for name, specifier in siblings.items())
    assert {name: str(specifier) for name, specifier in siblings.items()} == dict.fromkeys(siblings, str(core))


@each_plugin
def test_plugin_requires_what_it_imports(folder):
    """Every third party that its modules import is in its requirements, siblings included."""
    module = folder.name.replace("-", "_")
    imported = {name for path in (folder / module).rglob("*.py") for name in imports_of(path)}
    imported -= {*sys.stdlib_module_names, module}
    required = set(requirements_of(folder))
    assert {name for name in imported if not set(map(canonicalize_name, OWNERS.get(name, [name]))) & required} == set()


def imports_of(path: Path) -> set[str]:
    """The packages that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


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


@pytest.mark.parametrize("folder", [PROJECT, *PLUGINS], ids=["segkit-core", *(folder.name for folder in PLUGINS)])
def test_sdists_hold_their_package_and_nothing_else(folder, tmp_path, monkeypatch):
    """A source distribution is the package, what it is built by, readme and licence; its version is the package's."""
    monkeypatch.chdir(folder)
    with tarfile.open(tmp_path / build_sdist(str(tmp_path))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        described = archive.extractfile(f"{archive.getnames()[0].partition('/')[0]}/PKG-INFO").read().decode()
    package = "segkit" if folder == PROJECT else folder.name.replace("-", "_")
    around = {name for name in names if not name.startswith(f"{package}/")} - {".gitignore"}
    assert around == {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO"}
    assert f"{package}/__init__.py" in names
    assert f"\nVersion: {version_of(folder)}\n" in described


@pytest.mark.full
def test_sdists_install(tmp_path, segkit_beside):
    """Every source distribution, alone in a folder, is installed by pip; together they are the checkout's plugins."""
    for folder in (PROJECT, *PLUGINS):
        command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
        subprocess.run(command, cwd=folder, check=True)
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(tmp_path / "site"))
    archives = sorted(map(str, tmp_path.glob("*.tar.gz")))
    assert len(archives) == len(PLUGINS) + 1
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *archives], check=True)
    listed = json.loads(segkit_beside(tmp_path / "site", "plugins", "--json").stdout)["plugins"]
    assert {plugin["distribution"] for plugin in listed} >= {folder.name for folder in PLUGINS} - set(LIBRARIES)
    assert {plugin["status"] for plugin in listed} == {"ok"}
