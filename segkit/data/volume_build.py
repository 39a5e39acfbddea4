"""Fill a store of volumes: images, masks, places and values of foreground voxels, and the index."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.case import Case, Sample
from segkit.data.check import check_sample
from segkit.data.class_masks import is_class
from segkit.data.content import content_digest
from segkit.data.dataset import DatasetReader
from segkit.data.in_time import read_case
from segkit.data.intensities import PER_CASE, Moments, case_moments
from segkit.data.likeness import numbers_of
from segkit.data.prefetch import prefetch
from segkit.data.sources import content_hash
from segkit.data.store_build import (
    IMAGES,
    INDEX,
    MASKS,
    annotation,
    digest,
    named_case,
    planes_of,
    quantize,
    stored_mask,
)
from segkit.data.volume_layout import VolumeLayout
from segkit.declarations import Task
from segkit.errors import SegkitError

FOREGROUND, SAMPLES = "foreground.bin", "samples.bin"
FILES = (IMAGES, MASKS, FOREGROUND, SAMPLES)
AT_ONCE = 2
"""Volumes that are prepared at a time: each may be large, and has copies while it is resampled."""
PER_LABEL = 5000
"""Voxels of one label and case that are noted: enough to centre patches on and to take percentiles from."""


Noted = tuple[int, np.ndarray, int]
"""A label, what is noted of some of its voxels, and how many voxels it has."""


@dataclass(frozen=True)
class PreparedVolume:
    """One volume, ready to be written.

    Attributes:
        image: (C, *size) int16; value = slopes * image + intercepts.
        places: per label, where its voxels are on the working grid, and how many there are.
        mask: (*size) uint8, or (classes, *size) where these overlap.
        samples: per label, values (n, C) of its voxels on the case's own grid, and how many there are.
        held: the labels on the case's own grid; of overlapping classes a voxel's values are noted for the first alone.
        moments: by kind, of the volume on its own grid.
        sources: SHA-256 of each of the case's files.
        content: digest of the decoded volume on its own grid.
        numbers: what the case is like (`segkit.data.likeness`).
    """

    image: np.ndarray
    mask: np.ndarray
    slopes: np.ndarray
    intercepts: np.ndarray
    rounding_error: float
    sample: Sample
    places: list[Noted]
    samples: list[Noted]
    held: list[int]
    moments: dict[str, Moments]
    sources: list[str]
    content: str
    numbers: list[float | None]


def build_volume_store(
    folder: Path,
    key: str,
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    layout: VolumeLayout,
    *,
    workers: int,
    progress: Callable[[int, int], None] | None,
    measure: Callable[[np.ndarray], Any] | None = None,
) -> None:
    """Read, check, resample and write every volume; memory does not grow with their number.

    Raises:
        SegkitError: of the first case, in order, that cannot be read or is not one of the task.
        OSError: a file of the store cannot be written.
    """
    hash_once = functools.cache(content_hash)

    def prepare(case: Case) -> PreparedVolume:
        return prepare_volume(reader, case, dataset_name, layout, hash_once, measure)

    entries: list[dict[str, Any]] = []
    rounding_error = 0.0
    with ExitStack() as stack:
        streams = {name: stack.enter_context((folder / name).open("wb")) for name in FILES}
        prepared = stack.enter_context(closing(prefetch(prepare, cases, min(workers, AT_ONCE))))
        for case, ready in zip(cases, prepared, strict=True):
            streams[IMAGES].write(ready.image.tobytes())
            streams[MASKS].write(ready.mask.tobytes())
            noted = {
                "foreground": write_noted(streams[FOREGROUND], ready.places),
                "samples": write_noted(streams[SAMPLES], ready.samples),
            }
            rounding_error = max(rounding_error, ready.rounding_error)
            entries.append({**describe(case, ready), **noted})
            if progress is not None:
                progress(len(entries), len(cases))
    body = {
        "key": key,
        "dataset": dataset_name,
        "size": layout.to_dict(),
        "channels": reader.task.in_channels,
        **planes_of(reader.task, cases),
        "rounding_error": rounding_error,
        "bytes": {name: (folder / name).stat().st_size for name in FILES},
        "cases": entries,
    }
    text = json.dumps({"sha256": digest(body), "body": body}, sort_keys=True)
    (folder / INDEX).write_text(text, encoding="utf-8")


def write_noted(stream: BinaryIO, noted: Sequence[Noted]) -> list[list[int]]:
    """Append rows to a stream; returns of each label the first row, the one after the last, and its count of voxels."""
    found = []
    for label, rows, count in noted:
        start = stream.tell() // (rows[:1].nbytes or 1)
        stream.write(rows.tobytes())
        found.append([label, start, start + len(rows), count])
    return found


def describe(case: Case, ready: PreparedVolume) -> dict[str, Any]:
    """What the index says of one volume."""
    sample = ready.sample
    return {
        "id": case.id,
        "group": case.group,
        "shape": list(sample.shape),
        "spacing": None if sample.spacing is None else [float(length) for length in sample.spacing],
        "size": list(ready.image.shape[1:]),
        **annotation(case),
        "held": ready.held,
        "slopes": ready.slopes.tolist(),
        "intercepts": ready.intercepts.tolist(),
        "moments": {kind: [list(row) for row in moments] for kind, moments in ready.moments.items()},
        "sources": ready.sources,
        "content": ready.content,
        "numbers": ready.numbers,
    }


def prepare_volume(
    reader: DatasetReader,
    case: Case,
    dataset_name: str,
    layout: VolumeLayout,
    hash_file: Callable[[Path], str],
    measure: Callable[[np.ndarray], Any] | None = None,
) -> PreparedVolume:
    """Read, check and resample one volume."""
    with named_case(dataset_name, case):
        sample = read_case(reader, case)
        check_sample(sample, case, reader.task, dataset_name)
        sources = [hash_file(path) for path in case.files]
    if sample.mask is None:
        raise SegkitError(f"dataset {dataset_name}, case {case.id} has no mask", "training needs one for every image")
    try:
        size = layout.working_size(sample.shape, sample.spacing)
    except SegkitError as too_large:
        raise too_large.of(f"dataset {dataset_name}, case {case.id}") from None
    moments: dict[str, Any] = {kind: case_moments(sample.image, kind) for kind in PER_CASE}
    if measure is not None:
        moments["plugin"] = measure(sample.image)
    image = layout.resample_image(sample.image, size)
    task = reader.task
    mask = stored_mask(sample.mask, case, task, lambda labels: layout.resample_mask(labels, size))
    stored, slopes, intercepts, error = quantize(image)
    if stored.dtype == np.uint8:
        stored, slopes = stored.astype(np.int16), slopes / 255
    found = foreground_of_classes(mask, case.id, task)
    places = [(label, flat.astype(np.uint32), count) for label, flat, count in found]
    unit = 255 if sample.image.dtype == np.uint8 else 1
    flat_image = sample.image.reshape(len(sample.image), -1)
    samples = [
        (label, flat_image[:, flat].T.astype(np.float32) / np.float32(unit), count)
        for label, flat, count in foreground_places(first_of_classes(sample.mask, task), case.id)
    ]
    held = [label for label in range(1, len(task.classes) + 1) if is_class(sample.mask, label, task).any()]
    content, numbers = content_digest(sample.image), numbers_of(sample, task, case)
    kept = replace(sample, image=sample.image[:, :0], mask=None, grid=sample.shape)
    return PreparedVolume(
        stored, mask, slopes, intercepts, error, kept, places, samples, held, moments, sources, content, numbers
    )


def foreground_of_classes(mask: np.ndarray, case_id: str, task: Task) -> Iterator[tuple[int, np.ndarray, int]]:
    """As `foreground_places`, of overlapping classes one by one."""
    if not task.overlapping:
        yield from foreground_places(mask, case_id)
        return
    for label, plane in enumerate(mask, start=1):
        for _, places, count in foreground_places(plane, f"{case_id} {label}"):
            yield label, places, count


def first_of_classes(mask: np.ndarray, task: Task) -> np.ndarray:
    """Return a label map in which a voxel of several overlapping classes has the first: it is to count once."""
    if not task.overlapping:
        return mask
    inside = mask == 1
    labels: np.ndarray = np.where(inside.any(axis=0), inside.argmax(axis=0) + 1, 0).astype(np.uint8)
    return labels


def foreground_places(mask: np.ndarray, case_id: str) -> Iterator[tuple[int, np.ndarray, int]]:
    """Yield each foreground label with places of its voxels, flat and in rising order, and how many it has.

    Of more than PER_LABEL voxels as many are drawn, by a seed from the case's id.
    """
    flat = np.ascontiguousarray(mask).reshape(-1)
    seed = int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:8], "big")
    for label in np.flatnonzero(np.bincount(flat)):
        if label in (0, IGNORE):
            continue
        places = np.flatnonzero(flat == label)
        count = len(places)
        if count > PER_LABEL:
            source = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, int(label)))))
            places = np.sort(source.choice(places, PER_LABEL, replace=False, shuffle=False))
        yield int(label), places, count
