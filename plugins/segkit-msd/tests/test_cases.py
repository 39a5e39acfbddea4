"""Inputs as people have them, given to the real commands: read right and told, or refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner, Result

import segkit
from segkit.cli import main
from segkit.errors import SegkitError

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not there")
TINY = ("--epochs", "1", "--set", "arch.width=2", "--set", "arch.depth=1", "--device", "cpu", "--explain", "none")
HEADER = "has an sform that says 1x1x1 mm: its qform is taken, 1.4x1.4x10 mm as pixdim says (so in 13 more files)"

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command in an empty folder; it has to succeed."""
    pytest.importorskip("segkit_unet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))

    def call(*args: str) -> Result:
        result = CliRunner().invoke(main, args)
        assert result.exit_code == 0, result.output
        return result

    return call


def run(call: Call, name: str) -> Result:
    """Train for an epoch on a case, into the folder run."""
    return call("run", "--arch", "unet", "--data", "msd", "--data-root", str(CASES / name), *TINY, "--output", "run")


def test_an_sform_without_spacing(call, monkeypatch):
    """v_acdc: 1.4 x 1.4 x 10 mm as ITK reads it, told by each command with the first file's name."""
    root = str(CASES / "v_acdc")
    info = call("data", "info", "msd", "--data-root", root, "--json")
    assert [split["spacing"] for split in json.loads(info.stdout)["splits"]] == [pytest.approx([10, 1.4, 1.4])] * 2
    for told in (info, call("data", "verify", "msd", "--data-root", root), run(call, "v_acdc")):
        assert f"imagesTr/c00.nii.gz {HEADER}" in told.stderr
    predicted = call("predict", "run", f"{root}/imagesVa", "-o", "out", "--device", "cpu")
    assert "note: c05.nii.gz has an sform that says 1x1x1 mm" in predicted.stderr
    [row, _] = csv.DictReader(Path("out/sizes.csv").read_text().splitlines())
    assert float(row["ml"]) == pytest.approx(int(row["pixels"]) * 1.4 * 1.4 * 10 / 1000, rel=1e-4)
    scored = call("evaluate", "run", "--device", "cpu")
    assert f"note: imagesTr/c00.nii.gz {HEADER}" in scored.stderr
    written, image = nib.load("out/c05.nii.gz"), nib.load(f"{root}/imagesVa/c05.nii.gz")
    assert np.array_equal(written.header["pixdim"], image.header["pixdim"])
    assert np.array_equal(written.affine, image.affine)
    told: list[str] = []
    monkeypatch.setattr("segkit.model.logger.warning", lambda text, *parts: told.append(text % parts))
    segkit.load("run", device="cpu").predict(f"{root}/imagesVa/c06.nii.gz")
    assert told == ["c06.nii.gz has an sform that says 1x1x1 mm: its qform is taken, 1.4x1.4x10 mm as pixdim says"]


def test_a_class_that_only_validation_has(call):
    """v_testonly: named by verify with a file, and before training."""
    verified = CliRunner().invoke(main, ["data", "verify", "msd", "--data-root", str(CASES / "v_testonly")])
    assert verified.exit_code == 1
    assert "labelsVa/c05.nii.gz\thas class spleen, which no training case has: it cannot be learnt" in verified.stdout
    told = run(call, "v_testonly").stderr
    note = "note: class spleen is in no training mask, the val split has it: it cannot be learnt"
    assert note in told.partition("epoch 1/1")[0]


def test_two_channels(call):
    """v_two: a model of two channels predicts, explains and scores cases, not files; of its own folder the images."""
    run(call, "v_two")
    images = CASES / "v_two" / "imagesTs"
    call("predict", "run", str(images), "-o", "out", "--device", "cpu", "--overlays")
    assert sorted(path.name for path in Path("out").glob("*.nii.gz")) == ["c05.nii.gz", "c06.nii.gz"]
    record = json.loads(Path("out/prediction.json").read_text())
    assert record["files"][0]["files"] == ["c05_0000.nii.gz", "c05_0001.nii.gz"]
    pair = [images / "c05_0000.nii.gz", images / "c05_0001.nii.gz"]
    model = segkit.load("run", device="cpu")
    labels = model.predict(pair)
    assert labels.shape == (10, 20, 24)
    assert np.array_equal(np.asanyarray(nib.load("out/c05.nii.gz").dataobj).transpose(2, 1, 0), labels)
    assert np.array_equal(model.predict([str(path) for path in pair]), labels)
    with pytest.raises(SegkitError, match="c05 lacks c05_0001: the model takes 2 channels"):
        model.predict(pair[0])
    with pytest.raises(SegkitError, match=r"c06_0001\.nii\.gz is of another case than c05_0000"):
        model.predict([pair[0], images / "c06_0001.nii.gz"])
    call("explain", "run", *map(str, pair), "--explainer", "cam", "-o", "maps", "--device", "cpu", "--no-evidence")
    assert [path.name for path in Path("maps").iterdir() if path.is_dir()] == ["c05"]
    scores = call("evaluate", "run", "--device", "cpu", "--json")
    assert json.loads(scores.stdout)["scores"]
    told = call("predict", "run", str(CASES / "v_two"), "-o", "whole", "--device", "cpu").stderr
    assert "left out: 5 files in folders of masks, 1 file of another kind" in told
    assert sorted(path.name for path in Path("whole").glob("*.nii.gz")) == [f"c0{case}.nii.gz" for case in range(7)]
