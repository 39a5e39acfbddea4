"""Files sorted into series by their UIDs, and a series read as one volume or photograph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segkit import Sample, UnusableFileError
from segkit_dicom.colours import is_coloured
from segkit_dicom.headers import LISTED, MISTAKEN, read_file, read_header, read_without_pixels_yet, series_uid, text
from segkit_dicom.pixels import modality_values, rescaled, stored, upright
from segkit_dicom.planes import EXPORT, has_place, planes_of
from segkit_dicom.stacks import Stack, stack

THREADS = 4


@dataclass(frozen=True)
class Listed:
    """A file that belongs to a series, with the part of its header that says where."""

    path: Path
    header: Any


def by_series(files: Sequence[Listed]) -> dict[str, list[Listed]]:
    """Return files by series; a file without a series, or that has no place in the patient, is one of its own."""
    found: dict[str, list[Listed]] = {}
    for file in files:
        uid = text(file.header, "SeriesInstanceUID")
        alone = not uid or not has_place(file.header)
        found.setdefault(f"{uid} {file.path}" if alone else uid, []).append(file)
    return found


def listed(paths: Sequence[Path], tags: Sequence[str] = LISTED) -> Iterator[Listed | UnusableFileError]:
    """Yield the header of each file, or what is wrong with it, in order."""

    def one(path: Path) -> Listed | UnusableFileError:
        try:
            return Listed(path, read_header(path, tags))
        except UnusableFileError as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(one, paths)


def called(header: Any) -> str:
    """Return what messages call a series: by its description, which people know it by."""
    description = text(header, "SeriesDescription")
    return f"series {description!r}" if description else "a series without a description"


def with_broken(
    series: Mapping[str, Sequence[Listed]], broken: Sequence[Path]
) -> tuple[dict[str, list[Path]], list[Path]]:
    """Return the broken files of each series, which is then refused with them, and those that belong to none.

    A series without one of its files would be read as a whole one: what is broken at its end leaves no gap.
    """
    found: dict[str, list[Path]] = {}
    alone = []
    for path in broken:
        told = series_uid(path)
        beside = [uid for uid, files in series.items() if any(file.path.parent == path.parent for file in files)]
        uid = told if told in series else beside[0] if not told and len(beside) == 1 else None
        if uid is None:
            alone.append(path)
        else:
            found.setdefault(uid, []).append(path)
    return found, alone


def key_of(header: Any) -> str:
    """Return what tells a series from all others; it identifies the patient, and is never written anywhere."""
    return "/".join(text(header, name) for name in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"))


def stack_of(headers: Mapping[Path, Any]) -> Stack:
    """Return the planes of a series' files by where they lie; raises UnusableFileError."""
    series = called(next(iter(headers.values())))
    frames = {text(header, "FrameOfReferenceUID") for header in headers.values()}
    if len(frames) > 1:
        raise UnusableFileError(
            next(iter(headers)).name, f"of {series} has another frame of reference than other files of it", EXPORT
        )
    _check_copies(headers, series)
    planes = []
    for path, header in headers.items():
        try:
            planes += planes_of(header, path)
        except UnusableFileError as error:
            raise of_series(error, series) from error
    first = next(iter(headers.values()))
    return stack(planes, series, thickness_of(first))


def _check_copies(headers: Mapping[Path, Any], series: str) -> None:
    seen: dict[str, Path] = {}
    for path, header in headers.items():
        uid = text(header, "SOPInstanceUID")
        if uid and uid in seen:
            raise UnusableFileError(
                path.name, f"of {series} is the same object as {seen[uid].name}", "keep one file for each slice"
            )
        seen[uid] = path


def thickness_of(header: Any) -> float | None:
    """Return how thick a single slice says to be; of several their positions say it."""
    shared = (header.get("SharedFunctionalGroupsSequence") or [{}])[0]
    frame = (header.get("PerFrameFunctionalGroupsSequence") or [{}])[0]
    holders = [header, *((group.get("PixelMeasuresSequence") or [{}])[0] for group in (shared, frame))]
    for name in ("SpacingBetweenSlices", "SliceThickness"):
        for holder in holders:
            try:
                value = float(text(holder, name) or 0)
            except ValueError:
                value = 0.0
            if 0 < value < 1000:
                return value
    return None


def of_series(error: UnusableFileError, series: str) -> UnusableFileError:
    """Return an error about a file that also names its series."""
    if series in error.reason:
        return error
    return UnusableFileError(error.file, f"of {series} {error.reason}", error.message and error.hint)


def read_volume(paths: Sequence[Path]) -> tuple[np.ndarray, Stack, Any]:
    """Read a series.

    Returns:
        Image (1, D, H, W) in RAS, int16 or float32; its stack; the first file's header.

    Raises:
        UnusableFileError: names the file, its series, and what is wrong.
    """
    datasets: dict[Path, Any] = {}
    for path in paths:
        datasets[path] = read_without_pixels_yet(path)
    first = next(iter(datasets.values()))
    if is_coloured(first):
        raise UnusableFileError(paths[0].name, f"of {called(first)} is a volume of colours", "give grey values")
    found = stack_of(datasets)
    return _voxels(found, datasets, called(first))[None], found, first


def _voxels(found: Stack, datasets: dict[Path, Any], series: str) -> np.ndarray:
    """Return a volume (D, H, W) in RAS; lets go of each file's pixels as it is read."""
    frames: dict[Path, np.ndarray] = {}
    volume: np.ndarray | None = None
    slices = np.empty(0)
    for number, plane in enumerate(found.planes):
        dataset = datasets[plane.path]
        if plane.path not in frames:
            try:
                frames = {plane.path: stored(dataset, plane.path.name)}
            except UnusableFileError as error:
                raise of_series(error, series) from error
        raw = frames[plane.path]
        if plane.frame >= len(raw) or raw.shape[1:] != plane.shape:
            raise UnusableFileError(plane.path.name, f"of {series} holds fewer or other pixels than it says", EXPORT)
        pixels = upright(raw[plane.frame], dataset)
        table = modality_values(pixels, dataset, plane.path.name)
        values = rescaled(pixels, plane.slope, plane.intercept) if table is None else table
        if volume is None or (values.dtype != volume.dtype and volume.dtype != np.float32):
            # Every slice goes right where it belongs in RAS: turning it round at the end would take the volume twice.
            volume = found.new_volume(values.dtype) if volume is None else volume.astype(np.float32)
            slices = found.slices_of(volume)
        slices[number] = values
        if len(raw) == 1:
            dataset.pop("PixelData", None)
    assert volume is not None
    return volume


def read_photograph(path: Path) -> np.ndarray:
    """Read a file that has no place in a patient, such as a photograph: (C, H, W), uint8 in colours, else as stored."""
    dataset = read_file(path)
    try:
        pixels = stored(dataset, path.name)
    except UnusableFileError as error:
        raise of_series(error, called(dataset)) from error
    if len(pixels) > 1:
        raise UnusableFileError(
            path.name,
            f"of {called(dataset)} has {len(pixels)} frames and does not say where each lies",
            "give one frame",
        )
    image = pixels[0]
    if image.ndim == 3:
        if image.dtype != np.uint8:
            image = (image >> (int(dataset.get("BitsStored") or 16) - 8)).astype(np.uint8)
        return np.ascontiguousarray(image.transpose(2, 0, 1))
    image = upright(image, dataset)
    table = modality_values(image, dataset, path.name)
    if table is not None:
        return table[None]
    slope, intercept = (
        float(text(dataset, name) or default) for name, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    if image.dtype == np.uint8 and (slope, intercept) == (1, 0):
        return np.ascontiguousarray(image)[None]
    return rescaled(image, slope, intercept)[None]


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn what a library raises of a damaged header, such as text where a number belongs, into UnusableFileError."""
    try:
        yield
    except MemoryError:
        raise
    except (OSError, *MISTAKEN) as error:
        # Not the library's words: they may quote what the header holds.
        raise UnusableFileError(path.name, f"has a damaged header ({type(error).__name__})", EXPORT) from None


def read_sample(paths: Sequence[Path]) -> Sample:
    """Read an image of one file or a series; raises UnusableFileError."""
    with in_words(paths[0]):
        header = read_header(paths[0], LISTED)
        if len(paths) == 1 and not has_place(header):
            return Sample(image=read_photograph(paths[0]))
        image, found, _ = read_volume(paths)
    return Sample(image=image, spacing=found.grid.spacing, affine=found.grid.affine)
