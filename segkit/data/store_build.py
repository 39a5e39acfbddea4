"""Fill a store's folder: images.bin, masks.bin and index.json."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.case import Case, Sample
from segkit.data.class_masks import by_class
from segkit.data.dataset import DatasetReader
from segkit.data.prefetch import prefetch
from segkit.data.reading import read_with_content
from segkit.data.resample import resize_mask
from segkit.data.sources import content_hash, state_of
from segkit.declarations import Task
from segkit.errors import SegkitError

FORMAT = 3
IMAGES, MASKS, INDEX = "images.bin", "masks.bin", "index.json"
LARGEST = 32767
"""Floats are stored as -LARGEST to LARGEST."""


@dataclass(frozen=True)
class Prepared:
    """One case, ready to be written.

    Attributes:
        image: (C, *size), uint8 or int16.
        mask: (*size) uint8, or (classes, *size) where these overlap.
        source_dtype: of the image as it was read.
        slopes, intercepts: float64 (C,): value = slope * stored + intercept.
        sources: SHA-256 of each of the case's files.
        content: digest of the decoded image on its own grid.
        numbers: what the case is like (`segkit.data.likeness`).
    """

    image: np.ndarray
    mask: np.ndarray
    source_dtype: np.dtype
    slopes: np.ndarray
    intercepts: np.ndarray
    rounding_error: float
    shape: tuple[int, ...]
    sources: list[str]
    content: str
    numbers: list[float | None]


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def describe_cases(cases: Sequence[Case], dataset_name: str) -> list[list[Any]]:
    """Return what tells that cases are still the same without reading them: ids, groups, files' names, sizes, times.

    Raises:
        SegkitError: an id occurs twice, or a file is not there.
    """
    [(most_listed, times)] = Counter(case.id for case in cases).most_common(1)
    if times > 1:
        raise SegkitError(f"dataset {dataset_name} lists the case {most_listed} {times} times", "keep one of them")
    folders = {str(path.parent.absolute()) for case in cases for path in case.files}
    # Names relative to what all files share: a dataset that was moved keeps its store.
    shared = os.path.commonpath(folders) if folders else ""
    described = []
    for case in cases:
        files = []
        for path in case.files:
            try:
                found = state_of(path)
            except OSError as error:
                raise SegkitError(
                    f"dataset {dataset_name}, case {case.id}: {path.name} cannot be read: {error.strerror}",
                    "restore the file or remove the case",
                ) from error
            relative = Path(os.path.relpath(path.absolute(), shared)).as_posix()
            files.append([relative, *found])
        described.append([case.id, case.group, files])
    return described


def build_store(
    folder: Path,
    key: str,
    reader: DatasetReader,
    dataset_name: str,
    cases: Sequence[Case],
    size: tuple[int, ...],
    *,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Read, check, resample and write every case; memory does not grow with their number.

    Raises:
        SegkitError: of the first case, in order, that cannot be read or is not one of the task.
        OSError: a file of the store cannot be written.
    """
    hash_once = functools.cache(content_hash)

    def prepare(case: Case) -> Prepared:
        return prepare_case(reader, case, dataset_name, size, hash_once)

    entries: list[dict[str, Any]] = []
    first: Prepared | None = None
    rounding_error = 0.0
    with (
        (folder / IMAGES).open("wb") as images,
        (folder / MASKS).open("wb") as masks,
        closing(prefetch(prepare, cases, workers)) as prepared,
    ):
        for case, ready in zip(cases, prepared, strict=True):
            first = first or ready
            if ready.source_dtype != first.source_dtype:
                raise SegkitError(
                    f"dataset {dataset_name}, case {case.id}: its image is {ready.source_dtype}, "
                    f"that of case {cases[0].id} {first.source_dtype}",
                    "store all images in one type",
                )
            images.write(ready.image.tobytes())
            masks.write(ready.mask.tobytes())
            rounding_error = max(rounding_error, ready.rounding_error)
            entries.append(
                {
                    "id": case.id,
                    "group": case.group,
                    "shape": list(ready.shape),
                    "slopes": ready.slopes.tolist(),
                    "intercepts": ready.intercepts.tolist(),
                    "sources": ready.sources,
                    **annotation(case),
                    "content": ready.content,
                    "numbers": ready.numbers,
                }
            )
            if progress is not None:
                progress(len(entries), len(cases))
    assert first is not None
    body = {
        "key": key,
        "dataset": dataset_name,
        "size": list(size),
        "channels": len(first.image),
        "dtype": first.image.dtype.name,
        **planes_of(reader.task, cases),
        "rounding_error": rounding_error,
        "bytes": {IMAGES: first.image.nbytes * len(cases), MASKS: first.mask.nbytes * len(cases)},
        "cases": entries,
    }
    text = json.dumps({"sha256": digest(body), "body": body}, sort_keys=True)
    (folder / INDEX).write_text(text, encoding="utf-8")


def annotation(case: Case) -> dict[str, Any]:
    """What a store's index says of the classes that a case was annotated for: nothing where these are all."""
    return {} if case.annotated is None else {"annotated": list(case.annotated)}


def planes_of(task: Task, cases: Sequence[Case]) -> dict[str, Any]:
    """What a store's index says of classes: nothing where they exclude each other and cases are annotated for all."""
    planes = {"planes": len(task.classes)} if task.overlapping else {}
    partial = any(case.annotated is not None for case in cases)
    return {**planes, **({"classes": list(task.classes)} if partial else {})}


def stored_mask(mask: np.ndarray, case: Case, task: Task, resample: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Bring a mask to the working grid, class by class where they overlap.

    Those that the case was not annotated for are ignored in it then: they take no part in a sigmoid's loss.
    """
    stored = by_class(resample, mask, task).astype(np.uint8)
    if task.overlapping and case.annotated is not None:
        stored[[name not in case.annotated for name in task.classes]] = IGNORE
    return stored


def prepare_case(
    reader: DatasetReader, case: Case, dataset_name: str, size: tuple[int, ...], hash_file: Callable[[Path], str]
) -> Prepared:
    """Read, check and resample one case."""
    sample, sources, content, numbers = read_sample(reader, case, dataset_name, size, hash_file)
    if sample.mask is None:
        raise SegkitError(f"dataset {dataset_name}, case {case.id} has no mask", "training needs one for every image")
    stored, slopes, intercepts, error = quantize(sample.image)
    return Prepared(
        stored,
        stored_mask(sample.mask, case, reader.task, lambda mask: resize_mask(mask, size)),
        sample.image.dtype,
        slopes,
        intercepts,
        error,
        sample.shape,
        sources,
        content,
        numbers,
    )


def read_sample(
    reader: DatasetReader, case: Case, dataset_name: str, size: tuple[int, ...], hash_file: Callable[[Path], str]
) -> tuple[Sample, list[str], str, list[float | None]]:
    """Return one case at `size`, its files' SHA-256, its image's digest and numbers; what is raised names the case."""
    with named_case(dataset_name, case):
        sample, content, numbers = read_with_content(reader, case, size, dataset_name)
        sources = [hash_file(path) for path in case.files]
    return sample, sources, content, numbers


@contextmanager
def named_case(dataset_name: str, case: Case) -> Iterator[None]:
    """Turn what a reader raises, but for SegkitError, into one that names the case and its files."""
    try:
        yield
    except SegkitError:
        raise
    except Exception as error:
        files = ", ".join(path.name for path in case.files)
        reason = f"{type(error).__name__}: {error}"
        raise SegkitError(
            f"dataset {dataset_name}, case {case.id} ({files}) cannot be read: {reason}",
            "mend or remove the files, or report it to the dataset plugin's author",
        ) from error


def quantize(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return an image (C, *S) as stored, slopes and intercepts (C,), and the largest rounding error.

    uint8 and int16 are stored as they are; each channel of a float image is spread over the range of int16.
    """
    channels = len(image)
    if image.dtype != np.float32:
        return image, np.ones(channels), np.zeros(channels), 0.0
    flat = image.reshape(channels, -1).astype(np.float64)
    low, high = flat.min(axis=1), flat.max(axis=1)
    intercepts = (low + high) / 2
    slopes = np.where(high > low, (high - low) / (2 * LARGEST), 1.0)
    codes = np.clip(np.rint((flat - intercepts[:, None]) / slopes[:, None]), -LARGEST, LARGEST)
    error = float(np.abs(codes * slopes[:, None] + intercepts[:, None] - flat).max())
    return codes.astype(np.int16).reshape(image.shape), slopes, intercepts, error
