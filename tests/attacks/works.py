"""What attacks begin with: runs of the toy plugin that are as they should be, photographs and volumes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image
from siege import code_of

COMMON = ("--epochs", "1", "--device", "cpu", "--set", "data.cases=4")
WIDTHS = ("--vary", "arch.width=4", "--vary", "arch.width=5")
COMPARED = ("compare", "--arch", "net", "--data", "squares", *COMMON, *WIDTHS, "--output", "compared")
VOLUMES = ("train", "--arch", "solid", "--data", "blocks", *COMMON, "--set", "data.mode=slices", "--output", "volumes")


def in_a_fork(args: tuple[str, ...], place: Path) -> None:
    """Carry out a command that has to work."""
    told = place / "told"
    child = os.fork()
    if child == 0:
        target = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(target, stream)
        os.chdir(place)
        os.environ["SEGKIT_CACHE"] = str(place / "cache")
        os._exit(code_of(args))
    _, status = os.waitpid(child, 0)
    assert status == 0, told.read_text()


def make_works(place: Path) -> Path:
    """Train and compare two runs of photographs, train one of volumes, and draw images for both."""
    place.mkdir()
    in_a_fork(COMPARED, place)
    in_a_fork(VOLUMES, place)
    shutil.copytree(min((place / "compared" / "runs").iterdir()), place / "run")
    (place / "images").mkdir()
    for number in range(2):
        photograph(number).save(place / "images" / f"photograph-{number}.png")
    volume(0, place / "volume.nii.gz")
    return place


def photograph(number: int, size: tuple[int, int] = (40, 32)) -> Image.Image:
    """A small photograph with a bright square."""
    pixels = np.random.default_rng(number).integers(0, 90, (size[1], size[0], 3), dtype=np.uint8)
    pixels[5:17, 6:18, 0] += 140
    return Image.fromarray(pixels)


def volume(number: int, path: Path) -> None:
    """Write a small volume with a bright block."""
    values = np.random.default_rng(number).normal(0, 20, (15, 16, 6)).astype(np.int16)
    values[3:8, 4:9, 1:4] = 400
    nibabel.save(nibabel.Nifti1Image(values, np.diag([0.5, 0.5, 2.0, 1.0])), path)
