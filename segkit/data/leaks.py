"""Images that are in two splits, found by what they show before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.large_array import bands, is_large
from segkit.data.prefetch import prefetch
from segkit.data.reading import read_at
from segkit.data.sources import content_hash
from segkit.data.store import Store
from segkit.data.volume_store import VolumeStore

CELLS = 16
"""Pixels along each axis by which photographs are compared first."""
ALIKE = 2.5
"""Mean difference in grey levels up to which two photographs on the working grid are the same picture.

A photograph saved anew as PNG, or once more as JPEG of quality 75, differs by 0.2 to 1.4 there; of 504 dermoscopy
photographs no two differ by less than 9.
"""
BLOCK = 256
"""Photographs compared with all others at a time: of 10,000 the table of distances is 20 MB, of all at once 800 MB."""


@dataclass(frozen=True)
class Leak:
    """One image in two splits.

    Attributes:
        first, second: (split, id).
    """

    first: tuple[str, str]
    second: tuple[str, str]

    def __str__(self) -> str:
        return f"{'/'.join(self.first)} = {'/'.join(self.second)}"


def stored_leaks(stores: Mapping[str, Store | VolumeStore]) -> list[Leak]:
    """Return the images that are in two of the stores by their pixels there; volumes are the same if all voxels are."""
    return [
        Leak((split, store.cases[one].id), (other, second.cases[two].id))
        for (split, store), (other, second) in combinations(stores.items(), 2)
        for one, two in equal_cases(store, second)
    ]


def equal_cases(first: Store | VolumeStore, second: Store | VolumeStore) -> Iterator[tuple[int, int]]:
    """Yield the positions of images that are in both stores."""
    if first.volumes and second.volumes:
        yield from equal_volumes(first, second)
    elif not first.volumes and not second.volumes:
        yield from equal_photographs(first, PictureSet.of(second), lambda index: pixels(second, index))


def unstored_leaks(
    stores: Mapping[str, Store],
    reader: DatasetReader,
    dataset_name: str,
    split: str,
    cases: Sequence[Case],
    *,
    workers: int,
    progress: Callable[[int, int], None],
) -> list[Leak]:
    """Return the photographs of a split that has no store, since it is only scored, that are in a store too.

    Each is decoded once more for it, on the working grid.
    """
    if not stores:
        return []
    size = next(iter(stores.values())).size
    rows: list[np.ndarray] = []
    with closing(prefetch(lambda case: read_at(reader, case, size, dataset_name).image, cases, workers)) as images:
        for image in images:
            rows.append(small(image[None])[0])
            progress(len(rows), len(cases))
    pictures = PictureSet(np.stack(rows))
    found: list[Leak] = []
    for other, store in stores.items():
        pairs = equal_photographs(
            store, pictures, lambda index: read_at(reader, cases[index], size, dataset_name).image.astype(np.float32)
        )
        found += [Leak((other, store.cases[one].id), (split, cases[two].id)) for one, two in pairs]
    return found


def equal_files(stores: Mapping[str, Store | VolumeStore], split: str, cases: Sequence[Case]) -> list[Leak]:
    """Return the cases whose first file has the content of one that a store was made from."""
    known: dict[str, tuple[str, str]] = {}
    for other, store in stores.items():
        ids = [case.id for case in store.cases]
        known |= {sources[0]: (other, name) for name, sources in zip(ids, store.sources, strict=True) if sources}
    found = []
    for case in cases:
        same = known.get(content_hash(case.files[0])) if case.files else None
        if same is not None:
            found.append(Leak(same, (split, case.id)))
    return found


@dataclass(frozen=True)
class PictureSet:
    """A few pixels of each of many photographs, (n, pixels) float32 in grey levels."""

    rows: np.ndarray

    @classmethod
    def of(cls, store: Store) -> PictureSet:
        """Take those of a store."""
        return cls(small(store.all_images))


def small(images: np.ndarray) -> np.ndarray:
    """Return about CELLS x CELLS pixels of each image (n, C, H, W), evenly spread, as a flat row of float32.

    Single pixels, no means: of 504 photographs means cost 18 % of building their store, this costs about 2 %.
    """
    height, width = images.shape[-2:]
    rows, columns = (np.arange(side // (2 * CELLS), side, max(1, side // CELLS)) for side in (height, width))
    chosen: np.ndarray = images[..., rows[:, None], columns]
    return np.reshape(chosen, (len(images), -1)).astype(np.float32)


def pixels(store: Store, index: int) -> np.ndarray:
    """Return an image as stored, in float32."""
    return np.asarray(store.images([index])[0], np.float32)


def equal_photographs(store: Store, others: PictureSet, read: Callable[[int], np.ndarray]) -> Iterator[tuple[int, int]]:
    """Yield the positions of photographs of a store and of others that show the same."""
    own = PictureSet.of(store)
    squares = np.square(others.rows, dtype=np.float64).sum(axis=1)
    for start in range(0, len(own.rows), BLOCK):
        block = own.rows[start : start + BLOCK]
        distance = np.square(block, dtype=np.float64).sum(axis=1)[:, None] + squares - 2.0 * (block @ others.rows.T)
        # Single pixels of one picture saved twice differ more than they do on average: what is near is looked at whole.
        near = distance <= (4 * ALIKE) ** 2 * block.shape[1]
        for row, column in zip(*np.nonzero(near), strict=True):
            one, two = pixels(store, start + int(row)), read(int(column))
            if same_picture(one, two):
                yield start + int(row), int(column)


def same_picture(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two photographs (C, H, W) show the same: equal, or nearly so where there is anything to see."""
    if one.shape != other.shape:
        return False
    difference = float(np.abs(one - other).mean())
    # Of pictures that hardly vary, such as empty slides, only equal ones are the same.
    return difference == 0.0 or difference <= min(ALIKE, 0.25 * float(one.std()))


def equal_volumes(first: VolumeStore, second: VolumeStore) -> Iterator[tuple[int, int]]:
    """Yield the positions of volumes of two stores that are equal voxel by voxel."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, case in enumerate(second.cases):
        by_shape.setdefault((*case.shape, *case.size), []).append(index)
    for index, case in enumerate(first.cases):
        for other in by_shape.get((*case.shape, *case.size), ()):
            one, two = first.image(index), second.image(other)
            scales_agree = all(
                np.array_equal(*pair) for pair in zip(first.scale(index), second.scale(other), strict=True)
            )
            if scales_agree and same_voxels(one, two):
                yield index, other


def same_voxels(one: Any, two: Any) -> bool:
    """Whether two stored images of one size are equal, in memory or not; no more is read than it takes to differ."""
    if is_large(one):
        return all(np.array_equal(one[..., rows, :], two[..., rows, :]) for rows in bands(one))
    # A thousandth of the voxels first: pages of the file that need not be read are not.
    sampled = np.array_equal(one.reshape(-1)[::1009], two.reshape(-1)[::1009])
    return sampled and np.array_equal(one, two)
