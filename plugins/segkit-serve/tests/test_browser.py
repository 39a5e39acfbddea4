"""The page in a real browser: drop, predict, correct, save, reload; two at once, a phone, and what axe finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.full
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Headless Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def keeping(made, start_server, tmp_path_factory) -> Iterator[tuple]:
    """A server of the model of photographs that keeps corrections, and the folder."""
    folder = tmp_path_factory.mktemp("kept") / "corrections"
    with start_server(str(made[1]), "--keep", str(folder)) as server:
        yield server, folder


def opened(browser, server, path, scheme="light", width=1280):
    """Open the page, send a file and wait for its mask; returns the page and what went wrong in it."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844}, has_touch=width < 500)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.base}/?token={server.token}")
    page.wait_for_selector("#takes:not(:empty)")
    page.set_input_files("#file", str(path))
    page.wait_for_selector("#work:not([hidden])", timeout=60000)
    return page, wrong


def stroke(page, dx=60, dy=40):
    """Draw from the middle of the image."""
    box = page.locator("canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=5)
    page.mouse.up()


def pixels(page) -> int:
    """How many pixels the table says the class has."""
    return int(page.inner_text(".view td").replace(",", ""))


def test_correct_save_reload(browser, keeping, made):
    """A stroke changes the count, undo takes it back, redo repeats it; what is saved is what is opened again."""
    server, folder = keeping
    path = made[0] / "photographs" / "images" / "c2.png"
    page, wrong = opened(browser, server, path)
    page.click("button.correct")
    before = pixels(page)
    page.click("[data-tool=eraser]")
    stroke(page)
    page.click("[data-tool=brush]")
    stroke(page, -80, 30)
    after = pixels(page)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert pixels(page) == before
    page.keyboard.press("Control+y")
    page.keyboard.press("Control+y")
    assert pixels(page) == after
    page.fill("#who", "Grace")
    page.click("#save")
    page.locator("#status", has_text="Saved as version 1").wait_for()
    (mask,) = folder.glob("versions/*/v0001/mask.png")
    assert int((np.asarray(Image.open(mask)) == 1).sum()) == after

    other, wrong_there = opened(browser, server, path)
    assert "version 1 by Grace" in other.inner_text(".before")
    other.click("text=Open it")
    assert pixels(other) == after
    stroke(other, 10, -60)
    other.click("#save")
    other.locator("#status", has_text="Saved as version 2").wait_for()
    stroke(page, -10, -60)
    page.click("#save")
    page.wait_for_selector("#error:not([hidden])")
    assert "has saved version 2" in page.inner_text("#error")
    page.click("#save")
    page.locator("#status", has_text="Saved as version 3").wait_for()
    assert wrong_there == []
    assert [text for text in wrong if "409" not in text] == []


def test_fill_and_polygon(browser, server):
    """A polygon marks what lies in it, fill what hangs together."""
    page, wrong = opened(browser, server, server.photograph)
    page.click("button.correct")
    page.click("[data-tool=polygon]")
    box = page.locator("canvas").first.bounding_box()
    for x, y in ((0.3, 0.2), (0.7, 0.2), (0.7, 0.8), (0.3, 0.8)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.keyboard.press("Enter")
    drawn = pixels(page)
    assert drawn > 0
    page.click("[data-tool=fill]")
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    assert pixels(page) < drawn
    assert wrong == []


def test_volume_slice_by_slice(browser, made, start_server):
    """Slices go by with the keys; what is drawn on two is filled in between."""
    with start_server(str(made[2])) as server:
        page, wrong = opened(browser, server, server.volume)
        page.locator("#slice-number", has_text="of 12").wait_for()
        page.click("button.correct")
        page.select_option("#pen-class", "2")
        for slice_ in (2, 8):
            page.evaluate(f"document.getElementById('slice').value = {slice_}")
            page.dispatch_event("#slice", "input")
            page.locator("#slice-number", has_text=f"{slice_ + 1} of 12").wait_for()
            stroke(page, 50, 10)
        row = page.locator("tbody tr").nth(1).locator("td").first
        before = int(row.inner_text().replace(",", ""))
        page.click("#between")
        page.locator("#status", has_text="5 slices filled").wait_for()
        assert int(row.inner_text().replace(",", "")) > before
        assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_it(browser, server, scheme, width):
    """axe finds nothing on the empty page, beside a result and while correcting; nothing is wider than the window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page, wrong = opened(browser, server, server.photograph, scheme, width)
    for step in ("result", "correct", "docs"):
        if step == "correct":
            page.click("button.correct")
        if step == "docs":
            page.goto(f"{server.base}/docs")
        # The page's policy lets no script in that is not its own; a test evaluates axe in a world of its own.
        found = axe.run(page)
        told = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found.response["violations"]]
        assert told == [], step
        assert page.evaluate("document.documentElement.scrollWidth") <= width, step
    assert wrong == []
