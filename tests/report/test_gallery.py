"""Every case is one link away, larger; the page stays within its size, and needs no script for it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from segkit.report import gallery
from segkit.report.gallery import LARGEST_SIDE, MOST_BYTES, SMALLEST_SIDE, large_picture, side_for, within_bounds
from segkit.report.html import anchors, mostly_thin, render
from segkit.report.overlays import (
    EXTRA,
    IGNORED,
    MISSED,
    OVERLAP,
    SHARE,
    THIN_SHARE,
    make_overlay,
    shrunk_agreement,
)
from segkit.report.pictures import CasePicture
from segkit.report.writer import write_report
from segkit.rundir.read import read_record

HOSTILE = '"><script>alert(1)</script>'


def vessels(width: int, side: int = 400) -> np.ndarray:
    """Crossing lines so many pixels wide."""
    mask = np.zeros((side, side), np.uint8)
    for start in range(20, side, 80):
        mask[start : start + width] = 1
        mask[:, start : start + width] = 1
    return mask


def as_picture(mask: np.ndarray, prediction: np.ndarray | None = None) -> CasePicture:
    """A grey picture of a mask."""
    image = np.full((*mask.shape, 3), 128, np.uint8)
    return CasePicture("a", "worst", image, mask, mask if prediction is None else prediction, 0.5, "dice")


def page_of(folder, run_writer, made, shown=(), *, anonymous=False, **options):
    """The page of a run of five cases with larger pictures, without plots."""
    run = run_writer(folder / "run", **{"cases": 5, **options})
    pictures = [(picture, make_overlay(picture)) for picture in shown]
    return render(
        read_record(run, anonymous=anonymous), [], [], pictures, gallery=[large_picture(one, 200) for one in made]
    )


def test_the_side_falls_with_the_number_of_pictures():
    """A few are shown large, very many small, and never more than there is room for by the bytes expected of each."""
    assert side_for(1) == side_for(0) == LARGEST_SIDE
    assert side_for(100_000) == SMALLEST_SIDE
    sides = [side_for(count) for count in (1, 10, 100, 1_000, 10_000)]
    assert sides == sorted(sides, reverse=True)
    assert 400 * side_for(400) ** 2 * gallery.BYTES_PER_PIXEL <= MOST_BYTES


def test_the_page_takes_as_many_as_fit(picture_maker, monkeypatch):
    """The first ones are kept, and nothing further is drawn once they are too many."""
    one = large_picture(picture_maker("a", "", 0.5, shift=0.1), 200)
    monkeypatch.setattr(gallery, "MOST_BYTES", 3 * one.size)
    asked = []

    def made():
        for number in range(10):
            asked.append(number)
            yield replace(one, case=str(number))

    assert [picture.case for picture in within_bounds(made())] == ["0", "1", "2"]
    assert asked == [0, 1, 2, 3]


def test_a_larger_picture_has_all_layers_at_its_side(picture_maker):
    """Outlines, agreement and shares are those of the overlay of that side; no pixel is made up."""
    made = picture_maker("a", "", 0.5, shift=0.1)
    large, overlay = large_picture(made, 300), make_overlay(made, 300)
    assert large.shape == (225, 300)
    assert large.full == (450, 600)
    assert (large.missed_share, large.extra_share) == (overlay.missed_share, overlay.extra_share)
    assert large_picture(made, 1600).shape == large.full
    assert large.image[:2] == b"\xff\xd8"


@pytest.mark.parametrize(("width", "thin"), [(1, True), (4, True), (20, False)])
def test_thin_structures_are_told_apart(width, thin):
    """Lines are thin, wider bands are not; where there is no reference, the prediction tells; nothing is not thin."""
    mask, empty = vessels(width), np.zeros((400, 400), np.uint8)
    assert make_overlay(as_picture(mask)).thin is thin
    assert make_overlay(as_picture(empty, mask)).thin is thin
    assert make_overlay(as_picture(empty)).thin is False


def test_thin_lines_keep_whole_when_they_are_shrunk():
    """A line of one pixel is whole at a quarter of the size; of what is not thin no edge grows."""
    agreement = np.where(vessels(1) > 0, MISSED, 0).astype(np.uint8)
    small = shrunk_agreement(agreement, (100, 100), THIN_SHARE)
    assert (small[5] == MISSED).all()
    assert (small == MISSED).sum() == 5 * 100 * 2 - 25
    assert not shrunk_agreement(agreement, (100, 100), SHARE).any()


def test_shrunk_pixels_show_what_covers_most_of_them():
    """Counted by hand on four by four pixels."""
    agreement = np.array(
        [[OVERLAP, OVERLAP, 0, 0], [OVERLAP, EXTRA, 0, EXTRA], [IGNORED, 0, MISSED, 0], [IGNORED, 0, EXTRA, MISSED]],
        np.uint8,
    )
    assert shrunk_agreement(agreement, (2, 2), SHARE).tolist() == [[OVERLAP, 0], [IGNORED, MISSED]]
    assert shrunk_agreement(np.zeros((4, 4), np.uint8), (2, 2), SHARE).tolist() == [[0, 0], [0, 0]]


def test_every_row_leads_to_its_picture_and_on(tmp_path, run_writer, picture_maker):
    """Rows, larger pictures and their ways lead to places that are there; the order is the table's."""
    names = [f"ISIC_{number:07d}" for number in range(5)]
    page = page_of(tmp_path, run_writer, [picture_maker(name, "", 0.5, shift=0.1) for name in names])
    targets = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= targets
    rows = re.findall(r'<th scope="row"><a href="#(larger-\d+)">(ISIC_\d+)</a>', page)
    assert [anchor for anchor, _ in rows] == [f"larger-{number}" for number in range(1, 6)]
    shown = re.findall(r'<figure class="larger" id="(larger-\d+)"[^>]* aria-label="(ISIC_\d+), larger"', page)
    assert shown == rows
    assert "img-src data:" in page
    assert not re.findall(r'(?:src|href)="(?!#|data:|https://challenge)', page)


def test_a_row_without_a_larger_picture_leads_to_the_one_shown(tmp_path, run_writer, picture_maker):
    """Volumes and the largest photographs are under Pictures; a case that nothing is shown of is no link."""
    page = page_of(tmp_path, run_writer, [], [picture_maker("ISIC_0000003", "worst", 0.4, shift=0.1)])
    assert re.findall(r'<th scope="row"><a href="#(.+?)">(.+?)</a>', page) == [("picture-1", "ISIC_0000003")]
    assert '<th scope="row">ISIC_0000002</th>' in page
    assert 'id="gallery"' not in page


def test_names_are_text_and_go_where_they_are_to(tmp_path, picture_maker, run_writer):
    """Markup in a name stays text; in an anonymous report no name is left, and its rows lead to their pictures."""
    made = [picture_maker(f"{HOSTILE}{number}", "", 0.5, shift=0.1) for number in range(2)]
    options = {"cases": 2, "case_id": f"{HOSTILE}{{}}".format}
    page = page_of(tmp_path / "named", run_writer, made, **options)
    assert "<script>alert" not in page
    assert len(re.findall(r'<th scope="row"><a href="#larger-\d">&#34;&gt;', page)) == 2
    anonymous = page_of(tmp_path / "anonymous", run_writer, made, anonymous=True, **options)
    assert "alert(1)" not in anonymous
    assert len(re.findall(r'<th scope="row"><a href="#larger-\d">case', anonymous)) == 2


def test_a_page_without_room_says_so(tmp_path, run_writer, picture_maker):
    """How many of the cases have a picture stands below the table."""
    page = page_of(tmp_path, run_writer, [picture_maker("ISIC_0000001", "", 0.5, shift=0.1)])
    assert "There is room on the page for 1 of 5, the worst." in page


def test_thin_structures_show_the_agreement_first(tmp_path, run_writer):
    """The boxes of a page of vessels are set so, with the reason; those of lesions are not."""
    thin, wide = as_picture(vessels(2)), as_picture(vessels(20))
    for picture, first in ((thin, True), (wide, False)):
        page = page_of(tmp_path / str(first), run_writer, [picture], [picture])
        assert page.count('class="toggle-agreement" checked') == 2 * first
        assert page.count('class="toggle-reference" checked') == 2 * (not first)
        assert ("the agreement is shown" in page) is first
    assert mostly_thin([True, True, False])
    assert not mostly_thin([True, False])
    assert not mostly_thin([])


def test_anchors_prefer_the_larger_picture(picture_maker):
    """A case that is shown and has a larger picture leads to that one; the first of several parts is led to."""
    one = picture_maker("a", "worst", 0.5, shift=0.1)
    shown = [(one, make_overlay(one)), (replace(one, case="b"), make_overlay(one)), (one, make_overlay(one))]
    assert anchors([], shown, {}) == {"a": "picture-1", "b": "picture-2"}
    assert anchors([("a", large_picture(one, 100))], shown, {"b": "case 2"}) == {"a": "larger-1", "case 2": "picture-2"}


@pytest.mark.full
@pytest.mark.parametrize("script", [True, False])
def test_pictures_open_turn_and_close_in_a_browser(tmp_path, run_writer, picture_maker, script):
    """By links alone, and with keys: next, zoom, the image alone, back to the row; nothing is asked of a network."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    run = run_writer(tmp_path / "run", cases=5)
    made = [large_picture(picture_maker(f"ISIC_{number:07d}", "", 0.5, shift=0.1), 200) for number in range(5)]
    page_file = write_report(run, [], gallery=made)
    wrong: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(java_script_enabled=script).new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on(
            "request", lambda request: wrong.extend([request.url] * (not request.url.startswith(("file:", "data:"))))
        )
        page.goto(page_file.as_uri())
        page.locator("#case-table tbody a").nth(1).click()
        opened = page.locator(".larger:target")
        assert opened.get_attribute("id") == "larger-2"
        width = opened.locator(".stage").bounding_box()["width"]
        assert width > 600  # of 200 pixels: as large as there is room
        if script:
            page.keyboard.press("ArrowRight")
            page.keyboard.press("+")
            assert opened.locator(".stage").bounding_box()["width"] == pytest.approx(1.5 * width, rel=0.01)
            layer = opened.locator("svg.layer")
            page.keyboard.down("b")
            assert not layer.is_visible()
            page.keyboard.up("b")
            assert layer.is_visible()
            page.keyboard.press("Escape")
            row = page.evaluate("document.activeElement.textContent")
            assert row == page.locator("#case-table tbody a").nth(2).inner_text()
        else:
            opened.locator(".after").click()
            assert opened.get_attribute("id") == "larger-3"
            opened.locator(".back").click()
        assert opened.count() == 0
        browser.close()
    assert wrong == []
