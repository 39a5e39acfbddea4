"""Bounds on the memory of a probe, so that one that takes too much ends in an error and not in a killed machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
SLACK = 1.25
"""Over what it may take: the system counts what is reserved, and what is in use is compared afterwards."""
SPARE = 256 * 10**6
"""Bytes beside that: the stacks of threads and the arenas of the allocator are reserved whole."""


@contextmanager
def limited(memory: int, device: torch.device) -> Iterator[None]:
    """Let the block take about so many bytes of the device, or of the system; more raises an error there.

    Where the system knows no such bound, there is none.
    """
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, SLACK * memory / total), device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
        return
    bound = bound_of(memory)
    if bound is None:
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (smaller(bound, before[1]), before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def bound_of(memory: int) -> int | None:
    """Return what RLIMIT_DATA is to be, from what is reserved and used now; None where the system does not say."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    known = {line.partition(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
    if "VmData" not in known or "VmRSS" not in known:
        return None
    reserved, used = 1024 * int(known["VmData"]), 1024 * int(known["VmRSS"])
    return int(reserved + max(0, SLACK * memory - used) + SPARE)


def smaller(bound: int, hard: int) -> int:
    """The bound, or the hard limit where that is lower."""
    return bound if hard < 0 else min(bound, hard)
