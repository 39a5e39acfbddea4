"""The public command in this process, and a small ISIC root to spoil."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from segkit.cli import main

FOLDERS = {
    "train": ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
    "val": ("ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth"),
}
SMALL = ("--set", "arch.width=1", "--set", "arch.depth=1", "--size", "16", "--epochs", "1", "--device", "cpu")


def write_pair(root: Path, split: str, id: str, seed: int) -> None:
    """Write one photograph and its mask, 40 x 30 pixels."""
    images, masks = (root / name for name in FOLDERS[split])
    for folder in (images, masks):
        folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    marked = np.zeros((30, 40), np.uint8)
    marked[8:20, 10:30] = 255
    Image.fromarray(pixels).save(images / f"{id}.jpg")
    Image.fromarray(marked).save(masks / f"{id}_segmentation.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three training and two validation pairs in the folders of 2017."""
    for number, split in enumerate(("train", "train", "train", "val", "val")):
        write_pair(tmp_path / "data", split, f"ISIC_{number}", number)
    return tmp_path / "data"


@pytest.fixture
def photograph(root: Path) -> Path:
    """The photograph that is spoiled."""
    return root / FOLDERS["train"][0] / "ISIC_1.jpg"


@pytest.fixture
def mask(root: Path) -> Path:
    """The mask that is spoiled."""
    return root / FOLDERS["train"][1] / "ISIC_1_segmentation.png"


@pytest.fixture
def bare_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call `segkit run --arch unet --data DATA --data-root ROOT ARGS`, in an empty folder, without the page."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)

    def call(data: str, root: Path, *args: str) -> Result:
        return CliRunner().invoke(main, ["run", "--arch", "unet", "--data", data, "--data-root", str(root), *args])

    return call


@pytest.fixture
def isic_run(root: Path, bare_run: Callable[..., Result]) -> Callable[..., Result]:
    """Call a run on the photographs with ARGS."""
    return lambda *args: bare_run("isic", root, *SMALL, *args)
