"""The page on paper, on a phone and in grey, as a browser lays it out."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from segkit.report.explanations import ExplainedCase, ShownPicture
from segkit.report.writer import write_report


def pictures_of(*kinds: str) -> ExplainedCase:
    """A case whose pictures are of those kinds: masks m, maps h."""
    shown = tuple(ShownPicture(kind, b"", None if kind == "m" else object()) for kind in kinds)  # type: ignore[arg-type]
    return ExplainedCase("case", "", 0.5, "dice", b"", shown, ())


@pytest.mark.parametrize(
    ("kinds", "rows"),
    [("mmmh", [4]), ("mmmhh", [5]), ("mmmhmmh", [4, 3]), ("mmmhmmhmmhh", [4, 3, 4]), ("mmh", [3]), ("", [])],
)
def test_each_target_has_a_row_of_pictures(kinds, rows):
    """A map stands with the masks of its own target, never with those of the next one."""
    assert [len(row) for row in pictures_of(*kinds).rows] == rows


def test_a_metric_s_name_comes_before_how_it_was_taken(tmp_path: Path, run_writer, pictures):
    """In words first, the conventions behind."""
    page = write_report(run_writer(tmp_path / "run"), pictures).read_text(encoding="utf-8")
    assert '<th scope="row">dice, lesion<br><span class="hint">mean over cases, both_empty=nan</span></th>' in page


EVIDENCE = {
    "verdict": "believe",
    "words": ["depends on what was learnt"],
    "reference": {"auroc": 0.9, "energy": 0.5, "pointing": 1.0},
    "prediction": {"auroc": 0.8},
    "curves": {"deletion_area": 0.3, "insertion_area": 0.7},
    "randomisation": {"decoder": 0.1, "everything": 0.2},
}


def explained(folder: Path, case: str) -> None:
    """Write one explanation with all its evidence into a run."""
    place = folder / "explanations" / "a"
    place.mkdir(parents=True)
    stream = io.BytesIO()
    Image.new("RGB", (560, 420), "white").save(stream, "JPEG")
    for name in "1234":
        (place / f"{name}.jpg").write_bytes(stream.getvalue())
    pictures = [{"file": f"a/{name}.jpg", "title": "x", "map": 0 if name == "4" else None} for name in "1234"]
    one = {"explainer": "grad-cam", "target": "predicted:lesion", "layer": "last", "status": "ok", "evidence": EVIDENCE}
    entry = {
        "case": case,
        "label": "worst",
        "score": 0.5,
        "score_name": "dice",
        "panel": "a.png",
        "pictures": pictures,
        "maps": [one],
    }
    index = {"format": 1, "explained": [entry]}
    (folder / "explanations" / "index.json").write_text(json.dumps(index))


@pytest.mark.full
def test_paper_phone_and_screen(tmp_path: Path, run_writer, pictures):
    """Nothing is cut off on paper, and heads keep their words; phones have cards, screens pictures of 320 pixels."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    run = run_writer(tmp_path / "run", cases=40)
    explained(run, "ISIC_0000000")
    page_file = write_report(run, pictures)
    outside = """(width) => [...document.querySelectorAll("td, th, img, pre, p, svg")]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > width + 1)
        .map((one) => one.outerHTML)"""
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        paper = browser.new_page(viewport={"width": 703, "height": 1032})
        paper.emulate_media(media="print")
        paper.goto(page_file.as_uri())
        paper.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert paper.evaluate(outside, 703) == []
        # A button's words are not painted in a head that is repeated on the next page.
        shown = paper.evaluate(
            "[...document.querySelectorAll('thead button')].map((one) => getComputedStyle(one).display)"
        )
        assert set(shown) == {"contents"}
        phone = browser.new_page(viewport={"width": 390, "height": 844})
        phone.goto(page_file.as_uri())
        assert phone.evaluate(outside.replace("td, th, img, pre, p, svg", ".evidence td, .tile img"), 390) == []
        assert len({round(box) for box in lefts(phone)}) == 1
        for width, columns in ((1280, 2), (1000, 2)):
            screen = browser.new_page(viewport={"width": width, "height": 900})
            screen.goto(page_file.as_uri())
            wide = screen.evaluate("[...document.querySelectorAll('.tile img')].map((one) => one.clientWidth)")
            assert min(wide) >= 320
            assert len({round(box) for box in lefts(screen)}) == columns
        browser.close()


def lefts(page) -> list[float]:
    """Where the pictures of an explanation begin."""
    return page.evaluate("[...document.querySelectorAll('.tile img')].map((one) => one.getBoundingClientRect().left)")
