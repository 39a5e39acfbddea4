"""Slides as scanners write them: read by OpenSlide, and through every command that reads a dataset."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from segkit import UnusableFileError
from segkit.cli import main
from segkit.files import read_json
from segkit_large.files import open_any
from segkit_large.reader import LargeReader

SIZE = (600, 900)
JPEG = 12
"""Values by which two decoders of one JPEG may differ, and what it loses of flat colours."""


def test_a_slide_is_what_tifffile_reads(tmp_path: Path, slide, drawn: SimpleNamespace) -> None:
    """Rectangles across tiles, and the whole, are the pixels of an independent reader."""
    slide(tmp_path / "a.svs", drawn.colours(SIZE))
    opened = open_any(tmp_path / "a.svs", "a.svs")
    expected = tifffile.imread(tmp_path / "a.svs", key=0).transpose(2, 0, 1).astype(int)
    assert opened.array.shape == (3, *SIZE)
    assert abs(np.asarray(opened.array).astype(int) - expected).max() <= JPEG
    part = (slice(200, 300), slice(250, 777))
    assert abs(opened.array.read(*part).astype(int) - expected[:, *part]).max() <= JPEG
    assert opened.spacing == pytest.approx((0.00025, 0.00025))


def test_a_coarser_level_has_larger_pixels(tmp_path: Path, slide, drawn: SimpleNamespace) -> None:
    """A level is its own image with its own micrometres; one that is not there is told with those that are."""
    slide(tmp_path / "a.svs", drawn.colours(SIZE))
    coarse = open_any(tmp_path / "a.svs", "a.svs", level=1)
    assert coarse.array.shape == (3, 150, 225)
    assert coarse.spacing == pytest.approx((0.001, 0.001))
    expected = tifffile.imread(tmp_path / "a.svs", key=2).transpose(2, 0, 1).astype(int)
    assert abs(coarse.array[:, 20:120, 50:200].astype(int) - expected[:, 20:120, 50:200]).max() <= JPEG
    with pytest.raises(UnusableFileError, match=r"a\.svs has levels 0 to 1, and level 2 was asked for"):
        open_any(tmp_path / "a.svs", "a.svs", level=2)


def test_a_slide_that_does_not_say_its_micrometres(tmp_path: Path, slide, drawn: SimpleNamespace) -> None:
    """Its spacing is not known, and not guessed from the magnification."""
    slide(tmp_path / "a.svs", drawn.colours(SIZE), micrometres=None)
    assert open_any(tmp_path / "a.svs", "a.svs").spacing is None


def test_damaged_slides_are_told(tmp_path: Path, slide, drawn: SimpleNamespace) -> None:
    """Text that is no slide, half of one, and one with a damaged tile: each a sentence with the file's name alone."""
    path = tmp_path / "a.svs"
    path.write_text("no slide at all")
    with pytest.raises(UnusableFileError, match=r"a\.svs is no slide that can be read"):
        open_any(path, "a.svs")
    slide(path, drawn.colours(SIZE))
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].dataoffsets[4]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnusableFileError, match=r"a\.svs is (no slide|damaged)") as told:
        np.asarray(open_any(path, "a.svs").array)
    assert str(tmp_path) not in str(told.value)
    path.write_bytes(whole[:offset] + bytes(200) + whole[offset + 200 :])
    with pytest.raises(UnusableFileError, match=r"a\.svs is damaged or cut short") as told:
        np.asarray(open_any(path, "a.svs").array)
    assert str(tmp_path) not in str(told.value)


def test_polygons_on_a_level_of_a_slide(root: Path, opened, slide, drawn: SimpleNamespace) -> None:
    """Corners are in pixels of the largest level, whichever is read."""
    slide(root / "images" / "a.svs", drawn.colours(SIZE))
    square = drawn.feature(drawn.ring((100, 200), (500, 200), (500, 400), (100, 400)))
    (root / "masks" / "a.geojson").write_text(drawn.collection(square))
    reader = opened(level=1)
    sample = reader.read(reader.cases("train")[0])
    mask = np.asarray(sample.mask)
    assert mask.shape == sample.image.shape[1:] == (150, 225)
    assert mask[50:100, 25:125].all()
    assert mask.sum() == 5000


def test_labels_of_a_slide_have_its_micrometres(tmp_path: Path, slide, drawn: SimpleNamespace) -> None:
    """A prediction is a tiled TIFF of the slide's size that says the same micrometres per pixel."""
    slide(tmp_path / "a.svs", drawn.colours(SIZE))
    written = LargeReader.write_labels(tmp_path / "out", np.ones(SIZE, np.uint8), tmp_path / "a.svs")
    again = open_any(written, written.name, labels=True)
    assert again.array.shape == SIZE
    assert again.spacing == pytest.approx((0.00025, 0.00025))


@pytest.fixture
def slides(root: Path, slide, drawn: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data root of four slides with polygons, a cache of its own."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    for number in range(4):
        slide(root / "images" / f"{number}.svs", drawn.colours(SIZE, seed=number))
        left = 100 + 50 * number
        corners = ((left, 200), (left + 300, 200), (left + 300, 400), (left, 400))
        (root / "masks" / f"{number}.geojson").write_text(drawn.collection(drawn.feature(drawn.ring(*corners))))
    return root


def segkit(*arguments: object) -> str:
    """Call a command that is to succeed; returns what it printed."""
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_looking_at_slides(slides: Path) -> None:
    """verify, info and show count and draw slides that are never read as a whole."""
    assert "no problem was found" in segkit("data", "verify", "large", "--data-root", slides)
    told = segkit("data", "info", "large", "--data-root", slides)
    assert "600x900" in told
    # 300 x 200 of 600 x 900 pixels, in every case
    assert "class\ttrain\ttumour\t2 of 2\t11.11%\t11.11%" in told
    page = slides.parent / "page.html"
    segkit("data", "show", "large", "--data-root", slides, "--output", page)
    assert page.with_suffix(".png").stat().st_size > 5000


@pytest.mark.full
def test_a_run_on_slides(slides: Path, tmp_path: Path) -> None:
    """A run trains, scores in millimetres and shows micrometres; its model predicts and explains a part of a slide."""
    run = tmp_path / "run"
    metrics = "components.metrics=dice,nsd,hd95,brier"
    settings = ["--set", "arch.width=4", "--set", metrics, "--set", "components.explainers="]
    where = ["--data", "large", "--data-root", slides, "--set", "data.resolution=0.5um", "--size", 64]
    segkit("run", "--arch", "unet", *where, "--epochs", 2, *settings, "--output", run)
    summary = read_json(run / "summary.json")
    units = {row["metric"]: row["unit"] for row in summary["scores"]}
    assert units == {"dice": "", "nsd": "", "hd95": "mm", "brier": ""}
    assert any("tolerance=0.002" in row["name"] for row in summary["scores"])
    page = (run / "report.html").read_text()
    largest = max(row["mean"] or 0 for row in summary["scores"] if row["metric"] == "hd95")
    assert ("\u00b5m" in page) == (0 < largest < 0.1)
    segkit("predict", run, slides / "images" / "1.svs", "--output", tmp_path / "p", "--overlays", "--probabilities")
    assert LargeReader.read_labels(tmp_path / "p" / "1.tif").shape == SIZE
    assert (tmp_path / "p" / "overlays" / "1.jpg").is_file()
    probabilities = np.load(tmp_path / "p" / "probabilities" / "1.npy", mmap_mode="r")
    assert probabilities.shape[-2:] == SIZE
    explain = ["explain", run, slides / "images" / "1.svs", "--explainer", "grad-cam", "--region", "300,100,128,128"]
    assert "1-300-100-128-128" in segkit(*explain, "--output", tmp_path / "e")
