"""Batches of a store, in an order and with changes that depend on seed and epoch alone."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch

from segkit.data.augment import augment
from segkit.data.normalize import Normalization, to_float
from segkit.data.prefetch import prefetch
from segkit.data.store import Store
from segkit.settings import Augment


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        images: float32 (N, C, *S), normalised, channels last in memory, on the device.
        masks: int64 (N, *S) on the device; 255 is ignored.
        indices: int64 (N,), each sample's place in the store.
    """

    images: torch.Tensor
    masks: torch.Tensor
    indices: np.ndarray


@dataclass(frozen=True)
class _Gathered:
    """A batch as stored, in memory of its own (pinned where it goes to CUDA)."""

    images: torch.Tensor
    masks: torch.Tensor
    scale: tuple[torch.Tensor, torch.Tensor]
    indices: np.ndarray


class Batches:
    """The samples of a store, batch by batch; equal for any number of workers.

    Args:
        augment: with it, every epoch has an order and changes of its own; None: the store's order, unchanged.
        device: where batches end up and where they are augmented.
        workers: threads that gather ahead; 0: none.

    Attributes:
        steps: batches of one epoch; the last one may be smaller.
    """

    def __init__(
        self,
        store: Store,
        *,
        batch_size: int,
        seed: int,
        augment: Augment | None,
        normalization: Normalization,
        device: torch.device,
        workers: int,
    ) -> None:
        self.store = store
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self.normalization = normalization
        self.device = device
        self.workers = workers
        self.steps = math.ceil(len(store) / batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Return the store's indices in the order of `epoch`."""
        if self.augment is None:
            return np.arange(len(self.store))
        source = np.random.SeedSequence((self.seed, epoch), spawn_key=(0,))
        return np.random.Generator(np.random.Philox(source)).permutation(len(self.store))

    def epoch(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of `epoch` from step `start` on; closing the iterator ends the threads."""
        order = self.order(epoch)
        parts = [order[step * self.batch_size : (step + 1) * self.batch_size] for step in range(start, self.steps)]
        with closing(prefetch(self._gather, parts, self.workers)) as gathered:
            for raw in gathered:
                yield self._finish(raw, epoch)

    def _gather(self, indices: np.ndarray) -> _Gathered:
        slopes, intercepts = (torch.from_numpy(values.astype(np.float32)) for values in self.store.scale(indices))
        images = torch.from_numpy(self.store.images(indices))
        masks = torch.from_numpy(self.store.masks(indices))
        if self.device.type == "cuda":
            images, masks = images.pin_memory(), masks.pin_memory()
        return _Gathered(images, masks, (slopes, intercepts), indices)

    def _finish(self, raw: _Gathered, epoch: int) -> Batch:
        # uint8 crosses to the device: a quarter of the bytes of float32.
        stored = raw.images.to(self.device, non_blocking=True)
        masks = raw.masks.to(self.device, non_blocking=True)
        images = to_float(stored)
        natural = stored.dtype == torch.uint8
        if not natural:
            shape = (len(raw.indices), -1, *[1] * (images.ndim - 2))
            slopes, intercepts = (values.to(self.device).view(shape) for values in raw.scale)
            images = images * slopes + intercepts
        if self.augment is None:
            images, masks = self.normalization.apply(images), masks.long()
        else:
            keys = [(self.seed, epoch, int(index)) for index in raw.indices]
            limits = (0.0, 1.0) if natural else None
            images, masks = augment(images, masks, self.augment, self.normalization, keys, limits=limits)
        layout = torch.channels_last if images.ndim == 4 else torch.channels_last_3d
        return Batch(images.contiguous(memory_format=layout), masks, raw.indices)
