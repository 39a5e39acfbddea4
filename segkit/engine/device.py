"""Where tensors live and in which precision they are computed."""

from __future__ import annotations

import contextlib
import os
import platform
from contextlib import AbstractContextManager

import torch

from segkit.errors import UsageError


def choose_device(name: str) -> torch.device:
    """Return the device a name asks for; "auto" is cuda, then mps, then cpu. Raises UsageError where it is absent."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"--device {name!r} is no device", "give auto, cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: this PyTorch sees no CUDA device", "use --device cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices", "count from cuda:0")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: this PyTorch sees no Apple GPU", "use --device cpu")
    return device


def training_precision(device: torch.device, wanted: str) -> str:
    """Return the precision of training steps: for "auto" bfloat16 where the device has matrix units for it, else none.

    Predictions stay in float32 on every processor (`autocast`), so that they do not depend on which one it is.
    """
    if wanted != "auto":
        return wanted
    # A step of the 64..1024 U-Net takes 8.66 images a second in bfloat16 where there are matrix units and 3.15 in
    # float32; without them bfloat16 is the slower one (docs/benchmarks/training.md).
    return "bfloat16" if device.type == "cuda" or (device.type == "cpu" and has_matrix_unit()) else "none"


def has_matrix_unit() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware (AMX); without it float32 is faster."""
    # Private in PyTorch, and there since 2.5; nothing public tells.
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return the reduced-precision context; "auto" is bfloat16 on CUDA and none elsewhere."""
    if precision == "auto":
        precision = "bfloat16" if device.type == "cuda" else "none"
    if precision == "none":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def set_threads(threads: int | None) -> int:
    """Set the threads of one operator on the CPU and return how many there are."""
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def choose_algorithms(device: torch.device, *, deterministic: bool) -> None:
    """On CUDA, let cuDNN try which convolutions are the fastest for the run's few shapes, which may change last bits.

    Args:
        deterministic: instead allow only bit-reproducible operators; PyTorch refuses the others by name at their first
            use.
    """
    if device.type != "cuda":
        return
    # Trying costs the first steps of each shape, of which a run has few.
    torch.backends.cudnn.benchmark = not deterministic
    if not deterministic:
        return
    # cuBLAS reads it when it is first used, which is later than this.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)


def default_workers() -> int:
    """Threads that prepare data: enough to hide it, not so many that they take cores from the network."""
    return min(4, max(1, (os.cpu_count() or 2) // 2))


def describe_machine(device: torch.device, precision: str) -> dict[str, object]:
    """What environment.json says of the machine, and of the precision that it trains in; no host or user name."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "autocast": training_precision(device, precision),
        "threads": torch.get_num_threads(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
