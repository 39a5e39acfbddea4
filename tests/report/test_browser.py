"""The page in a real browser, at a phone's width."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from segkit.report import write_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HARNESS = """<!doctype html><body><script>
const frame = document.createElement("iframe");
frame.style = "width: 390px; height: 844px; border: 0";
frame.srcdoc = PAGE;
const problems = [];
frame.onload = () => {
  const page = frame.contentDocument;
  page.addEventListener("securitypolicyviolation", (event) => problems.push(event.violatedDirective));
  const shown = () => Array.from(page.querySelectorAll("#case-table tbody tr:not([hidden])"));
  const column = (index) => shown().map((row) => row.cells[index].textContent);
  const button = (name) => Array.from(page.querySelectorAll("#case-table thead button"))
    .find((one) => one.textContent === name);
  const input = (id, value) => {
    page.getElementById(id).value = value;
    page.getElementById(id).dispatchEvent(new Event("input", {bubbles: true}));
  };
  const visible = (selector) => frame.contentWindow.getComputedStyle(page.querySelector(selector)).display !== "none";
  const root = page.documentElement;
  const seen = {available: root.clientWidth, width: root.scrollWidth, rows: shown().length};
  button("dice").click();
  seen.descending = column(2);
  button("Case").click();
  seen.cases = column(0);
  seen.sorted = page.querySelector("[aria-sort]").textContent;
  input("filter-class", "liver");
  input("filter-case", "_000001");
  seen.filtered = shown().length;
  seen.message = page.getElementById("shown").textContent;
  input("filter-case", "");
  input("filter-status", "missed");
  seen.missed = column(0);
  seen.outline = [visible("g.prediction")];
  page.querySelector(".toggle-prediction").click();
  seen.outline.push(visible("g.prediction"), visible("g.reference"));
  seen.agreement = [visible("img.agreement")];
  page.querySelector(".toggle-agreement").click();
  seen.agreement.push(visible("img.agreement"));
  page.querySelectorAll("details").forEach((details) => { details.open = true; });
  seen.widthOpen = root.scrollWidth;
  seen.unlabelled = Array.from(page.querySelectorAll("input, select")).filter((one) => !one.labels.length).length;
  seen.problems = problems;
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
};
document.body.append(frame);
</script>"""


@pytest.mark.full
@pytest.mark.skipif(BROWSER is None, reason="no Chromium found; install one to test the page in a browser")
def test_page_works_on_a_phone(tmp_path: Path, run_writer, pictures):
    """Sorting, filtering and toggling work at 390 px with 600 cases, and nothing scrolls sideways."""
    classes = ("liver", "right kidney")
    folder = run_writer(tmp_path / "run", cases=600, classes=classes, name="a-long-name-" * 8, generated=False)
    page = write_report(folder, pictures).read_text(encoding="utf-8")
    harness = tmp_path / "harness.html"
    harness.write_text(HARNESS.replace("PAGE", json.dumps(page).replace("</", "<\\/")), encoding="utf-8")
    command = [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run([*command, harness.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    seen = json.loads(html.unescape(re.search(r'<pre id="result">(.*)</pre>', done.stdout)[1]))

    assert 370 <= seen["available"] <= 390
    assert seen["width"] == seen["widthOpen"] == seen["available"]
    assert seen["rows"] == 1200
    dice = [float(value) for value in seen["descending"]]
    assert dice == sorted(dice, reverse=True)
    assert len(set(dice)) > 100
    assert seen["cases"] == sorted(seen["cases"])
    assert seen["sorted"] == "Case"
    assert seen["filtered"] == 10
    assert seen["message"] == "10 of 1200 rows"
    assert seen["missed"] == ["ISIC_0000000"]
    assert seen["outline"] == [True, False, True]
    assert seen["agreement"] == [False, True]
    assert seen["unlabelled"] == 0
    assert seen["problems"] == []
