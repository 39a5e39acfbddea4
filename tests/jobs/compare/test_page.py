"""The page of a comparison: self-contained, hostile names are text, and it works in a browser at a phone's width."""

from html.parser import HTMLParser

import numpy as np
import pytest

from segkit.discovery import Registry
from segkit.jobs.compare.compose import write_comparison
from segkit.jobs.compare.models import group_runs
from segkit.jobs.compare.runs import read_runs
from segkit.report.pictures import CasePicture

HOSTILE = "<script>alert(1)</script>\"'&$x^{2$"


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, content):
        super().__init__()
        self.found = []
        self.feed(content)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def compare_runs(folder, runs, make_masks, *, cases, names, with_pictures=None, monkeypatch=None, generated=False):
    """Write a comparison of as many runs as there are names, each another seed's predictions of the same references."""
    masks = make_masks(cases)
    rng = np.random.default_rng(1)
    folders = []
    for number, name in enumerate(names):
        worse = {
            case: (reference, np.roll(prediction, rng.integers(0, number + 2), axis=0))
            for case, (reference, prediction) in masks.items()
        }
        config = {"train.epochs": 5 + number, "run.name": name, "data.root": "/home/somebody/secret/isic"}
        summary = {"generated_sample": generated, "notice": "generated sample: not real data" if generated else ""}
        folders.append(runs(f"run-{number}", worse, config=config, summary=summary))
    if with_pictures is not None:
        picture = CasePicture(
            "a-case",
            "model",
            np.full((60, 80, 3), 120, np.uint8),
            np.pad(np.ones((20, 30), np.int64), ((10, 30), (10, 40))),
            np.pad(np.ones((22, 25), np.int64), ((12, 26), (15, 40))),
            0.8,
            "overlap",
        )
        found = {HOSTILE: [picture] * len(names)}
        monkeypatch.setattr("segkit.jobs.compare.compose.disagreements", lambda *_: (found, ""))
    result = write_comparison(group_runs(read_runs(folders)), folder, HOSTILE, Registry())
    return result.report.read_text(encoding="utf-8")


def test_page_is_self_contained_and_says_what_it_is(tmp_path, runs, make_masks, monkeypatch):
    """No address but data: and links; alt texts; no path of this machine; names are text; generated data are marked."""
    options = {"with_pictures": True, "monkeypatch": monkeypatch, "generated": True}
    page = compare_runs(tmp_path / "out", runs, make_masks, cases=12, names=[HOSTILE, "second", "third"], **options)
    tags = Tags(page).found
    assert [attributes for tag, attributes in tags if tag == "script"] == [{}]
    for tag, attributes in tags:
        for name in ("src", "srcset"):
            assert attributes.get(name, "data:").startswith("data:"), tag
        assert tag != "img" or "alt" in attributes
    assert not [value for _, attributes in tags for name, value in attributes.items() if name.startswith("on")]
    assert "default-src 'none'" in page
    assert "/home/somebody" not in page
    assert str(tmp_path) not in page
    assert "Generated sample: not real data." in page
    assert "not for diagnosis" in page
    figures = sorted(path.name for path in (tmp_path / "out" / "figures").glob("*.png"))
    assert [name.partition("-")[0].removesuffix(".png") for name in figures] == [
        "differences",
        "ranks",
        "scatter",
        "scatter",
        "scores",
    ]


SCRIPT = """
  seen.spread = column(1);
  const buttons = all("#case-table thead button");
  seen.buttons = buttons.map((one) => one.textContent);
  buttons[2].focus();
  seen.focused = page.activeElement === buttons[2];
  buttons[2].click();
  seen.model = column(2);
  input("filter-case", "case-00");
  seen.filtered = shown().length;
  seen.outline = [visible("g.prediction")];
  page.querySelector(".toggle-prediction").click();
  seen.outline.push(visible("g.prediction"));
"""


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_works_on_a_phone(tmp_path, runs, make_masks, monkeypatch, in_browser, scheme):
    """Four models and 600 cases at 390 px: sorting, filtering and toggling work, light and dark."""
    names = ["a-long-name-" * 6, "second", "third", "fourth"]
    page = compare_runs(
        tmp_path / "out", runs, make_masks, cases=600, names=names, with_pictures=True, monkeypatch=monkeypatch
    )
    seen = in_browser(page, SCRIPT, scheme)
    assert seen["rows"] == 600
    spread = [float(value) for value in seen["spread"]]
    assert spread == sorted(spread, reverse=True)
    assert seen["buttons"][:2] == ["Case", "Disagreement"]
    assert len(seen["buttons"]) == 6
    model = [float(value) for value in seen["model"]]
    assert model == sorted(model)
    assert seen["focused"]
    assert seen["filtered"] == 10
    assert seen["outline"] == [True, False]


@pytest.mark.full
def test_names_of_runs_that_were_written_to_run(tmp_path, runs, make_masks, monkeypatch, dumped_page):
    """In a real browser no name of a run or of a case sets the page's title, and the policy stands."""
    owned = "document.title='taken-over'"
    names = [f"<script>{owned}</script>", f'</script><img src=x onerror="{owned}">', f'<svg onload="{owned}">']
    options = {"with_pictures": True, "monkeypatch": monkeypatch}
    compare_runs(tmp_path / "out", runs, make_masks, cases=12, names=names, **options)
    found = dumped_page(next((tmp_path / "out").glob("*.html")))
    assert found.split("<title>")[1].split("</title>")[0] != "taken-over"
    assert "Content-Security-Policy" in found
    assert found.count("<script") == 1
