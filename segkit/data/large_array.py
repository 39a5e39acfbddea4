"""Images and masks that are larger than memory: arrays of which any rectangle can be read."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard

import numpy as np

BAND = 256
"""Rows that are read at a time where whole rows are asked for."""
KEPT = 2
"""Bands that are kept: of rows that are asked for in order none is read twice."""


class LargeArray(ABC):
    """An array (H, W), or (C, H, W), of which only what is asked for is read; a subclass reads rectangles.

    It is indexed as a numpy array is, with slices without a step and whole numbers, and gives numpy arrays; as a whole
    (`numpy.asarray`) it is read at once.

    Attributes:
        shape, dtype: of the whole.
        band: rows that belong together, such as those of a row of a file's tiles: of whole rows, which are mostly asked
            for in order and a few at a time, so many are read and kept.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    band: int = BAND

    @abstractmethod
    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle, (..., rows, columns); both slices have start and stop and lie inside."""

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes that the whole would take."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return what is asked for, read from the source."""
        keys = whole_key(key, self.ndim)
        rows, columns = (inside(part, side) for part, side in zip(keys[-2:], self.shape[-2:], strict=True))
        found = self._rows(rows) if columns == slice(0, self.shape[-1]) else self.read(rows, columns)
        ends = tuple(0 if not isinstance(part, slice) else slice(None) for part in keys[-2:])
        picked: np.ndarray = found[(*keys[:-2], *ends)]
        return picked

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[place] for place in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the whole."""
        whole = self.read(slice(0, self.shape[-2]), slice(0, self.shape[-1]))
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def _rows(self, rows: slice) -> np.ndarray:
        """Return whole rows, of bands that are read once."""
        width = self.shape[-1]
        if rows.stop - rows.start >= KEPT * self.band:
            return self.read(rows, slice(0, width))
        kept: dict[int, np.ndarray] = self.__dict__.setdefault("_kept", {})
        parts = []
        for start in range(rows.start // self.band * self.band, rows.stop, self.band):
            stop = min(start + self.band, self.shape[-2])
            band = kept.get(start)  # once: another thread may drop it at any time
            if band is None:
                band = self.read(slice(start, stop), slice(0, width))
                for old in [*kept][: max(0, len(kept) - KEPT + 1)]:
                    kept.pop(old, None)
                kept[start] = band
            parts.append(band[..., max(rows.start, start) - start : min(rows.stop, stop) - start, :])
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)


def is_large(array: object) -> TypeGuard[LargeArray]:
    """Whether an array is one of which only parts are to be read."""
    return isinstance(array, LargeArray)


def whole_key(key: Any, axes: int) -> tuple[Any, ...]:
    """Return an index with an entry for every axis."""
    keys = key if isinstance(key, tuple) else (key,)
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        keys = (*keys[:place], *[slice(None)] * (axes + 1 - len(keys)), *keys[place + 1 :])
    return (*keys, *[slice(None)] * (axes - len(keys)))


def inside(part: Any, side: int) -> slice:
    """Return an index along one axis as a slice with start and stop; raises IndexError where it has a step."""
    if not isinstance(part, slice):
        place = int(part) + (side if part < 0 else 0)
        if not 0 <= place < side:
            raise IndexError(f"index {part} of an axis of {side}")
        return slice(place, place + 1)
    start, stop, step = part.indices(side)
    if step != 1:
        raise IndexError("a large array is read without steps")
    return slice(start, max(start, stop))


def bands(array: Any, rows: int = BAND) -> Iterator[slice]:
    """Yield parts of the rows of an array (..., H, W), in order."""
    height = array.shape[-2]
    step = max(1, getattr(array, "band", rows))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def parts_of(array: Any) -> Iterator[np.ndarray]:
    """Yield an array in memory as it is, and one that is not band by band of its rows."""
    if not is_large(array):
        yield array
        return
    for rows in bands(array):
        yield array[..., rows, :]


def every(array: Any, steps: Sequence[int]) -> np.ndarray:
    """Return every so many values of an array (*S) along each axis; of one that is not in memory row by row."""
    if not is_large(array):
        taken: np.ndarray = array[tuple(slice(None, None, step) for step in steps)]
        return taken
    across = (..., slice(None, None, steps[-1]))
    return np.stack([array[..., row, :][across] for row in range(0, array.shape[-2], steps[-2])], axis=-2)


def let_go(array: np.ndarray) -> None:
    """Leave what was read or written of a mapped array to its file; nothing is done to one in memory."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
