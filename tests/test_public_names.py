"""The public names are a promise: whoever changes them changes this list, and the plugin API's version."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import segkit

PROJECT = Path(__file__).resolve().parents[1]
MODULES = sorted(PROJECT.glob("plugins/*/segkit_*/**/*.py"))

PUBLIC = [
    "API_VERSION",
    "Architecture",
    "Augmentation",
    "Case",
    "Dataset",
    "Explainer",
    "Exporter",
    "IGNORE",
    "Launcher",
    "Loss",
    "Measurement",
    "Metric",
    "Normalization",
    "Optimizer",
    "Outputs",
    "PostProcessing",
    "Problem",
    "ReportSection",
    "RunInfo",
    "Sample",
    "Sampler",
    "Schedule",
    "SearchedSetting",
    "Searcher",
    "SectionContent",
    "SegkitError",
    "StudyInfo",
    "Task",
    "Trial",
    "UnusableFileError",
    "UsageError",
    "compare",
    "components",
    "evaluate",
    "export",
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


def documented() -> dict[str, set[str]]:
    """The names by module that docs/plugin-api.md lets a plugin import, beside those of `segkit` itself."""
    text = (PROJECT / "docs" / "plugin-api.md").read_text()
    section = text.partition("## What a plugin may import")[2].partition("\n## ")[0]
    found: dict[str, set[str]] = {}
    for module, names in re.findall(r"^\| `(segkit[\w.]*)` \| (.+?) \|", section, re.MULTILINE):
        found.setdefault(module, set()).update(re.findall(r"`(\w+)`", names))
    return found


ALLOWED = documented() | {"segkit": {*PUBLIC, "__version__"}}


def imported_names(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, module and name of every import of the core, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "segkit":
            yield from ((node.lineno, node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names if alias.name.startswith("segkit."))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "segkit":
            yield node.lineno, "segkit", node.attr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_built_in_plugins_import_what_the_page_names(path):
    """A built-in plugin gets nothing of the core that docs/plugin-api.md does not promise to a stranger's."""
    for line, module, name in imported_names(path):
        assert name in ALLOWED.get(module, ()), (
            f"{path.name}:{line}: {module} {name}: use a name of docs/plugin-api.md, or promise this one there"
        )


@pytest.mark.parametrize("module", sorted(ALLOWED))
def test_every_promised_name_exists_and_says_what_it_is(module):
    """What the page names is there, and what is called or made has a docstring of its own."""
    home = importlib.import_module(module)
    for name in ALLOWED[module]:
        promised = getattr(home, name)
        if inspect.isfunction(promised) or inspect.isclass(promised):
            assert promised.__doc__, f"{module}.{name}"


def test_what_was_promised_once_stays():
    """Names of version 1.1 are found where they were: a plugin that imports them is not ours to change.

    The cleaning of the top had moved `segkit.padding` away, and no test had noticed.
    """
    for module, names in json.loads((PROJECT / "tests" / "promised_names.json").read_text()).items():
        assert set(names) <= ALLOWED.get(module, set()), module
        home = importlib.import_module(module)
        assert [name for name in names if not hasattr(home, name)] == []


def test_the_page_promises_no_more_than_is_used():
    """Each name is used by a built-in plugin or described further on the page: a promise costs, and is for somebody."""
    used = {(module, name) for path in MODULES for _, module, name in imported_names(path)}
    page = (PROJECT / "docs" / "plugin-api.md").read_text()
    for module, names in documented().items():
        idle = {name for name in names if (module, name) not in used and page.count(name) < 2}
        assert idle == set(), module
