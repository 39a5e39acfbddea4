"""Build a network whose params a stranger's file gives, allocating no more than the tensors of that file explain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

SPARE_BYTES = 256 * 2**20
SPARE_TENSORS = 20_000
TIMES = 4
"""How often what the file holds may be allocated: buffers that are not saved, values on the way to first weights."""


class TooLargeError(Exception):
    """A network would take more memory than the file's tensors explain; the message says how much."""


class Bounded(TorchDispatchMode):
    """Refuses tensors before they are allocated, once all together are larger than the bound."""

    def __init__(self, weights: Iterable[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        sizes = [weight.numel() * weight.element_size() for weight in weights]
        self.most_bytes = TIMES * sum(sizes) + SPARE_BYTES
        self.most_tensors = 50 * len(sizes) + SPARE_TENSORS
        self.bytes = self.tensors = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch (2.14) from wrapping `__torch_dispatch__`: the wrapper imports its compiler, for seconds."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if not func._schema.is_mutable and not func.is_view:
            self.count(func, args, given)
        return func(*args, **given)

    def count(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Add what an operator would allocate, found out on the meta device, which holds shapes and no values."""
        if any(argument.name == "device" for argument in func._schema.arguments):
            kwargs = {**kwargs, "device": "meta"}
        try:
            found = func(*as_meta(args), **as_meta(kwargs))
        except (NotImplementedError, RuntimeError):
            return  # what depends on values, such as `item`, is not larger than they are; what fails, fails again
        for tensor in found if isinstance(found, (tuple, list)) else [found]:
            if isinstance(tensor, torch.Tensor):
                self.tensors += 1
                self.bytes += tensor.numel() * tensor.element_size()
        if self.bytes > self.most_bytes or self.tensors > self.most_tensors:
            raise TooLargeError("it would be larger than the tensors of the file")


def as_meta(value: Any) -> Any:
    """Return arguments of an operator with every tensor replaced by one of its shape without values."""
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, dict):
        return {name: as_meta(part) for name, part in value.items()}
    return type(value)(map(as_meta, value)) if isinstance(value, (tuple, list)) else value


def build_bounded(build: Callable[[], nn.Module], weights: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return what `build` returns; raises TooLargeError where it would allocate beyond what the weights explain."""
    with Bounded(weights.values()):
        return build()
