"""The pages about writing plugins: their code is that of the packages which are installed and run by tests."""

from __future__ import annotations

import importlib.util
import re
import textwrap
from pathlib import Path

import pytest

from segkit.scaffold import make_package

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {
    "network.md": ("arch", "tinynet"),
    "dataset.md": ("data", "my-data"),
    "loss.md": ("loss", "my-loss"),
    "metric.md": ("metric", "my-metric"),
    "explainer.md": ("explainer", "my-explainer"),
}
PARTS = {
    "optimizer": "my-optimizer",
    "augmentation": "my-augmentation",
    "searcher": "my-searcher",
    "launcher": "my-launcher",
    "command": "my-command",
}


@pytest.mark.parametrize("page", PAGES)
def test_code_on_a_page_is_code_of_the_package(page):
    """Every block of Python is, word for word, in the package that `segkit new` writes (tests/cli/test_new.py)."""
    kind, name = PAGES[page]
    check_page(page, list(make_package(kind, name, {}).files.values()))


def test_code_on_the_page_of_parts_is_code_of_their_packages():
    """Each of those that it shows."""
    packages = [make_package(kind, name, {}) for kind, name in PARTS.items()]
    check_page("parts.md", [text for package in packages for text in package.files.values()])


def check_page(page, written):
    """Every block of Python is in one of the files."""
    text = (DOCS / "write-a-plugin" / page).read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        either = (block.strip(), textwrap.indent(block.strip(), "    ").strip())
        assert any(one in file for one in either for file in written), block


def test_the_list_of_checks_is_up_to_date():
    """What docs/checks.py would write is what is committed."""
    spec = importlib.util.spec_from_file_location("checks", DOCS / "checks.py")
    checks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checks)
    assert checks.PAGE.read_text() == checks.text(), "run python docs/checks.py"
