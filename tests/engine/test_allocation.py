"""Memory that is kept for the next step."""

import ctypes
import sys
from pathlib import Path

import pytest
import torch

from segkit.engine.allocation import kept_for_reuse

PAGE = 4096
GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


@pytest.mark.skipif(not GLIBC, reason="only glibc can be told")
def test_freed_tensors_stay_in_the_block_and_leave_with_it() -> None:
    """256 MiB in tensors of 16 MiB are still resident when they are freed in the block, and gone after it."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier tests left would be used again
    before = resident()
    with kept_for_reuse(torch.device("cpu")):
        tensors = [torch.ones(4 << 20) for _ in range(16)]
        del tensors
        assert resident() - before > 200 << 20
    assert resident() - before < 100 << 20


def test_other_devices_are_left_alone() -> None:
    """On CUDA PyTorch keeps memory itself."""
    with kept_for_reuse(torch.device("cuda")):
        pass
