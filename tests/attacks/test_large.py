"""Photographs just below the largest that are read: no command takes 2 GiB for two of them."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from siege import LARGEST

SIDE = 9000
DATA = ("--data-root", "data")
TRAIN = ("--epochs", "1", "--size", "32", "--device", "cpu", "--set", "arch.width=4", "--explain", "none")
COMMANDS = (
    ("data", "verify", "folder", *DATA),
    ("data", "info", "folder", *DATA),
    ("data", "show", "folder", *DATA, "--output", "show.html"),
    ("run", "--arch", "unet", "--data", "folder", *DATA, *TRAIN, "--output", "run"),
    ("predict", "run", "data/images/0.png", "data/images/1.png", "-o", "predicted", "--overlays", "--probabilities"),
    ("evaluate", "run", "--split", "val", "--output", "scored"),
)


@pytest.mark.full
def test_two_large_photographs_fit(tmp_path):
    """Each command a process of its own, its peak the system's."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for number in range(6):
        side = SIDE if number < 2 else 60
        colours = rng.integers(0, 255, (60, 60, 3), dtype=np.uint8)
        marked = np.zeros((60, 60), np.uint8)
        marked[20:50, 10:40] = 1
        for folder, values in (("images", colours), ("masks", marked)):
            picture = Image.fromarray(values).resize((side, side), Image.Resampling.NEAREST)
            picture.save(tmp_path / "data" / folder / f"{number}.png", compress_level=1)
    environ = {**os.environ, "SEGKIT_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    for command in COMMANDS:
        measure = f"""
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "segkit", *{list(command)!r}])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(done.returncode)"""
        done = subprocess.run(
            [sys.executable, "-c", measure], capture_output=True, text=True, cwd=tmp_path, env=environ, check=False
        )
        assert done.returncode == 0, done.stderr
        peak = int(done.stdout.splitlines()[-1])
        print(f"{' '.join(command[:2])}: {peak >> 20} MiB")
        assert peak < LARGEST, command
