"""The page in a real browser, at a phone's width."""

from pathlib import Path

import pytest

from segkit.report.writer import write_report

SCRIPT = """
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
"""


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_works_on_a_phone(tmp_path: Path, run_writer, pictures, in_browser, scheme):
    """Sorting, filtering and toggling work at 390 px with 600 cases, light and dark."""
    classes = ("liver", "right kidney")
    folder = run_writer(tmp_path / "run", cases=600, classes=classes, name="a-long-name-" * 8, generated=False)
    seen = in_browser(write_report(folder, pictures).read_text(encoding="utf-8"), SCRIPT, scheme)

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
