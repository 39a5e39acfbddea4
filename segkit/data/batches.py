"""Batches of a store, in an order and with changes that depend on seed and epoch alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from segkit.data.augment import augment, blank
from segkit.data.intensities import PER_CASE
from segkit.data.normalize import Normalization, spread, to_float
from segkit.data.parts import Part, Parts
from segkit.data.prefetch import prefetch
from segkit.data.side_stream import one_ahead
from segkit.data.store import Store
from segkit.data.threads import threads_for
from segkit.data.volume_store import VolumeStore
from segkit.settings import Augment


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        images: float32 (N, C, *S), normalised, channels last in memory, on the device.
        masks: int64 (N, *S) on the device; 255 is ignored.
        indices: int64 (N,), each sample's place in the store, or among an epoch's parts of volumes.
        total: samples of the step on all ranks; None where this one has them all.
    """

    images: torch.Tensor
    masks: torch.Tensor
    indices: np.ndarray
    total: int | None = None

    @property
    def samples(self) -> int:
        """The samples of the step, whichever rank has them."""
        return len(self.indices) if self.total is None else self.total


@dataclass(frozen=True)
class _Gathered:
    """A batch as stored, in memory of its own (pinned where it goes to CUDA)."""

    images: torch.Tensor
    masks: torch.Tensor
    scale: tuple[torch.Tensor, torch.Tensor]
    indices: np.ndarray
    moments: tuple[torch.Tensor, torch.Tensor] | None = None
    inside: Sequence[tuple[slice, ...] | None] = ()


class Batches:
    """The samples of a store, batch by batch; equal for any number of workers.

    Args:
        parts: which parts of volumes the samples are; None: the store's images are.
        augment: with it, every epoch has an order and changes of its own; None: the store's order, unchanged.
        device: where batches end up and where they are augmented.
        workers: threads that gather ahead; 0: none.
        part: (rank, ranks) of several processes: with `augment` each has its own samples of every step, possibly none
            of the last one; without, its own steps.
        clock: told what each part of preparing a batch is, such as `segkit.engine.clock.Clock`.

    Attributes:
        samples: of one epoch.
        steps: batches of one epoch; the last one may be smaller.
    """

    def __init__(
        self,
        store: Store | VolumeStore,
        *,
        parts: Parts | None = None,
        batch_size: int,
        seed: int,
        augment: Augment | None,
        normalization: Normalization,
        device: torch.device,
        workers: int,
        part: tuple[int, int] = (0, 1),
        clock: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.store = store
        self.parts = parts
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self.normalization = normalization
        self.device = device
        self.workers = workers
        self.part = part
        self.clock = clock
        self.samples = len(store) if parts is None else parts.count
        self.steps = math.ceil(self.samples / batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Return the store's indices in the order of `epoch`."""
        if self.augment is None:
            return np.arange(self.samples)
        source = np.random.SeedSequence((self.seed, epoch), spawn_key=(0,))
        return np.random.Generator(np.random.Philox(source)).permutation(self.samples)

    def epoch(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of `epoch` from step `start` on; closing the iterator ends the threads."""
        order = self.order(epoch)
        steps = [order[step * self.batch_size : (step + 1) * self.batch_size] for step in range(start, self.steps)]
        rank, ranks = self.part
        steps = steps if self.augment is not None else steps[rank::ranks]
        own = [step[rank::ranks] for step in steps] if self.augment is not None else steps
        with closing(prefetch(lambda part: self._gather(part, epoch), own, self.workers)) as gathered:
            finished = (
                self._nothing(len(step)) if raw is None else self._finish(raw, epoch, len(step))
                for raw, step in zip(gathered, steps, strict=True)
            )
            yield from one_ahead(finished, self.device) if self.device.type == "cuda" else finished

    def _nothing(self, total: int) -> Batch:
        empty = torch.empty(0, device=self.device)
        return Batch(empty, empty.long(), np.empty(0, np.int64), total)

    def _gather(self, indices: np.ndarray, epoch: int) -> _Gathered | None:
        if not len(indices):
            return None
        raw = self._gather_images(indices) if self.parts is None else self._gather_parts(self.parts, indices, epoch)
        if self.device.type != "cuda":
            return raw
        return replace(raw, images=raw.images.pin_memory(), masks=raw.masks.pin_memory())

    def _gather_images(self, indices: np.ndarray) -> _Gathered:
        assert isinstance(self.store, Store)
        slopes, intercepts = (torch.from_numpy(values.astype(np.float32)) for values in self.store.scale(indices))
        images = torch.from_numpy(self.store.images(indices))
        return _Gathered(images, torch.from_numpy(self.store.masks(indices)), (slopes, intercepts), indices)

    def _gather_parts(self, parts: Parts, indices: np.ndarray, epoch: int) -> _Gathered:
        taken: list[Part] = [parts.take(self.seed, epoch, int(index)) for index in indices]
        images = torch.from_numpy(np.stack([part.image for part in taken]))
        masks = torch.from_numpy(np.stack([part.mask for part in taken]))
        store, kind = self.store, self.normalization.kind
        assert isinstance(store, VolumeStore)
        scale = _rows([store.scale(part.case) for part in taken])
        moments = _rows([store.moments(part.case, kind) for part in taken]) if kind in PER_CASE else None
        return _Gathered(images, masks, scale, indices, moments, [part.inside for part in taken])

    def _finish(self, raw: _Gathered, epoch: int, total: int) -> Batch:
        # uint8 crosses to the device: a quarter of the bytes of float32.
        with self.clock("copy"):
            stored = raw.images.to(self.device, non_blocking=True)
            masks = raw.masks.to(self.device, non_blocking=True)
        with self.clock("augmentation"), threads_for(stored.numel()):
            images, masks = self._change(stored, masks, raw, epoch)
        return Batch(images, masks, raw.indices, total)

    def _change(
        self, stored: torch.Tensor, masks: torch.Tensor, raw: _Gathered, epoch: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        images = to_float(stored)
        natural = stored.dtype == torch.uint8
        if not natural:
            slopes, intercepts = (spread(values.to(self.device), images) for values in raw.scale)
            images = images * slopes + intercepts
        moments = None if raw.moments is None else (raw.moments[0].to(self.device), raw.moments[1].to(self.device))
        if self.augment is None:
            images, masks = blank(self.normalization.apply(images, moments), raw.inside), masks.long()
        else:
            keys = [(self.seed, epoch, int(index)) for index in raw.indices]
            images, masks = augment(
                images,
                masks,
                self.augment,
                self.normalization,
                keys,
                limits=(0.0, 1.0) if natural else None,
                moments=moments,
                inside=raw.inside,
                spacing=None if self.parts is None else self.parts.spacing,
            )
        layout = torch.channels_last if images.ndim == 4 else torch.channels_last_3d
        return images.contiguous(memory_format=layout), masks


def _rows(pairs: Sequence[tuple[Any, Any]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack pairs of rows (C,) into two float32 tensors (N, C)."""
    first, second = (torch.from_numpy(np.array(rows, np.float32)) for rows in zip(*pairs, strict=True))
    return first, second
