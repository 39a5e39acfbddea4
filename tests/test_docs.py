"""The pages of losses and metrics: nothing is missing, and the committed ones are those of the code."""

import importlib.util
import re
from pathlib import Path

import pytest

from segkit.discovery import Registry

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


PICTURES = DOCS / "images" / "gallery"
LARGEST_PICTURE = 100_000


def test_the_gallery_shows_what_can_be_shown():
    """Each network and explainer of the default installation, and each dataset that draws a sample, has a picture."""
    registry = Registry.discover()
    default = (DOCS.parent / "requirements.txt").read_text()
    wanted = set()
    for kind in ("arch", "explainer", "data"):
        for found in registry.components(kind):
            shown = kind != "data" or callable(getattr(found.load(), "make_sample", None))
            if shown and f"plugins/{found.plugin.name}\n" in default:
                wanted.add(f"{kind}-{found.component.name}.jpg")
    assert {"arch-unet.jpg", "data-isic.jpg", "explainer-cam.jpg"} <= wanted
    assert wanted - {file.name for file in PICTURES.iterdir()} == set(), "run python docs/gallery_pictures.py"


def test_pictures_are_small_and_of_something():
    """A page of the gallery stays light, and no picture is of a component that is gone."""
    names = {f"{found.component.kind}-{found.component.name}" for found in Registry.discover().components()}
    for file in PICTURES.iterdir():
        assert file.stat().st_size <= LARGEST_PICTURE, file.name
        assert file.stem in names or file.stem.startswith(("arch-smp-", "arch-monai-")), file.name


def test_the_map_is_that_of_the_modules():
    """docs/architecture.md has a line per module of the core, with its first sentence."""
    spec = importlib.util.spec_from_file_location("module_map", DOCS / "module_map.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE.read_text(encoding="utf-8")
    assert module.with_map(page) == page, "run python docs/module_map.py"
    assert "`scoring.py`: " in page
