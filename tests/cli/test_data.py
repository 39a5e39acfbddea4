"""`segkit data`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segkit import Problem, SegkitError
from segkit.cli import main
from segkit.cli.data.watch import Bytes, LiveBytes, Stages
from segkit.discovery import Registry
from segkit.engine.progress import Progress


@pytest.fixture
def segkit_data(toy_registry, monkeypatch):
    """Call `segkit data ARGS` in this process with the toy plugin alone."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return lambda *args, **more: CliRunner().invoke(main, ["data", *args], **more)


@pytest.fixture
def squares(toy_registry):
    """The toy dataset's class."""
    return toy_registry.find("data", "squares").load()


@pytest.fixture
def root(squares, tmp_path):
    """A root with six training cases, three of validation and three to test."""
    from segkit_toy import DataParams

    squares.make_sample(tmp_path / "data", DataParams())
    return tmp_path / "data"


def test_info(segkit_data, root):
    """Results on stdout, one tab-separated line per split and class; the root and the rest on stderr."""
    result = segkit_data("info", "squares", "--data-root", str(root))
    assert result.exit_code == 0, result.output
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:3] for row in rows[:3]] == [["split", "train", "6"], ["split", "val", "3"], ["split", "test", "3"]]
    assert rows[0][-1] == "uint8"
    assert [row[:4] for row in rows[3:6]] == [
        ["class", "train", "class-1", "6 of 6"],
        ["class", "val", "class-1", "3 of 3"],
        ["class", "test", "class-1", "3 of 3"],
    ]
    masks = [np.load(file)[3] for file in (root / "train").glob("*.npy")]
    assert rows[3][4] == f"{np.mean([mask.mean() for mask in masks]):.2%}"
    assert [row[:2] for row in rows[6:-1]] == [["files", "used"], ["files", "left out"], ["files", "errors"]]
    assert rows[-1][0] == "page"
    assert "train-1" in Path(rows[-1][1]).read_text()
    assert [row[2] for row in rows[6:-1]] == ["12", "1", "0"]
    assert result.stderr.startswith(f"data: {root} (--data-root)\n")


def test_info_names_leaks(segkit_data, root):
    """A training image that is also a test image is named and warned of, as JSON too."""
    leaked = np.load(root / "train" / "train-1.npy")
    np.save(root / "test" / "test-9.npy", leaked)
    result = segkit_data("info", "squares", "--data-root", str(root))
    assert result.exit_code == 0
    assert "duplicate\tLEAK, exact\ttrain/train-1\ttest/test-9\tnone" in result.stdout.splitlines()
    assert "warning: 1 pair of images is in two splits: a model would be scored on what it has learnt" in result.stderr
    told = json.loads(segkit_data("info", "squares", "--data-root", str(root), "--json").stdout)
    assert told["duplicates"] == [
        {"first": ["train", "train-1"], "second": ["test", "test-9"], "exact": True, "distance": 0.0, "leak": True}
    ]
    assert [split["cases"] for split in told["splits"]] == [6, 3, 4]


def test_info_for_people(segkit_data, root, monkeypatch):
    """On a terminal: tables with heads, without columns that are empty everywhere, and a word on duplicates."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    output = click.unstyle(segkit_data("info", "squares", "--data-root", str(root)).stdout)
    assert output.split("\n", 1)[0].split() == [
        "split",
        "cases",
        "patients",
        *["files", "smallest", "median", "largest", "type"],
    ]
    assert "\nno image is there twice\n" in output


def test_info_leaves_out_what_cannot_be_read(segkit_data, root):
    """A damaged case is warned of, the others are described."""
    (root / "val" / "val-0.npy").write_bytes(b"no array")
    result = segkit_data("info", "squares", "--data-root", str(root))
    assert "split\tval\t2" in result.stdout
    assert "warning: left out: val-0.npy: val-0.npy cannot be read" in result.stderr


def test_info_says_why_nothing_was_counted(segkit_data, root, squares, monkeypatch):
    """Where the listing itself is wrong there are no counts, and a line says so beside the reason."""

    def cases(self, split):
        raise SegkitError("2 masks have no image", "remove them")

    monkeypatch.setattr(squares, "cases", cases)
    result = segkit_data("info", "squares", "--data-root", str(root))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "warning: nothing was counted: the cases cannot be listed as the files lie" in result.stderr
    assert "error: 2 masks have no image; remove them" in result.stderr


def test_generated_sample_is_said_to_be_one(segkit_data):
    """Without data the generated sample is described, and called that."""
    result = segkit_data("info", "squares", "--set", "data.cases=2")
    assert result.stdout.startswith("split\ttrain\t2\t")
    assert "GENERATED SAMPLE: these images are drawn by a program\n" in result.stderr


def test_verify_without_problems(segkit_data, root):
    """Good data exit with 0 and a sentence, or an empty list."""
    result = segkit_data("verify", "squares", "--data-root", str(root), "--deep")
    assert (result.exit_code, result.stdout) == (0, "no problem was found: train 6, val 3, test 3 cases\n")
    told = json.loads(segkit_data("verify", "squares", "--data-root", str(root), "--json").stdout)
    assert told == {"dataset": "segkit-toy:squares", "root": str(root), "deep": False, "remarks": [], "problems": []}


def test_verify_with_problems(segkit_data, root, squares, monkeypatch):
    """Every problem is a line with file and reason, and the command exits with 1, as JSON too."""
    found = [Problem("train/a.npy", "is empty"), Problem("b.npy", "is torn", "mend it")]
    monkeypatch.setattr(squares, "verify", lambda self, progress: found)
    result = segkit_data("verify", "squares", "--data-root", str(root))
    assert (result.exit_code, result.stdout) == (1, "train/a.npy\tis empty\nb.npy\tis torn\n")
    assert result.stderr.splitlines()[-2:] == ["warning: way out: mend it", "error: dataset squares: 2 problems"]
    result = segkit_data("verify", "squares", "--data-root", str(root), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == [
        {"file": "train/a.npy", "reason": "is empty", "hint": ""},
        {"file": "b.npy", "reason": "is torn", "hint": "mend it"},
    ]


def test_download(segkit_data, squares, tmp_path, monkeypatch):
    """The dataset's own download is given the root, its params and a display; the cases are counted afterwards."""
    given = []

    def download(cls, root, params, progress):
        given.append((root, params.cases))
        progress("squares.zip", 0, 2_000_000)
        progress("squares.zip", 2_000_000, 2_000_000)
        cls.make_sample(root, params)

    monkeypatch.setattr(squares, "download", classmethod(download))
    result = segkit_data("download", "squares", "--set", "data.cases=4")
    assert result.exit_code == 0, result.output
    place = tmp_path / "cache" / "data" / "squares"
    assert given == [(place, 4)]
    assert result.stdout == f"{place}: train 4, val 3, test 3\n"
    assert result.stderr.splitlines() == [
        f"downloading to {place}",
        "squares.zip: 0 bytes of 2 MB (0%)",
        "squares.zip: 2 MB of 2 MB (100%)",
    ]
    monkeypatch.setenv("SEGKIT_DATA", str(tmp_path))
    segkit_data("download", "squares")
    segkit_data("download", "squares", "--data-root", "here", "--json")
    assert [root for root, _ in given[1:]] == [tmp_path / "squares", Path("here")]


def test_download_that_fails(segkit_data, squares, monkeypatch):
    """What a dataset says against downloading is the command's error; one that cannot download says where to look."""
    result = segkit_data("download", "squares")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "error: squares are never downloaded; use the sample"
    monkeypatch.delattr(squares, "download")
    assert "error: dataset squares cannot be downloaded; get it from " in segkit_data("download", "squares").stderr


def test_download_is_interrupted(segkit_data, squares, monkeypatch):
    """Ctrl-C exits with 130 and says that nothing is lost."""

    def download(cls, root, params, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(squares, "download", classmethod(download))
    result = segkit_data("download", "squares")
    assert result.exit_code == 130
    assert "what was fetched is kept: the same command goes on with it\n" in result.stderr


def test_cache(segkit_data, tmp_path):
    """The cache is listed and cleared; whoever cannot be asked has to say --yes."""
    assert segkit_data("cache").stdout == segkit_data("cache", "list").stdout == ""
    segkit_data("info", "squares")
    [line] = segkit_data("cache").stdout.splitlines()
    assert line.split("\t")[0] == "samples"
    assert line.endswith("\tgenerated sample")
    told = json.loads(segkit_data("cache", "--json").stdout)
    assert told == json.loads(segkit_data("cache", "list", "--json").stdout)
    [entry] = told["entries"]
    assert (
        told["bytes"] == entry["bytes"] == sum(p.stat().st_size for p in Path(entry["path"]).rglob("*") if p.is_file())
    )
    refused = segkit_data("cache", "clear")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "error: nobody can be asked whether to remove the cache; say --yes\n",
    )
    assert segkit_data("cache", "clear", "stores", "--yes").stdout == "removed 0 folders, 0 bytes\n"
    assert Path(entry["path"]).exists()
    assert segkit_data("cache", "clear", "--yes").stdout.startswith("removed 1 folder, ")
    assert not Path(entry["path"]).exists()


@pytest.mark.parametrize(("answer", "left"), [("y\n", False), ("n\n", True)])
def test_cache_asks(segkit_data, monkeypatch, answer, left, tmp_path):
    """On a terminal the folders are shown and a yes is waited for."""
    segkit_data("info", "squares")
    monkeypatch.setattr("segkit.cli.data.cache.can_ask", lambda: True)
    result = segkit_data("cache", "clear", input=answer)
    assert "samples\t" in result.stdout
    assert "remove 1 folder" in result.stderr
    assert any((tmp_path / "cache" / "samples").glob("squares-*[0-9a-f]")) is left
    assert result.exit_code == (1 if left else 0)


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["info", "sqares"], 2, "no data named 'sqares' (did you mean 'squares'?)"),
        (["info", "squares", "--set", "data.case=1"], 2, "data (squares) has no 'case' (did you mean 'cases'?)"),
        (["verify", "squares", "--set", "arch.width=1"], 2, "arch has no 'width'"),
        (["verify", "squares", "--data-root", "nowhere"], 1, "--data-root: folder nowhere does not exist"),
        (["download", "squares", "--set", "data.cases=0"], 2, "cases=0 is out of range"),
        (["cache", "clear", "data"], 2, "'data' is not one of 'stores', 'samples'"),
        (["verfy"], 2, "No such command 'verfy' (did you mean 'verify'?)"),
    ],
)
def test_mistakes(segkit_data, args, code, message):
    """One line that names what is wrong and the way out."""
    result = segkit_data(*args)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_names_are_completed(segkit_data):
    """The shell completes datasets only."""
    command = main.get_command(None, "data").get_command(None, "info")
    [name] = [param for param in command.params if param.name == "name"]
    offered = [item.value for item in name.type.shell_complete(click.Context(command), name, "")]
    assert offered == ["blocks", "cubes", "squares"]


def test_help_is_light():
    """Looking at the commands loads no library that works."""
    code = (
        "import sys\nfrom segkit.cli import main\n"
        "try:\n    main(['data', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(*{'numpy', 'torch', 'PIL', 'ssl', 'urllib.request'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "\n")
    assert "Name every problem" in done.stdout


def test_stages_count_from_one_stage_to_the_next():
    """A callback of (stage, done, total) becomes stages with steps."""
    seen = []

    class Watching(Progress):
        def start(self, stage, total, unit):
            seen.append((stage, total, unit))

        def advance(self, count=1, details=None):
            seen.append(count)

        def finish(self):
            seen.append("end")

    stages = Stages(Watching(), "files")
    for step in (("a", 1, 3), ("a", 3, 3), ("b", 2, 2)):
        stages(*step)
    stages.finish()
    stages.finish()
    assert seen == [("a", 3, "files"), 1, 2, "end", ("b", 2, "files"), 2, "end"]


def test_byte_lines_are_few(capsys, monkeypatch):
    """Between a transfer's first and last line there is one every few seconds."""
    now = [0.0]
    monkeypatch.setattr("segkit.cli.data.watch.time.monotonic", lambda: now[0])
    show = Bytes()
    for second in range(13):
        now[0] = float(second)
        show("a", second * 10, 120)
    show("b", 5, 0)
    assert capsys.readouterr().err.splitlines() == [
        "a: 0 bytes of 120 bytes (0%)",
        "a: 50 bytes of 120 bytes (42%)",
        "a: 100 bytes of 120 bytes (83%)",
        "a: 120 bytes of 120 bytes (100%)",
        "b: 5 bytes",
    ]


def test_bars_name_each_transfer(capsys, monkeypatch):
    """On a terminal every transfer has a bar with its name, whatever the name holds."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    show = LiveBytes()
    show("[bold]a.zip", 10, 100)
    show("[bold]a.zip", 100, 100)
    show("unpacking b.zip", 5, 0)
    show.close()
    shown = click.unstyle(capsys.readouterr().err)
    assert "[bold]a.zip" in shown
    assert "unpacking b.zip" in shown


def test_error_of_a_reader_is_a_sentence(segkit_data, squares, root, monkeypatch):
    """A root that is not the dataset's says so in each command."""
    (root / "train").rename(root / "elsewhere")
    for command in ("info", "verify"):
        result = segkit_data(command, "squares", "--data-root", str(root))
        assert result.exit_code == SegkitError.exit_code
        assert "has no folder train; give the root" in result.stderr


def test_show_draws_odd_cases_first(segkit_data, root, tmp_path):
    """One page and one picture: every case with its split, the training image that is also tested on first."""
    np.save(root / "test" / "test-9.npy", np.load(root / "train" / "train-1.npy"))
    page = tmp_path / "seen.html"
    result = segkit_data("show", "squares", "--data-root", str(root), "-o", str(page), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["cases"], told["suspicious"], told["unreadable"]) == (13, 2, 0)
    assert {(case["split"], case["case"]) for case in told["shown"][:2]} == {("train", "train-1"), ("test", "test-9")}
    text = page.read_text()
    assert text.count('<figure class="case') == 13
    assert "is the same image as test/test-9, of another split" in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")
    with Image.open(page.with_suffix(".png"), formats=("PNG",)) as sheet:
        assert sheet.size[0] > 1000


def test_show_wants_a_page(segkit_data, root):
    """Another ending than .html is a usage error, and nothing is written."""
    result = segkit_data("show", "squares", "--data-root", str(root), "-o", "seen.pdf")
    assert result.exit_code == 2
    assert "--output seen.pdf is no page" in result.stderr


def test_near_copies_are_to_be_grouped(segkit_data, root):
    """Images that look alike are told with the way to keep one patient's cases together."""
    brighter = np.load(root / "train" / "train-1.npy")
    brighter[:3] = np.clip(brighter[:3].astype(int) + 4, 0, 255)
    np.save(root / "train" / "train-9.npy", brighter)
    result = segkit_data("info", "squares", "--data-root", str(root))
    assert result.exit_code == 0, result.output
    assert "1 pair of images looks alike; if they are of one patient, group them" in result.stderr
