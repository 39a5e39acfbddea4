"""The pages of losses and metrics: nothing is missing, and the committed ones are those of the code."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
MADE_FOR_THE_SITE = ("gallery/", "reference/")
"""By docs/generated_pages.py; `mkdocs build --strict` looks after links to them."""


@pytest.fixture(scope="module")
def tables():
    """docs/tables.py."""
    spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_component_has_a_text_and_a_page(tables):
    """docs/components.toml speaks of each loss and metric, and of nothing else."""
    texts = tables.texts()
    for kind, by_name in tables.declared().items():
        assert sorted(texts[kind]) == sorted(by_name), f"docs/components.toml, [{kind}.NAME]"
        pages = {path.stem for path in tables.FOLDERS[kind].glob("*.md")} - {"README"}
        assert pages == set(by_name), "run python docs/tables.py"


def test_pages_are_up_to_date(tables):
    """What the script would write is what is committed."""
    if not tables.REFERENCE.is_dir():
        pytest.skip("../shared/reference is not here")
    assert not tables.outdated(), "run python docs/tables.py"


def test_links_lead_somewhere():
    """Every relative link of the documentation names a file."""
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            made = target.startswith(MADE_FOR_THE_SITE)
            assert made or (page.parent / target).exists(), f"{page.relative_to(DOCS)}: {target}"


def test_names_on_the_page_about_choosing_exist(tables):
    """It names no metric that is not there."""
    named = set(re.findall(r"\(metrics/([a-z0-9-]+)\.md\)", (DOCS / "choosing-metrics.md").read_text()))
    assert named == set(tables.declared()["metric"])
