"""Volumes that the page lets one scroll through."""

import base64
import shutil
import zlib

import numpy as np
import pytest

from segkit.report.html import page_environment
from segkit.report.pictures import CasePicture
from segkit.report.volume_viewer import MARGIN, MOST_VOXELS, packed, shown_volume
from segkit.report.writer import viewer_section, write_report


def volume(shape=(60, 70, 80)):
    """An image with a block in both masks."""
    image = np.random.default_rng(0).integers(-100, 300, (1, *shape)).astype(np.int16)
    reference = np.zeros(shape, np.uint8)
    reference[30:35, 30:40, 30:50] = 1
    return image, reference, np.roll(reference, 2, axis=2)


def test_volume_is_cut_to_what_is_marked():
    """What either mask marks is there with its margin, image and masks cut alike."""
    image, reference, prediction = volume()
    found = shown_volume(image, reference, prediction, (3.0, 1.0, 0.5))
    assert found.image.shape == (5 + 2 * MARGIN, 10 + 2 * MARGIN, 22 + 2 * MARGIN)
    assert (found.reference > 0).sum() == (reference > 0).sum()
    assert (found.prediction > 0).sum() == (prediction > 0).sum()
    assert found.spacing == (3.0, 1.0, 0.5)
    assert found.where == "cut to what is marked"


def test_large_volume_is_coarser_and_its_spacing_says_so():
    """No volume has more voxels than there is place for."""
    image, reference, prediction = volume((200, 200, 200))
    reference[:] = 1
    found = shown_volume(image, reference, prediction, None)
    assert found.image.size <= MOST_VOXELS
    assert found.spacing == (2.0, 2.0, 2.0)


def test_overlapping_classes_have_no_viewer():
    """A voxel of two classes has no one colour."""
    image, reference, prediction = volume()
    assert shown_volume(image, reference[None], prediction[None], None) is None


def test_bytes_come_back():
    """What the script unpacks is what was packed."""
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert zlib.decompress(base64.b64decode(packed(values))) == values.tobytes()


def test_section_escapes_names():
    """A case's name is text, whatever it holds; without volumes there is no section."""
    image, reference, prediction = volume()
    plain = np.zeros((4, 4, 3), np.uint8)
    mask = np.zeros((4, 4), np.uint8)
    shown = shown_volume(image, reference, prediction, None)
    hostile = '"><script>alert(1)</script>'
    picture = CasePicture(hostile, "worst", plain, mask, mask, 0.5, "Dice", volume=shown)
    section = viewer_section([picture])
    record = type("Record", (), {"case_names": {}})()
    page = page_environment().get_template(section.template).render(section=section, record=record)
    assert "<script>alert" not in page
    assert 'data-shape="37 42 54"' in page
    assert viewer_section([CasePicture("a", "worst", plain, mask, mask, 0.5, "Dice")]) is None


@pytest.mark.full
def test_volume_is_scrolled_in_a_browser(tmp_path, run_writer):
    """Three planes are drawn under the page's own policy; the keys scroll, and B hides the masks while it is held."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    image, reference, prediction = volume()
    plain, mask = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)
    shown = shown_volume(image, reference, prediction, (1.0, 1.0, 1.0))
    picture = CasePicture("case-0", "worst", plain, mask, mask, 0.5, "Dice", volume=shown)
    page_file = write_report(run_writer(tmp_path / "run"), [picture])
    wrong: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(page_file.as_uri())
        caption = page.locator("#volumes figcaption").first
        caption.wait_for()
        before = caption.inner_text()
        canvas = page.locator("#volumes canvas").first
        canvas.focus()
        page.keyboard.press("ArrowUp")
        assert page.locator("#volumes canvas").count() == 3
        assert int(caption.inner_text().split()[1]) == int(before.split()[1]) + 1
        with_masks = canvas.screenshot()
        page.keyboard.down("b")
        assert canvas.screenshot() != with_masks
        page.keyboard.up("b")
        assert canvas.screenshot() == with_masks
        browser.close()
    assert wrong == []
