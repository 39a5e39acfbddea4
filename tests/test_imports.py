"""The floors: a module imports only floors below its own, and the core knows no plugin."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from segkit.declarations.hookspecs import DECLARATION_OF_HOOK
from segkit.discovery import Registry

PROJECT = Path(__file__).resolve().parents[1]
CORE = PROJECT / "segkit"
FLOORS = (
    ("version", "errors", "contracts", "padding", "starting"),
    ("params", "files"),
    ("declarations",),
    ("discovery",),
    ("settings",),
    ("config",),
    ("statistics",),
    ("data",),
    ("engine",),
    ("explain",),
    ("planning",),
    ("rundir",),
    ("report",),
    ("model",),
    ("jobs",),
    ("api",),
    ("testing", "scaffold"),
    ("cli",),
)
LEVEL = {module: level for level, modules in enumerate(FLOORS) for module in modules}
EXEMPT = ("__init__", "__main__")
"""`segkit` itself gathers the public names."""
EVERYDAY_WORDS = {"folder", "boundary"}
"""Components that are called what the core has other things of."""
TOLD_BY_VOLUMES = {"Store", "VolumeStore", "Parts", "Predictor", "VolumePredictor"}
SLOW = ("json", "tomllib", "hashlib", "secrets", "rich", "packaging", "difflib")
"""Standard modules and light libraries that looking around has no use for: together as long as a tenth of `list`."""
HEAVY = ("torch", "numpy", "scipy", "matplotlib", "jinja2", "PIL")

SOURCES = sorted(CORE.rglob("*.py"))


def floor_of(path: Path) -> str:
    """The module or package right under segkit/ that a file belongs to."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imported_floors(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and floor of every import of the core, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "segkit" and parts[1:2] not in ([], ["__version__"]):
                yield node.lineno, parts[1]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_imports_go_down(path):
    """A file imports only floors below its own, or its own package."""
    own = floor_of(path)
    if own in EXEMPT:
        return
    assert own in LEVEL, f"give {own} a floor"
    for line, other in imported_floors(path):
        assert other in LEVEL, f"{path.name}:{line}: segkit.{other} has no floor; import it where it is defined"
        assert other == own or LEVEL[other] < LEVEL[own], (
            f"{path.name}:{line}: {own} imports {other}, which is above it"
        )


def test_the_layout_stays_small():
    """segkit/ has at most 24 names at its top: what is new goes into the room that it belongs to (issue 16)."""
    names = {path.name.removesuffix(".py") for path in CORE.iterdir() if path.suffix in ("", ".py")} - {"__pycache__"}
    assert names - set(EXEMPT) == set(LEVEL)
    assert len(LEVEL) <= 24


def test_the_page_shows_these_floors():
    """docs/architecture.md names every module once, the highest first."""
    text = (PROJECT / "docs" / "architecture.md").read_text().partition("## Floors")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `segkit/")]
    rows = [re.findall(r"`segkit/(\w+)(?:\.py|/)`", cell) for cell in cells]
    assert sorted(module for row in rows for module in row) == sorted(LEVEL)
    for upper, lower in pairwise(rows):
        assert min(LEVEL[module] for module in upper) >= max(LEVEL[module] for module in lower), (upper, lower)


def strings_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the string literals of a file but for docstrings, and what it imports."""
    tree = ast.parse(path.read_text())
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_photographs_and_volumes_are_told_apart_by_an_attribute(path):
    """`volumes` of a store, of parts and of a predictor says what it is for; nobody asks for the class."""
    tree = ast.parse(path.read_text())
    asked = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"]
    for call in asked:
        kinds = set(re.findall(r"\w+", ast.unparse(call.args[1])))
        assert not kinds & TOLD_BY_VOLUMES, f"{path.name}:{call.lineno}"


@pytest.fixture(scope="module")
def plugin_names() -> set[str]:
    """Names of the built-in distributions, of their packages and of their components."""
    folders = {path.parent.name for path in PROJECT.glob("plugins/*/pyproject.toml")}
    built_in = [item for item in Registry.discover().components() if item.plugin.name in folders]
    components = {name for item in built_in for name in (item.component.name, *item.component.aliases)}
    assert folders
    assert components
    packages = {folder.replace("-", "_") for folder in folders}
    # A hook and a package may share a name: segkit_losses is both.
    return (folders | packages | components) - set(DECLARATION_OF_HOOK) - EVERYDAY_WORDS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_names_no_plugin(path, plugin_names):
    """No string or import of the core holds a built-in plugin's or component's name; prose may give examples."""
    for line, text in strings_of(path):
        words = set() if " " in text else set(re.findall(r"[\w-]+", text))
        assert not words & plugin_names, f"{path.name}:{line}: {text!r} names a plugin"


@pytest.mark.parametrize("args", [["--help"], ["list"], ["--version"]])
def test_looking_around_imports_only_what_it_needs(args):
    """`--help` and `list`, written to a pipe, load nothing that only other commands need."""
    code = f"""
import sys
before = set(sys.modules)
from segkit.cli import main
try:
    main({args!r})
except SystemExit as leaving:
    assert not leaving.code, leaving.code
print(*sorted(name for name in {SLOW!r} if name in sys.modules and name not in before), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == ""


@pytest.mark.parametrize("args", [["--help"], ["list"], ["list", "--json"], ["plugins"], ["--version"]])
def test_light_commands_import_nothing_heavy(args):
    """What people type to look around loads none of the libraries that work."""
    code = f"""
import sys
from segkit.cli import main
try:
    main({args!r})
except SystemExit as leaving:
    assert not leaving.code, leaving.code
print(*sorted(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == ""


def test_declaring_and_importing_the_commands_is_light():
    """Importing every command's module, and `segkit` itself, loads no heavy library."""
    commands = [f"segkit.cli.{path.stem}" for path in (CORE / "cli").glob("*.py") if path.stem != "__init__"]
    code = f"""
import importlib, sys
for name in {["segkit", *commands]!r}:
    importlib.import_module(name)
sys.exit(" ".join(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
