"""The cases of ../shared through the commands that people type: right, or refused in a sentence, to the end."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from segkit.cli import main

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not there")
SMALL = ("--epochs", "1", "--size", "32", "--set", "arch.width=4", "--explain", "none", "--device", "cpu")


@pytest.fixture
def segkit(tmp_path, monkeypatch):
    """Type a command: `segkit("data", "info", ...)`; its exit code, and the last lines of what it says."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)

    def typed(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, list(words))
        assert "internal error" not in result.output
        return result.exit_code, result.output

    return typed


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("m_rgba_white", "masks/c0.png is a mask that is partly transparent; save it without"),
        ("x_smooth", "--set data.threshold=128"),
        ("p_deep", "save it with 8 bits per channel"),
        ("l_csv", "patient"),
    ],
)
def test_cases_that_are_refused(segkit, tmp_path, name, said):
    """By verify and by run, with the way out, before anything is trained."""
    root = str(CASES / name)
    for command in (("data", "verify", "folder"), ("run", "--arch", "unet", "--data", "folder", *SMALL)):
        code, output = segkit(
            *command, "--data-root", root, *(("--output", str(tmp_path / "run")) if "run" in command else ())
        )
        assert code == 1
        assert said in output
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "cases", "extra"),
    [
        ("m_rgb_jpeg", 8, ()),
        ("x_cf_rgbjpeg", 6, ()),
        ("x_smooth", 8, ("--set", "data.threshold=128")),
        ("m_palette_unordered", 8, ()),
        ("m_mixed_encoding", 8, ()),
        ("l_bmp", 10, ()),
        ("l_litter_classes", 6, ()),
        ("l_same", 12, ()),
        ("n_nfd", 9, ()),
    ],
)
def test_cases_that_are_right(segkit, tmp_path, name, cases, extra):
    """data info counts them all, run trains and scores, predict of the root takes the images and nothing else."""
    root = str(CASES / name)
    code, output = segkit("data", "info", "folder", "--data-root", root, *extra)
    assert code == 0
    assert sum(int(line.split("\t")[2]) for line in output.splitlines() if line.startswith("split\t")) == cases
    run = ("run", "--arch", "unet", "--data", "folder", "--data-root", root, *extra, *SMALL)
    assert segkit(*run, "--output", str(tmp_path / "run"))[0] == 0
    code, output = segkit("predict", str(tmp_path / "run"), root, "-o", str(tmp_path / "out"), "--device", "cpu")
    assert code == 0
    assert "in folders of masks" in output
    with (tmp_path / "out" / "sizes.csv").open(encoding="utf-8", newline="") as stream:
        assert len({row["mask"] for row in csv.DictReader(stream)}) == cases


@pytest.mark.full
def test_l_super(segkit, tmp_path):
    """Superpixels beside photographs are no photographs, whatever the model learnt from."""
    root = tmp_path / "data"
    for source in sorted((CASES / "m_rgb_jpeg").rglob("c[0-3].jpg")):
        target = root / source.relative_to(CASES / "m_rgb_jpeg")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    shares = ("--set", "data.test=0", "--set", "data.val=0.25")
    run = ("run", "--arch", "unet", "--data", "folder", "--data-root", str(root), *SMALL, *shares)
    assert segkit(*run, "--output", str(tmp_path / "run"))[0] == 0
    code, output = segkit("predict", str(tmp_path / "run"), str(CASES / "l_super"), "-o", str(tmp_path / "out"))
    assert code == 0
    assert "3 files made of images beside them" in output
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [f"ISIC_000000{n}.png" for n in range(3)]
