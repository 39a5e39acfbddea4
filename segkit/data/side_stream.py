"""Batches made ready on a CUDA stream of their own, beside the step before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

import torch


class OnDevice(Protocol):
    """What has tensors that another stream will use."""

    @property
    def images(self) -> torch.Tensor:
        """What the network is shown."""

    @property
    def masks(self) -> torch.Tensor:
        """What it is to learn."""


Ready = TypeVar("Ready", bound=OnDevice)


def one_ahead(batches: Iterable[Ready], device: torch.device, cuda: Any = torch.cuda) -> Iterator[Ready]:
    """Hand out batches in order, the next one always asked for before.

    Copies and augmentation then run beside the network's step, and what waits for them, waits for nothing else.

    Args:
        device: a CUDA device.
        cuda: what has its streams.
    """
    # The little work of a batch goes first, or it would stand in line behind a whole step.
    stream, iterator = cuda.Stream(device, priority=-1), iter(batches)

    def prepare() -> tuple[Ready, Any] | None:
        with cuda.stream(stream):
            batch = next(iterator, None)
            return None if batch is None else (batch, stream.record_event())

    ready = prepare()
    while ready is not None:
        following = prepare()
        batch, event = ready
        user = cuda.current_stream(device)
        user.wait_event(event)
        for tensor in (batch.images, batch.masks):
            # Else their memory could be given away while the other stream still reads it.
            tensor.record_stream(user)
        yield batch
        ready = following
