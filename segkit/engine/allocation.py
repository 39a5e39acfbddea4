"""What the C library does with memory that is given back to it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# The names and numbers of mallopt(3) in glibc; the usual thresholds are those that its own rule ends at.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
NEVER, LARGEST = 2**31 - 1, 2**30
USUAL_TRIM, USUAL_MMAP = 64 << 20, 32 << 20


@contextmanager
def kept_for_reuse(device: torch.device) -> Iterator[None]:
    """Let what is freed in the block wait for the next allocation instead of going back to the system.

    Every training step frees and takes the same tensors; given back each time, they come again page by page, cleared:
    an eighth of a step's processor time on a CPU. Only glibc has the setting; elsewhere and on other devices nothing
    happens.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" and device.type == "cpu" else None
    if not hasattr(library, "mallopt"):
        yield
        return
    assert library is not None
    library.mallopt(MMAP_THRESHOLD, LARGEST)
    library.mallopt(TRIM_THRESHOLD, NEVER)
    try:
        yield
    finally:
        library.mallopt(MMAP_THRESHOLD, USUAL_MMAP)
        library.mallopt(TRIM_THRESHOLD, USUAL_TRIM)
        library.malloc_trim(0)
