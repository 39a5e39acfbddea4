"""Batches of a store, in an order and with changes that depend on seed and epoch alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from segkit.contracts import IGNORE
from segkit.data.annotated import rows_of
from segkit.data.augment import augment_with, blank
from segkit.data.case_maps import CaseMaps
from segkit.data.changes import Changes, draw_changes, draw_fields
from segkit.data.drawings import Drawings
from segkit.data.normalize import BY_CASE, Normalization, spread, to_float
from segkit.data.parts import Part, Parts
from segkit.data.prefetch import prefetch_and_finish
from segkit.data.sampling import Choice, FurtherAugmentation, Sampler
from segkit.data.side_stream import one_ahead
from segkit.data.store import Store
from segkit.data.threads import threads_for
from segkit.data.volume_store import VolumeStore
from segkit.settings import Augment

DRAWN_TOGETHER = 64
"""Samples whose changes are drawn at once: most of a draw's time is that of calling numpy, however many there are.

With mirroring in the warp and one batch begun at a time it took augmentation from 3.7 to 2.8 ms a step
(docs/benchmarks/profile.md).
"""


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        images: float32 (N, C, *S), normalised, channels last in memory, on the device.
        masks: int64 (N, *S), or (N, classes, *S) where these overlap, on the device; 255 is ignored. Of the mean of
            several drawings float32 (N, K, *S), the share of each label.
        indices: int64 (N,), each sample's place in the store, or among an epoch's parts of volumes.
        samples: of the step, whichever rank has them.
        annotated: bool (N, classes), which classes the masks were drawn for; None: all, or these overlap and what was
            not looked for is ignored in its plane.
        maps: by loss, (N, M, *S) float32 on the device, moved as the images were.
        spacing: mm per pixel or voxel of each sample, (N, axes of S); None where it is not known of all.
    """

    images: torch.Tensor
    masks: torch.Tensor
    indices: np.ndarray
    samples: int
    annotated: torch.Tensor | None = None
    maps: Mapping[str, torch.Tensor] = field(default_factory=dict)
    spacing: torch.Tensor | None = None


@dataclass(frozen=True)
class _Step:
    """One step's samples: this rank's, how many all ranks have, what becomes of this rank's, what a sampler chose."""

    indices: np.ndarray
    total: int
    epoch: int
    changes: Changes | None = None
    places: Sequence[Choice] | None = None


@dataclass(frozen=True)
class _Gathered:
    """A step's samples as stored, in memory of their own (pinned where they go to CUDA)."""

    images: torch.Tensor
    masks: torch.Tensor
    scale: tuple[torch.Tensor, ...]
    step: _Step
    moments: tuple[torch.Tensor, ...] | None = None
    inside: Sequence[tuple[slice, ...] | None] = ()
    changes: Changes | None = None
    cases: Sequence[int] = ()
    maps: Mapping[str, torch.Tensor] = field(default_factory=dict)
    spacing: torch.Tensor | None = None


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
        sampler: which cases an epoch shows; None: each as often as any other.
        further: what changes samples last, with `augment`.
        maps: of the store's cases, by the loss that asks for them.
        drawings: where the mean of what several readers drew is the target, with `augment`.

    Attributes:
        source: what the samples are taken from: the parts, or the store of images itself.
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
        sampler: Sampler | None = None,
        further: Sequence[FurtherAugmentation] = (),
        maps: Mapping[str, CaseMaps] | None = None,
        drawings: Drawings | None = None,
    ) -> None:
        self.source = parts or images_of(store)
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self.normalization = normalization
        self.device = device
        self.workers = workers
        self.part = part
        self.clock = clock
        self.sampler = sampler if augment is not None else None
        self.further = tuple(further)
        self.maps = dict(maps or {})
        self.drawings = drawings if augment is not None else None
        self.samples = self.source.count if self.source.volumes else len(self.source)
        if self.sampler is not None:
            self.samples = self.sampler.samples(self.samples)
        self.steps = math.ceil(self.samples / batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Return the store's indices in the order of `epoch`."""
        if self.augment is None or self.sampler is not None:
            return np.arange(self.samples)
        # From seed and epoch alone, never from what was drawn before: a resumed epoch has the order it was stopped
        # in, and any number of workers or ranks has the same one (docs/benchmarks/crash.md).
        source = np.random.SeedSequence((self.seed, epoch), spawn_key=(0,))
        return np.random.Generator(np.random.Philox(source)).permutation(self.samples)

    def epoch(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of `epoch`, without its first `start` samples; closing the iterator ends the threads."""
        order = self.order(epoch)
        rows = [order[first : first + self.batch_size] for first in range(start, self.samples, self.batch_size)]
        rank, ranks = self.part
        if self.augment is None:
            steps = [_Step(row, len(row), epoch) for row in rows[rank::ranks]]
        else:
            steps = [_Step(row[rank::ranks], len(row), epoch) for row in rows]
        if self.sampler is not None:
            labels = self._labels if self.sampler.by_label else []
            chosen = self.sampler.epoch(labels, self.samples, self.seed, epoch)
            steps = [replace(step, places=[chosen[int(index)] for index in step.indices]) for step in steps]
        with closing(prefetch_and_finish(self._gather, self._finish, self._drawn(steps), self.workers)) as batches:
            yield from one_ahead(batches, self.device) if self.device.type == "cuda" else batches

    def _drawn(self, steps: Sequence[_Step]) -> Iterator[_Step]:
        """Yield the steps with what becomes of their samples, drawn for many steps at once."""
        if self.augment is None:
            yield from steps
            return
        spacing = self.source.spacing if self.source.volumes else None
        together = max(1, DRAWN_TOGETHER // self.batch_size)
        for first in range(0, len(steps), together):
            block = steps[first : first + together]
            keys = [(self.seed, step.epoch, int(index)) for step in block for index in step.indices]
            changes = draw_changes(keys, self.augment, self._shape, spacing) if keys else None
            end = 0
            for step in block:
                start, end = end, end + len(step.indices)
                yield step if changes is None else replace(step, changes=changes.part(start, end))

    @cached_property
    def _labels(self) -> list[tuple[int, ...]]:
        """The foreground labels of each case."""
        source = self.source
        if source.volumes:
            return [tuple(source.store.labels(place)) for place in range(len(source.store))]
        return [labels_in(source.masks([place])[0], len(source.size)) for place in range(len(source))]

    @cached_property
    def _shape(self) -> tuple[int, ...]:
        """(C, *S) of every sample."""
        if self.source.volumes:
            return self.source.take(self.seed, 0, 0).image.shape
        return (self.source.channels, *self.source.size)

    def _gather(self, step: _Step) -> _Gathered | _Step:
        if not len(step.indices):
            return step
        source = self.source
        raw = self._gather_parts(source, step) if source.volumes else self._gather_images(source, step)
        if self.augment is not None and step.changes is not None:
            raw = replace(raw, changes=draw_fields(step.changes, self.augment, raw.images.shape[1:]))
        if self.device.type != "cuda":
            return raw
        changes = None if raw.changes is None else raw.changes.each(torch.Tensor.pin_memory)
        return replace(raw, images=raw.images.pin_memory(), masks=raw.masks.pin_memory(), changes=changes)

    def _gather_images(self, store: Store, step: _Step) -> _Gathered:
        indices = step.indices if step.places is None else np.array([case for case, _ in step.places])
        slopes, intercepts = (torch.from_numpy(values.astype(np.float32)) for values in store.scale(indices))
        images = torch.from_numpy(store.images(indices))
        maps = {name: stacked([found.of(int(case)) for case in indices]) for name, found in self.maps.items()}
        masks = store.masks(indices) if self.drawings is None else self._drawn_masks(self.drawings, store, indices)
        scale = (slopes, intercepts)
        return _Gathered(images, torch.from_numpy(masks), scale, step, cases=indices.tolist(), maps=maps)

    @staticmethod
    def _drawn_masks(drawings: Drawings, store: Store, indices: np.ndarray) -> np.ndarray:
        return np.stack([drawings.masks(int(case), lambda one: store.masks([one])[0]) for case in indices])

    def _gather_parts(self, parts: Parts, step: _Step) -> _Gathered:
        places: Sequence[Choice | None] = step.places or [None] * len(step.indices)
        taken: list[Part] = [
            parts.take(self.seed, step.epoch, int(index), place)
            for index, place in zip(step.indices, places, strict=True)
        ]
        images = torch.from_numpy(np.stack([part.image for part in taken]))
        masks = torch.from_numpy(np.stack([self._part_mask(parts.store, part) for part in taken]))
        store, kind = parts.store, self.normalization.kind
        scale = _rows([store.scale(part.case) for part in taken])
        moments = _rows([store.moments(part.case, kind) for part in taken]) if kind in BY_CASE else None
        maps = {name: stacked([part.cut(found.of(part.case)) for part in taken]) for name, found in self.maps.items()}
        return _Gathered(
            images,
            masks,
            scale,
            step,
            moments,
            [part.inside for part in taken],
            cases=[part.case for part in taken],
            maps=maps,
            spacing=spacing_of(store, taken),
        )

    def _part_mask(self, store: VolumeStore, part: Part) -> np.ndarray:
        """The mask of a part; of several drawings all of theirs, cut at the same place."""
        if self.drawings is None:
            return part.mask
        return self.drawings.masks(part.case, lambda one: part.cut_mask(store.mask(one)))

    def _finish(self, raw: _Gathered | _Step) -> Batch:
        if isinstance(raw, _Step):
            empty = torch.empty(0, device=self.device)
            return Batch(empty, empty.long(), np.empty(0, np.int64), raw.total)
        # uint8 crosses to the device: a quarter of the bytes of float32.
        with self.clock("copy"):
            stored, masks = self._moved(raw.images), self._moved(raw.masks)
            changes = None if raw.changes is None else raw.changes.each(self._moved)
        with self.clock("augmentation"), threads_for(stored.numel()):
            images, masks, maps = self._change(stored, masks, raw, changes)
            masks = masks if self.drawings is None else self.drawings.shares(masks)
        known = None if self._annotated is None else self._moved(self._annotated[raw.cases])
        spacing = None if raw.spacing is None else self._moved(raw.spacing)
        return Batch(images, masks, raw.step.indices, raw.step.total, known, maps, spacing)

    @cached_property
    def _annotated(self) -> torch.Tensor | None:
        """Which classes each case was annotated for, bool (cases, classes); None where these are all."""
        store = self.source.store if self.source.volumes else self.source
        if store.planes is not None or all(case.annotated is None for case in store.cases):
            return None
        return torch.tensor(rows_of([case.annotated for case in store.cases], store.classes))

    def _moved(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self.device, non_blocking=True)

    def _change(
        self, stored: torch.Tensor, masks: torch.Tensor, raw: _Gathered, changes: Changes | None
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        images = to_float(stored)
        maps = {name: self._moved(found).float() for name, found in raw.maps.items()}
        natural = stored.dtype == torch.uint8
        if not natural:
            slopes, intercepts = (spread(self._moved(values), images) for values in raw.scale)
            images = images * slopes + intercepts
        moments = None if raw.moments is None else tuple(map(self._moved, raw.moments))
        if changes is None:
            images, masks = blank(self.normalization.apply(images, moments), raw.inside), masks.long()
        else:
            limits = (0.0, 1.0) if natural else None
            images, masks, maps = augment_with(
                images, masks, maps, changes, self.normalization, limits=limits, moments=moments, inside=raw.inside
            )
            images, masks = self._change_further(images, masks, raw.step)
        layout = torch.channels_last if images.ndim == 4 else torch.channels_last_3d
        return images.contiguous(memory_format=layout), masks, maps

    def _change_further(
        self, images: torch.Tensor, masks: torch.Tensor, step: _Step
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Let plugins change each sample in turn."""
        if not self.further:
            return images, masks
        changed = []
        for image, mask, index in zip(images, masks, step.indices, strict=True):
            key = (self.seed, step.epoch, int(index))
            for place, augmentation in enumerate(self.further):
                image, mask = augmentation.apply(image, mask, key, place)
            changed.append((image, mask))
        return torch.stack([image for image, _ in changed]), torch.stack([mask for _, mask in changed])


def labels_in(mask: np.ndarray, dims: int) -> tuple[int, ...]:
    """Return the foreground labels of a mask (*S), or (classes, *S) where these overlap."""
    if mask.ndim > dims:
        return tuple(place + 1 for place, inside in enumerate(mask) if (inside == 1).any())
    return tuple(sorted({*map(int, np.unique(mask))} - {0, IGNORE}))


def stacked(arrays: Sequence[np.ndarray]) -> torch.Tensor:
    """Return arrays of one shape as a tensor."""
    return torch.from_numpy(np.stack(arrays))


def spacing_of(store: VolumeStore, taken: Sequence[Part]) -> torch.Tensor | None:
    """Return mm per voxel along the axes of each part; None where it is not known of all."""
    found = [store.cases[part.case].working_spacing for part in taken]
    if any(spacing is None for spacing in found):
        return None
    axes = taken[0].image.ndim - 1
    return torch.tensor([spacing[-axes:] for spacing in found if spacing is not None], dtype=torch.float32)


def images_of(store: Store | VolumeStore) -> Store:
    """Return a store whose samples are its images; raises ValueError where it is one of volumes."""
    if store.volumes:
        raise ValueError("the samples of a store of volumes are parts of them: say which")
    return store


def _rows(told: Sequence[tuple[Any, ...]]) -> tuple[torch.Tensor, ...]:
    """Stack each sample's rows (C,) into float32 tensors (N, C)."""
    return tuple(torch.from_numpy(np.array(rows, np.float32)) for rows in zip(*told, strict=True))
