"""What an image is recognised by wherever it lies: a digest of its decoded pixels, whatever file or name holds it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import closing

import numpy as np

from segkit.data.at_once import room_for
from segkit.data.case import Case
from segkit.data.dataset import DatasetReader
from segkit.data.in_parts import AT_ONCE
from segkit.data.in_time import read_case
from segkit.data.large_array import LargeArray, bands, is_large
from segkit.data.prefetch import prefetch

DIGITS = 32
"""Of a SHA-256 in hexadecimal: 128 bits, of which no two images of any collection share all by chance."""


def content_digest(image: np.ndarray) -> str:
    """Return the digest of an image (C, *S) on its own grid.

    Values are taken as float32, so that a photograph saved anew as PNG, or a volume of whole numbers saved as floats,
    is what it was. It tells nothing of the image to whoever does not have it.
    """
    if is_large(image):
        return large_digest(image)
    found = hashlib.sha256(f"{image.shape}".encode())
    flat = np.ascontiguousarray(image).reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        values = flat[start : start + AT_ONCE].astype(np.dtype("<f4")) + np.float32(0)  # minus zero is zero
        found.update(values.astype(np.dtype("<f4"), copy=False).data)
    return found.hexdigest()[:DIGITS]


def large_digest(image: LargeArray) -> str:
    """Return the digest of an image that is not held: of each channel's values, row after row.

    It is another one than that of the same image in memory, whose channels follow one another.
    """
    channels = [hashlib.sha256() for _ in range(len(image))]
    for rows in bands(image):
        for found, values in zip(channels, np.ascontiguousarray(image[:, rows], np.dtype("<f4")), strict=True):
            found.update((values + np.float32(0)).tobytes())
    whole = f"{image.shape} {[found.hexdigest() for found in channels]}"
    return hashlib.sha256(whole.encode()).hexdigest()[:DIGITS]


def content_of(reader: DatasetReader, case: Case) -> str:
    """Read a case in full and return its image's digest."""
    with room_for(case.files):
        return content_digest(read_case(reader, case).image)


def known_cases(
    reader: DatasetReader,
    cases: Sequence[Case],
    known: Collection[str],
    *,
    workers: int,
    progress: Callable[[int, int], None],
) -> list[str]:
    """Return the ids of the cases whose images are among those of some digests; each is read once for it."""
    found = []
    with closing(prefetch(lambda case: content_of(reader, case), cases, workers)) as contents:
        for number, (case, content) in enumerate(zip(cases, contents, strict=True), start=1):
            if content in known:
                found.append(case.id)
            progress(number, len(cases))
    return found
