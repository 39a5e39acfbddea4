"""Threads of PyTorch's operations that suit the size of the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

VALUES_PER_THREAD = 2**19
"""Waking a second thread for an operation on fewer values takes longer than the operation."""


@contextmanager
def threads_for(values: int) -> Iterator[None]:
    """Let this thread's operations on the CPU use no more threads than so many values are worth."""
    every = torch.get_num_threads()
    wanted = max(1, min(every, values // VALUES_PER_THREAD))
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(every)
