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
def switches_put_back(turned: set[str]) -> Iterator[None]:
    """Give torch's and Pillow's switches their values back: what one check's plugin turned must not fail another check.

    Args:
        turned: gains the names of those.
    """
    before = {name: read() for name, (read, _) in switches().items()} if "torch" in sys.modules else {}
    pictures = pillow() if "PIL.Image" in sys.modules else (False, PIXELS)
    try:
        yield
    finally:
        if pillow()[0] != pictures[0] or pillow()[1] not in (pictures[1], None):
            turned.add(PILLOW)
            put_pillow(pictures)
        if before:
            for name, (read, put) in switches().items():
                if read() != before[name]:
                    turned.add(name)
                    put(before[name])


ORIGINAL = dict(os.environ)
"""The environment when the kit was imported."""
PILLOW = "PIL.ImageFile.LOAD_TRUNCATED_IMAGES or PIL.Image.MAX_IMAGE_PIXELS"
PIXELS = 89478485
"""How many pixels an image may have before Pillow warns, as it comes."""
LIMIT = 1017
"""A limit of recursion that nobody else would set."""


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
        PILLOW: pillow(),
    }


@contextmanager
def untouched() -> Iterator[None]:
    """Give the environment the values that it has in a new process, and put everything back.

    What a plugin sets once it sets again here; what a library does when it is first imported it does not do again.
    """
    import numpy as np

    kept, limit, place = dict(os.environ), sys.getrecursionlimit(), Path.cwd()
    level, path, switches = logging.root.level, list(sys.path), pillow()
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
        warnings.resetwarnings()
        put_environment(ORIGINAL)
        sys.setrecursionlimit(max(LIMIT, limit + 1))
        put_pillow((False, PIXELS))
        logging.root.setLevel(logging.WARNING)
        try:
            yield
        finally:
            put_environment(kept)
            sys.setrecursionlimit(limit)
            sys.path[:] = path
            put_pillow(switches)
            logging.root.setLevel(level)
            os.chdir(place)


def put_environment(values: dict[str, str]) -> None:
    """Give the process's environment other values."""
    for name in set(os.environ) - set(values):
        del os.environ[name]
    for name, value in values.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def put_pillow(values: tuple[Any, Any]) -> None:
    """Turn Pillow's two switches, where it is there."""
    for module, name, value in zip(
        ("PIL.ImageFile", "PIL.Image"), ("LOAD_TRUNCATED_IMAGES", "MAX_IMAGE_PIXELS"), values, strict=True
    ):
        if module in sys.modules:
            setattr(sys.modules[module], name, value)


def pillow() -> tuple[Any, Any]:
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
