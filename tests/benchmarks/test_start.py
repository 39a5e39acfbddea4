"""Every benchmark starts: in its smallest form, on generated data, for what it prints and not for its figures.

What needs real data, peers or minutes runs under `full`, and says why where it cannot.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

import segkit

PROJECT = Path(__file__).resolve().parents[2]
BENCHMARKS = PROJECT / "benchmarks"
DATA = PROJECT.parent / "shared" / "data"
PARTS = {"end_to_end_ways", "explainer_table", "nnunet_peer", "tiles_ways", "trained"}
"""Modules of other benchmarks, not started on their own."""

IN_PROCESS = {
    "authoring": ([], "| kind | files |"),
    "coverage": (["--repetitions", "2"], "| BCa |"),
    "lesions": (["--rounds", "1", "--repetitions", "1"], "| segkit | 0.7200 |"),
}
OF_A_RUN = {
    "heads": (["{run}", "--cases", "1"], "| mean of logits |"),
    "opening": (["{run}", "--cases", "2", "--rounds", "1"], "| "),
    "explainers": (["table", "{run}", "--cases", "1"], "| grad-cam"),
}
ALONE = {
    "growth": (["--cases", "4"], [], "| 4 |"),
    "scoring": (["--rounds", "1", "--cases", "1"], [], "| two threads |"),
}
LARGE = {
    "broken_cases": (["--cases", "20"], [], "18 of 18 predicted, 2 named"),
    "crash": (["--kills", "1"], [], "killed 1, equal 1 of 1"),
    "dicom_series": (["--slices", "3", "--side", "16", "--rounds", "1"], ["SimpleITK", "pydicom"], "| segkit |"),
    "end_to_end": (["--epochs", "1", "--cases", "8", "--seeds", "0"], ["monai", "isic2017-small"], "|"),
    "input": (["--rounds", "1", "--steps", "1"], ["monai", "torchvision", "isic2017-small"], "|"),
    "labels": ([str(DATA / "hippocampus"), "labels", "--epochs", "1", "--cases", "6"], ["hippocampus"], "| Anterior |"),
    "launchers": (["--epochs", "1", "--jobs", "1"], [], "| local |"),
    "metrics": (["--repetitions", "1", "--only", "2d"], ["monai"], "| segkit"),
    "missed": ([str(DATA / "hippocampus"), "1"], ["hippocampus"], "epoch"),
    "newcomer": (["--epochs", "1", "--size", "32"], [], "|"),
    "overfit": ([str(DATA / "amos-mini"), "--epochs", "1", "--width", "2"], ["amos-mini"], "|"),
    "predict": (["--rounds", "1"], ["isic2017-small", "isic2017-original"], "|"),
    "plans": (
        [str(DATA), "--only", "unet 24, 2D 128", "--cases", "16", "--epochs", "1"],
        ["isic2017-small"],
        "| unet 24, 2D 128 |",
    ),
    "pretrained": (
        ["fewer", str(DATA / "hippocampus"), "pretrained", "--epochs", "1", "--seeds", "0"],
        ["hippocampus", "timm"],
        "| mean of seeds |",
    ),
    "roundtrip": ([str(DATA / "amos-label-0013" / "amos_0013.nii.gz")], ["monai", "amos-label-0013"], "|"),
    "startup": (["--rounds", "1"], [], "| segkit list |"),
    "streamed": (["--shape", "24x24x24", "--window", "16"], ["konfai", "SimpleITK"], "| konfai |"),
    "tiles": (["--only", "whole"], [], "labels differ"),
    "training": (
        ["--seconds", "0.1", "--device", "cpu", "--only", "U-Net 16..128, 3D"],
        ["monai"],
        "| segkit unet, channels",
    ),
    "volume": (["--only", "peer", "--rounds", "1"], ["monai"], "| segkit |"),
}


@pytest.fixture
def start(monkeypatch, capsys, tmp_path):
    """Call a benchmark's `main` in this process, where the libraries are loaded; returns what it printed."""

    def run(name: str, *arguments: str) -> str:
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        module = importlib.import_module(name)
        module.main([]) if name == "authoring" else module.main()
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run of a small U-Net++ on the generated photographs, whose files benchmarks read."""
    place = tmp_path_factory.mktemp("benchmarked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGKIT_CACHE", str(place / "cache"))
        patch.delenv("SEGKIT_DATA", raising=False)
        settings = {"arch.width": 2, "components.explainers": (), "run.device": "cpu", "run.seed": 1}
        segkit.run(arch="unetpp", data="isic", size=32, epochs=1, output=place / "run", settings=settings)
        yield place / "run"


def test_every_benchmark_is_started():
    """Each script of benchmarks/ is in one of the lists of this file."""
    scripts = {path.stem for path in BENCHMARKS.glob("*.py")}
    assert scripts == {*IN_PROCESS, *OF_A_RUN, *ALONE, *LARGE, *PARTS, "agreement", "drive", "nnunet", "results"}


@pytest.mark.parametrize("name", IN_PROCESS)
def test_small_ones_print_their_table(start, name):
    """What needs nothing but segkit prints its table."""
    arguments, wanted = IN_PROCESS[name]
    assert wanted in start(name, *arguments)


@pytest.mark.full
@pytest.mark.parametrize("name", OF_A_RUN)
def test_those_of_a_run_print_their_table(start, finished, name):
    """What looks at a finished run prints its table of this one."""
    arguments, wanted = OF_A_RUN[name]
    assert wanted in start(name, *(argument.format(run=finished) for argument in arguments))


def test_results_of_runs(start, trained_toy):
    """A row for each run, and what they were made with."""
    printed = start("results", str(trained_toy), str(trained_toy))
    assert printed.count("| net |") == 2
    assert "Made with torch" in printed


def test_agreement_of_label_maps(start, tmp_path):
    """Two runs that kept the same label maps as the reference agree wholly."""
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 1:3, 2:4] = 1
    for folder in ("a/predictions", "b/predictions", "labels"):
        (tmp_path / folder).mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / folder / "case.nii.gz")
    printed = start("agreement", str(tmp_path / "a"), str(tmp_path / "b"), "--labels", str(tmp_path / "labels"))
    assert "| b | 1.000 |  | 1.000 |" in printed


def test_nnunet_is_lent_the_same_folds(start, tmp_path, monkeypatch):
    """Every labelled case once, by nnU-Net's names; each in one fold; equal maps score 1; a row for each of the two."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    nnunet = importlib.import_module("nnunet")
    source = tmp_path / "source"
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 1:3, 2:4], labels[3, 4, 5] = 1, 2
    for split, count in (("Tr", 8), ("Va", 2)):
        for kind, values in (("images", labels * 100), ("labels", labels)):
            (source / f"{kind}{split}").mkdir(parents=True)
            for number in range(count):
                name = f"case_{number}{split}.nii.gz"
                nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), source / f"{kind}{split}" / name)
    described = {"labels": {"0": "background", "1": "Anterior", "2": "Posterior"}, "modality": {"0": "MRI"}}
    (source / "dataset.json").write_text(json.dumps(described))
    place = nnunet.Place(tmp_path / "place", 1)
    nnunet.lay_out(source, place.raw)
    folds = nnunet.folds_of(place.raw)
    held = [case for fold in folds for case in fold["val"]]
    assert sorted(held) == sorted({*folds[0]["train"], *folds[0]["val"]})
    assert len(held) == len({*held}) == 10
    done = {"predictions": str(place.raw / "labelsTr"), "parameters": 1_000_000, "steps": 10, "train": 5.0}
    monkeypatch.setattr(nnunet, "own_run", lambda *_: done)
    monkeypatch.setattr(nnunet, "peer_run", lambda *_: done)
    monkeypatch.setattr(nnunet, "peer_dice_of", lambda *_: {case: [1.0, 1.0] for case in held})
    rows = nnunet.compared(place, 0, 3, folds[0]["val"], [])
    assert "| 3 | 0 | segkit | 1.00 M | 10 | 5 | 0.50 | 1.0000 | 1.0000 | 0.0000 |" in rows
    assert len({line.count("|") for line in rows.splitlines()}) == 1


@pytest.mark.full
def test_drive_is_read_as_its_authors_lay_it_out(start, tmp_path):
    """Photographs, drawings of two readers and fields of view, all GIFs; a second reader who drew the same is equal."""
    values = np.random.default_rng(0)
    for part, first in (("training", 21), ("test", 1)):
        for number in (first, first + 1):
            vessels = (values.random((72, 64)) < 0.1).astype(np.uint8) * 255
            files = {
                f"images/{number:02d}_{part}.tif": np.stack([vessels, 255 - vessels, vessels], -1),
                f"1st_manual/{number:02d}_manual1.gif": vessels,
                f"2nd_manual/{number:02d}_manual2.gif": vessels,
                f"mask/{number:02d}_{part}_mask.gif": np.full((72, 64), 255, np.uint8),
            }
            for name, pixels in files.items():
                (tmp_path / part / name).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(tmp_path / part / name)
    printed = start("drive", str(tmp_path), str(tmp_path / "made"), "--epochs", "1,1")
    assert "| another reader | | | 1.0000" in printed
    assert "| tiles less the whole | | | " in printed


@pytest.mark.parametrize("name", [*ALONE, *(pytest.param(name, marks=pytest.mark.full) for name in LARGE)])
def test_those_that_need_a_process_print_their_table(name, tmp_path):
    """What forks, or takes minutes, peers or real data, prints its table in a process of its own."""
    arguments, needs, wanted = (ALONE | LARGE)[name]
    missing = [need for need in needs if find_spec(need) is None and not (DATA / need).exists()]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed, or not in ../shared/data")
    environ = {**os.environ, "SEGKIT_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=PROJECT, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
    assert wanted in done.stdout + done.stderr
