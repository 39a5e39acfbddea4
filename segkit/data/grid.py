"""Regular grids at pixel centres: which source pixels a resampled one is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def nearest_indices(length: int, size: int) -> np.ndarray:
    """Return, for each of `size` pixels, the one of `length` source pixels that its centre lies in.

    Both grids span the same extent; pixel i of n covers i/n to (i+1)/n. Computed in integers; a centre on the border
    of two source pixels takes the right one. Shape (size,), int64.
    """
    return (2 * np.arange(size, dtype=np.int64) + 1) * length // (2 * size)


def triangle_weights(length: int, size: int) -> csr_array:
    """Return the (size, length) matrix of linear interpolation, widened to the pixel distance where it shrinks.

    This is Pillow's BILINEAR with its antialiasing, along one axis; rows sum to 1.
    """
    from scipy.sparse import csr_array

    scale = length / size
    support = max(scale, 1.0)
    centres = (np.arange(size) + 0.5) * scale
    first = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    columns = first[:, None] + np.arange(2 * int(np.ceil(support)) + 1)
    weights = np.maximum(1 - np.abs(columns + 0.5 - centres[:, None]) / support, 0.0)
    weights[columns >= length] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(np.arange(size)[:, None], columns.shape)
    used = weights > 0
    return csr_array((weights[used].astype(np.float32), (rows[used], columns[used])), shape=(size, length))
