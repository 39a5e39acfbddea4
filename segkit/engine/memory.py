"""The largest amount of memory that a stretch of work took."""

from __future__ import annotations

import contextlib
import errno
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from segkit.errors import SegkitError
from segkit.files import bytes_text

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What the kernel wants to read in clear_refs to begin the peak anew (Linux, proc(5))."""


SIGNS = ("out of memory", "allocate memory", "not enough memory", "alloc_failed", "bad_alloc")
"""What PyTorch and its libraries say in RuntimeErrors: the CPU's allocator on each system, MPS, cuDNN, cuBLAS."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error is that of memory that is not there, in whatever form it comes."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


MORE_MEMORY = "check its size, free some memory, or use a machine with more"
"""The way out of one case that is too large."""


@contextlib.contextmanager
def enough_memory(what: str, way_out: str = MORE_MEMORY) -> Iterator[None]:
    """Turn running out of memory, in whatever form it comes, into a SegkitError."""
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise SegkitError(f"{what} does not fit into memory", way_out) from error


WORTH_ASKING = 1 << 30
"""Less than this many bytes are taken without asking the system first."""
LIMIT, USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
FREE = Path("/proc/meminfo")


def check_memory(needed: int, shape: Sequence[int]) -> None:
    """Raise SegkitError where a case would take more memory than there is: the system might kill the process for it.

    Args:
        needed: bytes.
        shape: of the case's own grid.
    """
    if needed < WORTH_ASKING:
        return
    free = available_memory()
    if free is not None and needed > free:
        raise SegkitError(
            f"an image of {' x '.join(map(str, shape))} does not fit into memory: about {bytes_text(needed)} would be "
            f"needed, {bytes_text(free)} are free",
            "check its size and spacing, or use a machine with more memory",
        )


MOST_OF_PLANE = 2**24
"""Voxels of an axial plane, 4096 x 4096: with probabilities 8000 x 8000 took 4.5 GiB (issue 19)."""


def check_planes(shape: Sequence[int]) -> None:
    """Raise SegkitError where a volume (D, H, W) has planes that are too large to be finished at a time."""
    if math.prod(shape[1:]) > MOST_OF_PLANE:
        raise SegkitError(
            f"a volume of {' x '.join(map(str, shape))} has planes of {math.prod(shape[1:]):,} voxels, at most "
            f"{MOST_OF_PLANE:,} are predicted at a time",
            "cut it into parts, or write it more coarsely",
        )


def available_memory() -> int | None:
    """Return the bytes that this process can still take, by the machine and by its container; None where unknown."""
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        line = next(line for line in FREE.read_text(encoding="ascii").splitlines() if line.startswith("MemAvailable:"))
        found.append(1024 * int(line.split()[1]))
    with contextlib.suppress(OSError, ValueError):
        # "max", where there is no limit, is no number.
        found.append(int(LIMIT.read_text(encoding="ascii")) - int(USED.read_text(encoding="ascii")))
    return min(found) if found else None


def start_peak(device: torch.device) -> None:
    """Begin a new peak: what earlier work in this process took no longer counts, where the system can forget it."""
    # Where this is refused (another system, some containers) the peak stays that of the process so far.
    with contextlib.suppress(OSError):
        CLEAR.write_text(RESET_PEAK, encoding="ascii")
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> dict[str, int | None]:
    """Return the peak since `start_peak` in bytes; None where the system does not say.

    "process" is what was resident, libraries included; "device" is what tensors took on CUDA.
    """
    on_device = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return {"process": resident_peak(), "device": on_device}


def resident_peak() -> int | None:
    """Return the largest resident size of this process in bytes."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
