"""Peak memory against an array of known size."""

import sys

import numpy as np
import pytest
import torch

from segkit.engine.memory import CLEAR, peak_memory, resident_peak, start_peak

CPU = torch.device("cpu")


def resettable() -> bool:
    """Whether this system lets a process forget its peak."""
    try:
        CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say")
def test_the_peak_holds_what_was_given_back():
    """An array of 200 MB counts though it is gone; a new peak begins without it."""
    start_peak(CPU)
    before = resident_peak()
    array = np.ones(200_000_000, np.uint8)
    del array
    peak = peak_memory(CPU)
    assert peak["device"] is None
    assert peak["process"] >= before + 150_000_000
    if resettable():
        start_peak(CPU)
        assert resident_peak() < peak["process"] - 100_000_000
