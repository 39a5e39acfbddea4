"""Peak memory against an array of known size."""

import json
import subprocess
import sys

import pytest

from segkit.engine.memory import check_planes, enough_memory
from segkit.errors import SegkitError

CODE = """
import json, numpy as np, torch
from segkit.engine.memory import CLEAR, peak_memory, resident_peak, start_peak
cpu = torch.device("cpu")
start_peak(cpu)
before = resident_peak()
array = np.ones(200_000_000, np.uint8)
del array
peak = peak_memory(cpu)
try:
    CLEAR.write_text("5", encoding="ascii")
    start_peak(cpu)
    after = resident_peak()
except OSError:
    after = None
print(json.dumps({"before": before, "peak": peak, "after": after}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say")
def test_the_peak_holds_what_was_given_back():
    """An array of 200 MB counts though it is gone; a new peak, where the system can forget one, begins without it.

    In a process of its own: one that has freed as much before takes the array from there, and no peak rises.
    """
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["peak"]["device"] is None
    assert told["peak"]["process"] >= told["before"] + 150_000_000
    assert told["after"] is None or told["after"] < told["peak"]["process"] - 100_000_000


@pytest.mark.parametrize(("shape", "fits"), [((3, 4096, 4096), True), ((1, 8000, 8000), False), ((9, 9, 1), True)])
def test_planes_that_are_too_large_are_refused(shape, fits):
    """Whatever the machine has: several maps of a plane are held at a time."""
    if fits:
        check_planes(shape)
        return
    with pytest.raises(SegkitError, match="has planes of 64,000,000 voxels, at most 16,777,216"):
        check_planes(shape)


def test_too_little_memory_is_a_sentence_and_other_errors_are_themselves():
    """What does not fit, and the way out."""
    with (
        pytest.raises(SegkitError, match="training does not fit into memory") as caught,
        enough_memory("training", "x"),
    ):
        raise MemoryError
    assert caught.value.hint == "x"
    with pytest.raises(ZeroDivisionError), enough_memory("training", "x"):
        raise ZeroDivisionError
