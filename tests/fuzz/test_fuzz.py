"""A bounded number of spoiled files in every change; as many as wanted with SEGKIT_FUZZ_COUNT or by run.py itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COUNT = os.environ.get("SEGKIT_FUZZ_COUNT", "240")
DATA = ("photographs", "masks", "store indices", "sample markers")
VOLUMES = ("dataset.json", "NIfTI images")
JOB = ("config files", "checkpoints", "resume states", "environments")


@pytest.mark.parametrize(
    "kinds",
    [
        DATA,
        VOLUMES,
        JOB,
    ],
    ids=["data", "volumes", "job"],
)
def test_spoiled_files_are_read_right_or_refused(tmp_path, kinds):
    """A right result or a SegkitError: no traceback, no wrong result, no hang, no memory over 2 GiB."""
    command = [sys.executable, HERE / "run.py", "--count", COUNT, "--keep", tmp_path / "kept"]
    command += [word for kind in kinds for word in ("--only", kind)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| all {COUNT} |" in done.stdout


def test_an_outcome_that_is_neither_is_found(tmp_path):
    """The counting itself: a reader that lets an exception through or gives other pixels fails the run."""
    code = f"""
import sys
sys.argv[1:] = ["--count", "80", "--only", "photographs"]
sys.path.insert(0, {str(HERE)!r})
import numpy as np, run, segkit_isic.images as images
real = images.read_pair
def wrong(*args):
    image, mask = real(*args)
    if image[0, 0, 0] % 2:
        raise KeyError("let through")
    return image ^ 1, mask
images.read_pair = wrong
sys.exit(run.main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED photographs: AssertionError" in done.stdout or "FAILED photographs: KeyError" in done.stdout
