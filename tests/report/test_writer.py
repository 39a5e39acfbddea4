import json
import os
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from segkit.report import text
from segkit.report.pictures import choose_cases
from segkit.report.writer import write_report

HOSTILE = "<script>alert(1)</script>\"'&$x^{2$"
VOID = {"meta", "link", "img", "input", "source", "wbr", "br"}


class Page(HTMLParser):
    """The page as tags with attributes and as text; checks that tags are closed in order."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.rows = {}
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def content(run_folder):
    return (run_folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(content):
    return Page(content)


def test_numbers_are_the_summarys(page, run_folder):
    """Means, intervals, medians and counts on the page are those of summary.json."""
    for score in json.loads((run_folder / "summary.json").read_text(encoding="utf-8"))["scores"]:
        cells = [text.number(score["mean"]), text.interval(score["ci_low"], score["ci_high"])]
        cells += [text.number(score["median"]), text.number(score["std"])]
        cells += [str(score[name]) for name in ("n", "n_missed", "n_spurious", "n_empty")]
        convention = score["name"].removeprefix(f"{score['metric']} (").removesuffix(")")
        assert " ".join([f"{score['metric']}, lesion", convention, *cells]) in page.text


def test_every_case_is_a_row_worst_first(page):
    """The table has all cases, sorted by the main metric, with full values for the script."""
    rows = [attributes["data-case"] for attributes in page.all("tr") if "data-case" in attributes]
    assert len(rows) == len(set(rows)) == 30
    assert rows[0] == "ISIC_0000000"
    values = [float(cell["data-value"]) for cell in page.all("td") if "data-value" in cell][::4]
    assert values == sorted(values)


def test_page_asks_nothing_of_the_network(page, content):
    """Pictures are in the page; there is no outside script or style; the policy forbids any request."""
    for tag, attributes in page.tags:
        for name in ("src", "srcset"):
            assert attributes.get(name, "data:").startswith("data:image/" if name in attributes else "data:")
        if tag == "link":
            assert attributes["href"] == "data:,"
    links = [attributes["href"] for attributes in page.all("a")]
    assert [link for link in links if not link.startswith("#")] == ["https://challenge.isic-archive.com"]
    assert "default-src 'none'" in content
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|sendBeacon", content)


def test_links_within_the_page_have_their_target(page):
    """Every section that the menu names is there, and the pictures that rows lead to."""
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    targets = [attributes["href"][1:] for attributes in page.all("a") if attributes["href"].startswith("#")]
    assert len(targets) == 5 + 3
    assert set(targets) <= ids


def test_pictures_and_plots_have_words(page):
    """Every image has an alt text; only the agreement layer, which repeats its image, is left to the caption."""
    empty = [attributes["class"] for attributes in page.all("img") if not attributes["alt"]]
    assert empty == ["layer agreement"] * 3
    assert "ISIC_0000000, the worst case, with the outlines of reference and prediction; dice 0.412" in {
        attributes["alt"] for attributes in page.all("img")
    }


def test_generated_data_is_marked_everywhere(page, content, tmp_path, run_writer):
    """Generated data is marked in title, banner and figures; real data nowhere."""
    assert "(generated sample)" in re.search("<title>(.*)</title>", content)[1]
    assert page.text.count("Generated sample: not real data.") == 1
    real = write_report(run_writer(tmp_path / "real", generated=False, name="first", cases=20, epochs=0), [])
    shown = real.read_text(encoding="utf-8")
    assert "enerated sample" not in shown
    assert "interval too narrow: n &lt; 30" in shown
    assert "Pictures, the worst first" not in shown


def test_no_path_is_shown(content):
    """Neither the config's folders nor the run's own reach the page."""
    words = re.sub('base64,[^"]*', "", content)
    for path in ("someone", "/home", "/media/", "/opt/", "secret", "/tmp", "pytest"):
        assert path not in words


def test_figures_are_files_of_their_own(run_folder):
    """The figures lie under figures/ as PNG files of fixed size without metadata."""
    sizes = {path.name: Image.open(path).size for path in (run_folder / "figures").glob("*.png")}
    assert sizes == {
        "loss.png": (720, 512),
        "validation.png": (720, 512),
        "learning-rate.png": (720, 512),
        "distribution-dice.png": (720, 400),
        "distribution-iou.png": (720, 400),
        "case-01-worst.png": (1536, 580),
        "case-02-median.png": (1536, 580),
        "case-03-best.png": (1536, 580),
    }
    assert all(set(Image.open(path).info) == {"dpi"} for path in (run_folder / "figures").glob("*.png"))


def test_hostile_names_are_only_text(tmp_path, run_writer, picture_maker):
    """Markup in a case, class or run name is shown as it is, and a link to a script is no link."""
    folder = run_writer(
        tmp_path / "run",
        cases=3,
        epochs=0,
        classes=(HOSTILE, "b"),
        name=HOSTILE,
        homepage="javascript:alert(1)",
        case_id=lambda number: f"{HOSTILE}{number}",
    )
    picture = picture_maker(f"{HOSTILE}0", HOSTILE, None, shift=0.1, grid=(60, 80))
    first = write_report(folder, [picture]).read_bytes()
    page = Page(first.decode("utf-8"))
    assert len(page.all("script")) == 1
    assert HOSTILE in page.text
    assert "javascript:" not in str(page.all("a"))
    assert [path.name for path in (folder / "figures").glob("case-*")] == ["case-01-script-alert-1-script-x-2.png"]
    assert write_report(folder, [picture]).read_bytes() == first


def test_scored_only_run_is_reported(tmp_path, run_writer, picture_maker):
    """Without history, environment, config, cases and pictures the page still has the scores; old pictures go."""
    folder = run_writer(tmp_path / "run", cases=3)
    for name in ("history.jsonl", "environment.json", "config.toml", "cases.csv"):
        (folder / name).unlink()
    (folder / "figures").mkdir()
    for name in ("case-09-worst.png", "case-10-mine.png"):
        (folder / "figures" / name).write_bytes(b"")
    (folder / "figures" / "written.json").write_text('{"files": ["case-09-worst.png", "../summary.json"]}')
    page = Page(write_report(folder, []).read_text(encoding="utf-8"))
    assert "dice, lesion mean over cases, both_empty=nan" in page.text
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert not ids & {"training", "pictures", "cases"}
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["case-10-mine.png", "written.json"]
    assert (folder / "summary.json").exists()


def test_anonymous_report_has_no_case_id(tmp_path, run_writer, picture_maker):
    """With `anonymous` the case ids appear neither on the page nor in a file name."""
    folder = run_writer(tmp_path / "run", cases=5, epochs=0)
    scores = {f"ISIC_{number:07d}": number / 5 for number in range(5)}
    chosen = [picture_maker(case, label, 0.5, shift=0.1, grid=(60, 80)) for label, case in choose_cases(scores)]
    content = write_report(folder, chosen, anonymous=True).read_text(encoding="utf-8")
    assert "ISIC_" not in content
    assert "case 005, the best case" in content


def test_what_one_has_to_know_first(tmp_path, run_writer):
    """Missed structures and notes stand above every number; splits and times are in their order, with totals; a day."""
    folder = run_writer(tmp_path / "run")
    summary = json.loads((folder / "summary.json").read_text())
    summary["scores"][0] |= {"n_missed": 2, "note": "selected on this split"}
    summary["cases"] = {"test": 3, "train": 96, "val": 24}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "model.safetensors").touch()
    os.utime(folder / "model.safetensors", (1_790_000_000, 1_790_000_000))
    page = write_report(folder, ()).read_text()
    first = page.index("<h1>")
    assert page.index("2 structures of the reference were missed altogether") < first
    assert page.index("selected on this split") < first
    assert "train 96, val 24, test 3, together 123" in page
    times = page[page.index("<dt>Time</dt>") :].partition("</div>")[0]
    assert times.index("data") < times.index("train") < times.index("evaluate") < times.index("together")
    assert "trained 2026-09-21" in page
