"""Which parts of volumes an epoch consists of: axial slices, slabs of neighbouring slices, patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.sampling import AS_EVER
from segkit.data.volume_store import VolumeStore
from segkit.data.working_grid import neighbour_indices, slab_input

PATCHES = 2
"""Patches of one case and epoch where none are named."""
MOST_TILES = 64
"""Tiles of one case and epoch where none are named: a slide would be a day's epoch."""
REDRAWN = 8

Box = tuple[slice, ...]
Chosen = tuple[int, int | None] | None


@dataclass(frozen=True)
class Part:
    """A part of a volume as stored.

    Attributes:
        image: (C, *size) int16.
        mask: (*size) uint8, or (classes, *size) where these overlap; 255 outside of the volume.
        case: the volume's place in the store.
        inside: where the part lies in the volume; None where all of it does.
        place: where in the volume's working grid its mask was taken.
    """

    image: np.ndarray
    mask: np.ndarray
    case: int
    inside: Box | None = None
    place: tuple[slice | int, ...] = ()

    def cut_mask(self, mask: np.ndarray) -> np.ndarray:
        """Return the same part of another mask of the volume, 255 where it lies outside."""
        if self.mask.ndim == self.image.ndim:
            return self.cut(mask, IGNORE)
        alone: np.ndarray = self.cut(mask[None], IGNORE)[0]
        return alone

    def cut(self, values: np.ndarray, outside: int = 0) -> np.ndarray:
        """Return the same part of other values (M, *volume), with a value of their own where it lies outside."""
        taken = values[:, *self.place]
        if self.inside is None:
            return np.array(taken)
        padded = np.full((len(values), *self.image.shape[1:]), outside, values.dtype)
        padded[:, *self.inside] = taken
        return padded


class Take(Protocol):
    """How a part is found."""

    def __call__(self, seed: int, epoch: int, index: int, chosen: Chosen = None) -> Part:
        """Return sample `index` of an epoch."""


@dataclass(frozen=True)
class Parts:
    """The samples of one epoch; what sample `index` is depends on seed, epoch and index alone.

    Attributes:
        volumes: True; tells them from a `Store`, whose samples are its images.
        store: the volumes.
        count: samples of one epoch.
        take: (seed, epoch, index, chosen) -> the part; chosen: the case and the label to centre it on, where a sampler
            says so.
        spacing: mm per voxel of a part, where it is the same for all.
    """

    volumes: ClassVar[Literal[True]] = True

    store: VolumeStore
    count: int
    take: Take
    spacing: tuple[float, ...] | None = None


def place_source(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the randomness that decides where sample `index` of an epoch lies."""
    # The spawn keys 0 and 1 are those of the epoch's order and of augmentation.
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, epoch, index), spawn_key=(2,))))


def slice_parts(store: VolumeStore, *, slab: int, per_case: int | None, foreground: float) -> Parts:
    """Axial slices, or slabs of `slab` neighbours as channels, each slice's channels together.

    Args:
        per_case: slices of a volume and epoch, drawn anew every time; None: every slice once.
        foreground: where `per_case` is given, the share that is drawn among slices with a foreground label: each label
            of the case is as likely.
    """
    depths = [case.size[0] for case in store.cases]
    ends = np.cumsum(depths)

    def take(seed: int, epoch: int, index: int, chosen: Chosen = None) -> Part:
        if chosen is None and per_case is None:
            case = int(np.searchsorted(ends, index, side="right"))
            level = index - int(ends[case]) + depths[case]
        else:
            case, source = chosen[0] if chosen else index // (per_case or 1), place_source(seed, epoch, index)
            voxel = centre(store, chosen or (case, AS_EVER), source, foreground if per_case else 0.0)
            level = int(source.integers(depths[case])) if voxel is None else int(voxel[0])
        return slice_part(store, case, level, slab)

    return Parts(store, int(ends[-1]) if per_case is None else len(store) * per_case, take)


def slice_part(store: VolumeStore, case: int, level: int, slab: int) -> Part:
    """Return one slice with its neighbours; at the ends of the volume the first and the last are repeated."""
    levels = neighbour_indices(store.cases[case].size[0], [level], slab)
    image = slab_input(store.image(case)[:, levels[0]].swapaxes(0, 1)[None])[0]
    mask = np.array(store.mask(case)[..., level, :, :])
    return Part(np.ascontiguousarray(image), mask, case, None, (level,))


def patch_parts(
    store: VolumeStore,
    size: tuple[int, ...],
    *,
    per_case: int | None,
    foreground: float,
    spacing: tuple[float, ...] | None,
) -> Parts:
    """Patches (D, H, W) anywhere in a volume, or tiles (H, W) of an image, a share centred on a foreground voxel.

    Each label that a case has is as likely to be centred on. A volume smaller than the patch lies in its middle. What
    shows nothing but ignored pixels teaches nothing: it is drawn again, a few times.
    """
    times = per_case or PATCHES

    def take(seed: int, epoch: int, index: int, chosen: Chosen = None) -> Part:
        case = index // times if chosen is None else chosen[0]
        source = place_source(seed, epoch, index)
        part = draw(case, source, chosen)
        for _ in range(REDRAWN if len(size) == 2 else 0):
            if (part.mask != IGNORE).any():
                break
            part = draw(case, source, chosen)
        return part

    def draw(case: int, source: np.random.Generator, chosen: Chosen) -> Part:
        voxel = centre(store, chosen or (case, AS_EVER), source, foreground)
        start = []
        for axis, (length, side) in enumerate(zip(store.cases[case].size, size, strict=True)):
            drawn = float(source.random())
            if length <= side:
                start.append(-((side - length) // 2))
            elif voxel is None:
                start.append(int(drawn * (length - side + 1)))
            else:
                start.append(min(max(int(voxel[axis]) - side // 2, 0), length - side))
        return patch_part(store, case, start, size)

    return Parts(store, len(store) * times, take, spacing)


def covering(store: VolumeStore, size: tuple[int, ...]) -> int:
    """Return how many tiles would cover an image of the store, the median of its images."""
    counts = [
        np.prod([-(-length // side) for length, side in zip(case.size, size, strict=True)]) for case in store.cases
    ]
    return min(MOST_TILES, max(PATCHES, int(np.median(counts))))


def patch_part(store: VolumeStore, case: int, start: list[int], size: tuple[int, ...]) -> Part:
    """Cut a patch out of a volume; what lies outside is ignored in the mask and no value in the image."""
    lengths = store.cases[case].size
    source = tuple(slice(max(a, 0), min(a + side, n)) for a, side, n in zip(start, size, lengths, strict=True))
    image, mask = store.image(case)[(slice(None), *source)], store.mask(case)
    mask = mask[(*[slice(None)] * (mask.ndim - len(size)), *source)]
    if image.shape[1:] == size:
        return Part(np.array(image), np.array(mask), case, None, source)
    inside = tuple(slice(part.start - a, part.stop - a) for part, a in zip(source, start, strict=True))
    padded = np.zeros((len(image), *size), image.dtype)
    labels = np.full((*mask.shape[: -len(size)], *size), IGNORE, np.uint8)
    padded[(slice(None), *inside)] = image
    labels[(*[slice(None)] * (mask.ndim - len(size)), *inside)] = mask
    return Part(padded, labels, case, inside, source)


def centre(
    store: VolumeStore, chosen: tuple[int, int | None], source: np.random.Generator, foreground: float
) -> tuple[int, ...] | None:
    """Draw the voxel (d, h, w) of a label that a part is centred on; None where it lies anywhere.

    Args:
        foreground: where that is not a sampler's to say, the share of parts that are centred on a label of the case.
    """
    case, label = chosen
    wanted, which, where = source.random(3)
    labels = store.labels(case)
    if label is None:
        return None
    if label == AS_EVER:
        if wanted >= foreground or not labels:
            return None
        label = labels[int(which * len(labels))]
    places = store.foreground(case, label)
    place = int(places[int(where * len(places))])
    return tuple(int(axis) for axis in np.unravel_index(place, store.cases[case].size))
