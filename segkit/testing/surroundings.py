"""What all code of a process shares, and a plugin leaves as it found it: switches of torch, generators, environment."""

from __future__ import annotations

import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Switch = tuple[Callable[[], Any], Callable[[Any], object]]


def switches() -> dict[str, Switch]:
    """How every switch of torch is read and put back, by the name under which people set it."""
    import torch

    def attribute(owner: Any, name: str) -> Switch:
        return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)

    cudnn = torch.backends.cudnn
    return {
        "torch.set_default_dtype": (torch.get_default_dtype, torch.set_default_dtype),
        "torch.set_default_device": (lambda: str(torch.get_default_device()), set_device),
        "torch.set_num_threads": (torch.get_num_threads, torch.set_num_threads),
        "torch.set_grad_enabled": (torch.is_grad_enabled, torch.set_grad_enabled),
        "torch.use_deterministic_algorithms": (
            torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms,
        ),
        "torch.set_float32_matmul_precision": (
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
        ),
        "torch.autograd.set_detect_anomaly": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        "torch.set_autocast_enabled": (
            lambda: torch.is_autocast_enabled("cpu"),
            lambda value: torch.set_autocast_enabled("cpu", value),
        ),
        **{
            f"torch.backends.cudnn.{name}": attribute(cudnn, name) for name in ("benchmark", "deterministic", "enabled")
        },
    }


def set_device(name: str) -> None:
    """Put back where tensors are made; the CPU by saying nothing, since a mode of torch's slows everything down."""
    import torch

    torch.set_default_device(None if name == "cpu" else name)


@contextmanager
def switches_put_back() -> Iterator[None]:
    """Give torch's switches their values back: what one check's plugin turned must not fail another check."""
    before = {name: read() for name, (read, _) in switches().items()} if "torch" in sys.modules else {}
    try:
        yield
    finally:
        if before:
            for name, (read, put) in switches().items():
                if read() != before[name]:
                    put(before[name])


def environment() -> dict[str, object]:
    """What is shared besides torch, in a form that can be compared."""
    import numpy as np

    return {
        "os.environ": dict(os.environ),
        "os.chdir": Path.cwd(),
        "sys.path": list(sys.path),
        "sys.setrecursionlimit": sys.getrecursionlimit(),
        "warnings.filters": list(warnings.filters),
        "the root logger's level": logging.root.level,
        "numpy.seterr": np.geterr(),
        "PIL's switches": pillow(),
    }


def pillow() -> tuple[object, ...]:
    """Pillow's two switches that people turn: whether cut files are read, and how large an image may be."""
    file, image = sys.modules.get("PIL.ImageFile"), sys.modules.get("PIL.Image")
    return getattr(file, "LOAD_TRUNCATED_IMAGES", False), getattr(image, "MAX_IMAGE_PIXELS", None) if image else None


def seed_all(seed: int) -> None:
    """Seed the generators that everybody shares."""
    import numpy as np
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def generators() -> dict[str, object]:
    """The states of the generators that everybody shares, in a form that can be compared."""
    import numpy as np
    import torch

    name, keys, position, *_ = np.random.get_state(legacy=True)
    return {
        "torch.manual_seed": torch.get_rng_state().numpy().tobytes(),
        "numpy.random.seed": (name, np.asarray(keys).tobytes(), position),
        "random.seed": random.getstate(),
    }
