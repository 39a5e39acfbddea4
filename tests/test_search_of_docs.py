"""Who asks one of eight questions finds its guide: as the search's first page, and within two clicks of the menu."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUESTIONS = {
    "datasets/folder": ("own masks", "my own images", "own data folder"),
    "read-a-report": ("interval", "what does the interval mean", "confidence interval"),
    "volumes": ("3D", "3D volumes"),
    "write-a-plugin/network": ("own network", "own model", "add a network", "custom architecture"),
    "start-from-weights": ("fine-tuning", "finetune", "pretrained weights"),
    "scaling": ("two GPUs", "multi-GPU", "several GPUs"),
    "hyper-parameters": ("hyper-parameter search", "hyperparameters", "learning rate search"),
    "datasets/dicom": ("DICOM", "read DICOM series"),
}
"""Guide -> what people type to find it (issue 27)."""
TITLE = 1000
"""How much a word in a heading counts, as the theme's search has it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as it is published."""
    pytest.importorskip("material", reason="mkdocs-material, which builds the site, is not installed")
    folder = tmp_path_factory.mktemp("site")
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def first_page(index, places: dict[str, str], query: str) -> str:
    """The page of the first hit."""
    found = index.search(query)
    return places[found[0]["ref"]] if found else ""


@pytest.mark.full
def test_every_question_finds_its_guide_first(site: Path) -> None:
    """By words as people type them, in the search's own index."""
    lunr = pytest.importorskip("lunr", reason="lunr, which reads the search's index, is not installed").lunr
    docs = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    listed = [
        ({"id": str(number), "title": one["title"], "text": one["text"]}, {"boost": one.get("boost", 1)})
        for number, one in enumerate(docs)
    ]
    fields = [{"field_name": "title", "boost": TITLE}, {"field_name": "text", "boost": 1}]
    index = lunr(ref="id", fields=fields, documents=listed)
    places = {str(number): one["location"].split("#")[0].rstrip("/") for number, one in enumerate(docs)}
    wrong = {
        query: found
        for guide, queries in QUESTIONS.items()
        for query in queries
        if (found := first_page(index, places, query)) != guide
    }
    assert wrong == {}


@pytest.mark.full
def test_every_guide_is_within_two_clicks(site: Path) -> None:
    """The first page's menu leads to it: a tab, and the page in it."""
    menu = (site / "index.html").read_text(encoding="utf-8")
    assert [guide for guide in QUESTIONS if f'href="{guide}/"' not in menu] == []
