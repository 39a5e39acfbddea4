"""Fill a store of tiles: every image and mask at working resolution, cut into blocks, and where the classes are."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.case import Case, Sample
from segkit.data.check import check_sample
from segkit.data.content import content_digest
from segkit.data.dataset import DatasetReader
from segkit.data.grid import nearest_indices
from segkit.data.in_time import read_case
from segkit.data.likeness import numbers_of
from segkit.data.prefetch import prefetch
from segkit.data.resolution import Resolution
from segkit.data.sources import content_hash
from segkit.data.store_build import IMAGES, INDEX, LARGEST, MASKS, annotation, digest, named_case, planes_of
from segkit.data.survey import Survey, survey
from segkit.data.tiles import blocks_bytes, write_blocks
from segkit.data.working_grid import WorkingPlanes
from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.files import check_room

FOREGROUND = "foreground.bin"
FILES = (IMAGES, MASKS, FOREGROUND)
FORMAT = 1
"""Of the store's files and of the numbers in them; raise it when they change."""
AT_ONCE = 2
PER_LABEL = 5000
"""Pixels of one label and case that are noted, for crops to be centred on."""


@dataclass(frozen=True)
class Coding:
    """How values are stored: value = slope * stored + intercept, (C,) float64; uint8 and int16 as they are."""

    dtype: np.dtype
    slopes: np.ndarray
    intercepts: np.ndarray
    rounding_error: float = 0.0

    @classmethod
    def of(cls, dtype: np.dtype, found: Survey) -> Coding:
        """Spread each channel of floats over the range of int16; resampling leaves no value outside of it."""
        channels = len(found.low)
        if dtype != np.float32:
            return cls(np.dtype(dtype), np.ones(channels), np.zeros(channels))
        spread = found.high - found.low
        slopes = np.where(spread > 0, spread / (2 * LARGEST), 1.0)
        return cls(np.dtype(np.int16), slopes, (found.low + found.high) / 2, float(slopes.max() / 2))

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return values (C, n, W) as stored."""
        if values.dtype != np.float32:
            return values
        codes = (values.astype(np.float64) - self.intercepts[:, None, None]) / self.slopes[:, None, None]
        stored: np.ndarray = np.clip(np.rint(codes), -LARGEST, LARGEST).astype(np.int16)
        return stored


def build_tile_store(
    folder: Path,
    key: str,
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    resolution: Resolution,
    *,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Read, check, resample and write every image; memory grows neither with their number nor, read by bands, size.

    Raises:
        SegkitError: of the first case, in order, that cannot be read or is not one of the task, or that the disk has no
            room for.
        OSError: a file of the store cannot be written.
    """
    hash_once = functools.cache(content_hash)

    def read(case: Case) -> tuple[Sample, list[str]]:
        with named_case(dataset_name, case):
            sample = read_case(reader, case)
            check_sample(sample, case, reader.task, dataset_name)
            return sample, [hash_once(path) for path in case.files]

    entries: list[dict[str, Any]] = []
    with ExitStack() as stack:
        streams = {name: stack.enter_context((folder / name).open("wb")) for name in FILES}
        samples = stack.enter_context(closing(prefetch(read, cases, min(workers, AT_ONCE))))
        for case, (sample, sources) in zip(cases, samples, strict=True):
            with named_case(dataset_name, case):
                entry = write_case(streams, folder, case, sample, reader.task, resolution, dataset_name)
            entries.append({**entry, "sources": sources})
            if entries[0]["dtype"] != entry["dtype"]:
                raise SegkitError(
                    f"dataset {dataset_name}, case {case.id}: its image is stored as {entry['dtype']}, that of case "
                    f"{cases[0].id} as {entries[0]['dtype']}",
                    "store all images in one type",
                )
            if progress is not None:
                progress(len(entries), len(cases))
    body = {
        "key": key,
        "dataset": dataset_name,
        "size": {"format": FORMAT, "tiles": resolution.to_dict()},
        "channels": reader.task.in_channels,
        "dtype": entries[0]["dtype"],
        **planes_of(reader.task, cases),
        "rounding_error": max(entry.pop("rounding_error") for entry in entries),
        "bytes": {name: (folder / name).stat().st_size for name in FILES},
        "cases": entries,
    }
    text = json.dumps({"sha256": digest(body), "body": body}, sort_keys=True)
    (folder / INDEX).write_text(text, encoding="utf-8")


def write_case(
    streams: Mapping[str, BinaryIO],
    folder: Path,
    case: Case,
    sample: Sample,
    task: Task,
    resolution: Resolution,
    dataset_name: str,
) -> dict[str, Any]:
    """Write one case; returns what the index says of it."""
    if sample.mask is None:
        raise SegkitError(f"dataset {dataset_name}, case {case.id} has no mask", "training needs one for every image")
    try:
        height, width = resolution.working_size(sample.shape, sample.spacing)
    except SegkitError as error:
        raise error.of(f"dataset {dataset_name}, case {case.id}") from None
    found = survey(sample.image)
    coding = Coding.of(sample.image.dtype, found)
    planes = len(task.classes) if task.overlapping else 1
    check_disk(folder, case, (height, width), len(sample.image), coding.dtype, planes)
    image = WorkingPlanes(sample.image, (height, width))
    write_blocks(streams[IMAGES], height, lambda start, stop: coding.encode(image.read(start, stop)))
    mask = WorkingMask(sample.mask, (height, width), case, task)
    counts = np.zeros((planes, 256), np.int64)

    def counted(start: int, stop: int) -> np.ndarray:
        rows = mask.read(start, stop)
        counts.__iadd__(np.stack([np.bincount(plane.ravel(), minlength=256) for plane in rows]))
        return rows

    write_blocks(streams[MASKS], height, counted)
    numbers = numbers_of(sample, task, case, found.values)
    return {
        "id": case.id,
        "group": case.group,
        "shape": list(sample.shape),
        "spacing": None if sample.spacing is None else [float(length) for length in sample.spacing],
        "size": [height, width],
        **annotation(case),
        "dtype": coding.dtype.name,
        "slopes": coding.slopes.tolist(),
        "intercepts": coding.intercepts.tolist(),
        "rounding_error": coding.rounding_error,
        "moments": {"image": [list(row) for row in found.moments]},
        "content": content_digest(sample.image),
        "numbers": numbers,
        "samples": [],
        **write_foreground(streams[FOREGROUND], mask, counts, case.id, overlapping=task.overlapping),
    }


class WorkingMask:
    """A mask on the working grid, made a band at a time: the label at each pixel's centre, none is ever mixed."""

    def __init__(self, mask: Any, size: tuple[int, int], case: Case, task: Task) -> None:
        self.mask = mask
        self.size = size
        self.rows, self.columns = (
            nearest_indices(length, wanted) for length, wanted in zip(mask.shape[-2:], size, strict=True)
        )
        self.same = tuple(mask.shape[-2:]) == size
        known = case.annotated if task.overlapping else None
        self.unknown = [] if known is None else [name not in known for name in task.classes]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return rows start to stop, (planes, stop - start, W) uint8, one plane where classes exclude each other."""
        rows = self.rows[start:stop]
        band = self.mask[..., int(rows[0]) : int(rows[-1]) + 1, :]
        if not self.same:
            band = band[..., rows - rows[0], :][..., self.columns]
        band = np.asarray(band, np.uint8) if band.ndim == 3 else np.asarray(band, np.uint8)[None]
        if any(self.unknown):
            band = band.copy()
            band[self.unknown] = IGNORE
        return band


def write_foreground(
    stream: BinaryIO, mask: WorkingMask, counts: np.ndarray, case_id: str, *, overlapping: bool
) -> dict[str, Any]:
    """Note where some pixels of every label lie on the working grid, flat and in rising order, as int64.

    Of more than PER_LABEL pixels as many are drawn, by a seed from the case's id.

    Args:
        counts: pixels of each value, by plane.

    Returns:
        Of each label the first row, the one after the last, and its count of pixels; and the labels that are there.
    """
    seed = int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:8], "big")
    wanted: dict[int, np.ndarray] = {}
    labels = [(place, 1, place + 1) for place in range(len(counts))] if overlapping else []
    labels = labels or [(0, value, value) for value in range(1, 255)]
    present = [(plane, value, label) for plane, value, label in labels if counts[plane, value]]
    for plane, value, label in present:
        count = int(counts[plane, value])
        source = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, label))))
        few = count <= PER_LABEL
        wanted[label] = np.arange(count) if few else np.sort(source.choice(count, PER_LABEL, False, shuffle=False))
    places = foreground_places(mask, present, wanted)
    noted = []
    for plane, value, label in present:
        start = stream.tell() // 8
        stream.write(places[label].astype(np.int64).tobytes())
        noted.append([label, start, start + len(places[label]), int(counts[plane, value])])
    return {"foreground": noted, "held": [label for _, _, label in present]}


def foreground_places(
    mask: WorkingMask, present: Sequence[tuple[int, int, int]], wanted: dict[int, np.ndarray]
) -> dict[int, np.ndarray]:
    """Return where the pixels of some ranks lie, counted in the order of the rows, by label."""
    height, width = mask.size
    found: dict[int, list[np.ndarray]] = {label: [] for _, _, label in present}
    seen = dict.fromkeys(found, 0)
    step = max(1, 2**22 // width)
    for start in range(0, height if present else 0, step):
        rows = mask.read(start, min(start + step, height))
        for plane, value, label in present:
            flat = np.flatnonzero(rows[plane] == value)
            first, last = np.searchsorted(wanted[label], (seen[label], seen[label] + len(flat)))
            found[label].append(flat[wanted[label][first:last] - seen[label]] + start * width)
            seen[label] += len(flat)
    return {label: np.concatenate(parts) for label, parts in found.items()}


def check_disk(folder: Path, case: Case, size: tuple[int, int], channels: int, dtype: np.dtype, planes: int) -> None:
    """Raise SegkitError where the disk has no room for a case's blocks, before the first is written."""
    check_room(
        blocks_bytes(size, channels, dtype) + blocks_bytes(size, planes, np.uint8),
        folder,
        f"case {case.id}: a store of its {size[0]} x {size[1]} pixels",
        disk="the disk of the store",
        hint="set a smaller data.resolution, free some space, or put SEGKIT_CACHE on another disk",
    )
