"""What is written of a prediction: the label map, and where wanted an overlay and probabilities."""

from __future__ import annotations

import math
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segkit.data.case import Case, Sample
from segkit.data.class_masks import is_class
from segkit.data.dataset import formats_of
from segkit.data.label_png import colours_of
from segkit.data.origin import Maker, Origin
from segkit.declarations import Task
from segkit.engine.banded import bands_of
from segkit.engine.label_forms import ENDING, Form, possible_endings
from segkit.engine.predictions import write_label_map, write_prediction
from segkit.engine.shapes import EXPECTED
from segkit.errors import SegkitError
from segkit.files import new_part, own_folder, real, sync_folder, write_table, write_whole
from segkit.jobs.predict.inputs import Input
from segkit.jobs.predict.names import PROBABILITIES, RECORD, SIZES

TIFF = (".tif", ".tiff")
AGREEMENT = "agreement"
COLUMNS = ("input", "mask", "class", "label", "pixels", "share", "mm2", "ml")


@dataclass(frozen=True)
class ClassSize:
    """How much of an image a class covers.

    Attributes:
        pixels: or voxels.
        share: of the whole image.
        mm2, ml: area or volume; None where the spacing is not known, or for the other kind of image.
    """

    name: str
    label: int
    pixels: int
    share: float
    mm2: float | None = None
    ml: float | None = None


def class_sizes(labels: np.ndarray, task: Task, spacing: Sequence[float] | None) -> list[ClassSize]:
    """Count a label map (*S), or (classes, *S); with a spacing in mm also areas (2D) or volumes (3D)."""
    unit = None if spacing is None else math.prod(spacing)
    sizes = []
    for label, name in enumerate(task.classes, start=1):
        if flat := labels.ndim == (3 if task.overlapping else 2):
            count = sum(int(np.count_nonzero(is_class(part, label, task))) for _, (part,) in bands_of(labels))
        else:
            count = int(np.count_nonzero(is_class(labels, label, task)))
        pixels = labels.size // (len(task.classes) if task.overlapping else 1)
        area = count * unit if unit is not None and flat else None
        volume = count * unit / 1000 if unit is not None and not flat else None
        sizes.append(ClassSize(name, label, count, count / pixels, area, volume))
    return sizes


def mask_names(item: Input, writer: Any, task: Task, file_format: str = "") -> list[str]:
    """Return the names that a prediction may be written under, the usual one first."""
    if file_format:
        return [item.name + formats_of(writer, task.spatial_dims).get(file_format, "")]
    endings = possible_endings(task) if task.overlapping else [""]
    names = [item.name + ending + suffix for ending in endings for suffix in suffixes_of(item, writer, task)]
    return [*names, *([f"{item.name}{ENDING}"] if task.overlapping else [])]


def suffixes_of(item: Input, writer: Any, task: Task) -> Sequence[str]:
    """Return what the file of a label map may end in."""
    if formats := formats_of(writer, task.spatial_dims):
        return [next(iter(formats.values()))]
    if hasattr(writer, "write_labels"):
        return [*writer.suffixes]
    return [item.path.suffix.lower() if item.path.suffix.lower() in TIFF else ".png", ".npz"]


def check_free(
    folder: Path,
    items: Sequence[Input],
    possible: Iterable[Sequence[str]],
    *,
    force: bool,
    ours: Container[str] = (),
) -> None:
    """Raise SegkitError where an output would take the place of an input, or without `force` of anything else.

    Args:
        ours: names in the folder that a prediction left which did not come to its end.
    """
    inputs = {real(path) for item in items for path in item.files}
    there = []
    for name in (*(name for names in possible for name in names), SIZES, RECORD):
        path = folder / name
        if not path.exists():
            continue
        if real(path) in inputs:
            raise SegkitError(f"the prediction would take the place of the input {path}", "name another --output")
        there += [] if name in ours else [path]
    if there and not force:
        more = f" and {len(there) - 1} more files that would be written" if len(there) > 1 else ""
        raise SegkitError(f"{there[0]} exists already{more}", "say --force to replace them, or name another --output")


def write_mask(
    folder: Path,
    item: Input,
    writer: Any,
    labels: np.ndarray,
    sample: Sample,
    task: Task,
    form: Form = "auto",
    file_format: str = "",
    maker: Maker | None = None,
) -> list[Path]:
    """Write a prediction in the input's own size, orientation and format; JPEG, which changes values, becomes PNG.

    Args:
        form: of overlapping classes, as `segkit.engine.label_forms` has them.
        file_format: of those that the input's own format can be written in; "" for the usual one.

    Returns:
        The files, the label map or the first class's first.

    Raises:
        SegkitError: the input's format cannot be written so.
    """
    case = Case(item.name, files=item.files)
    if file_format and file_format not in formats_of(writer, labels.ndim):
        raise SegkitError(
            f"{item.label}: predictions of its kind are not written as {file_format}", "leave out --format"
        )
    if file_format and task.overlapping:
        raise SegkitError(f"{item.label}: overlapping classes are not written as {file_format}", "leave out --format")
    if file_format:
        return [write_label_map(writer, folder, item.name, labels, case, sample, task.classes, file_format, maker)]
    tiff = writer is None and item.path.suffix.lower() in TIFF
    write = partial(write_tiff, folder, item.path.suffix.lower()) if tiff else None
    return write_prediction(writer, folder, case, labels, sample, task, form, write)


def write_probabilities(
    folder: Path, item: Input, writer: Any, sample: Sample, task: Task, file_format: str, maker: Maker | None
) -> None:
    """Write what is in the .npy of an input's probabilities as its format holds them, where it can."""
    write = getattr(writer, "write_probabilities_as", None)
    if write is None:
        return
    stem = folder / PROBABILITIES / item.name
    values = np.load(stem.with_name(f"{stem.name}.npy"), mmap_mode="r")
    write(file_format, stem, values, Origin(tuple(item.files), sample.affine, task.classes, maker))


def write_tiff(folder: Path, suffix: str, name: str, labels: np.ndarray) -> Path:
    """Write a label map as a palette TIFF."""
    path = folder / f"{name}{suffix}"
    image = Image.fromarray(labels)
    image.putpalette(colours_of(int(labels.max(initial=0)) + 1))
    write_whole(path, lambda stream: image.save(stream, format="TIFF", compression="tiff_deflate"))
    return path


class ProbabilityFile:
    """A .npy of probabilities (K', *S) float16 that is written plane by plane, whole or not at all."""

    def __init__(self, path: Path, channels: int, shape: Sequence[int]) -> None:
        self.path = path
        folder = own_folder(path.parent.parent, path.parent.name)
        try:
            self.part, self.descriptor = new_part(folder)
        except OSError as error:
            raise self.failed(error) from error
        try:
            self.values = np.lib.format.open_memmap(self.part, "w+", np.float16, (channels, *shape))
            reserve(self.descriptor)
        except OSError as error:
            self.drop()
            raise self.failed(error) from error

    def put(self, planes: slice, values: np.ndarray) -> None:
        """Take in some planes of the first axis of S."""
        self.values[:, planes] = values

    def keep(self) -> None:
        """Give the file its name."""
        try:
            self.values.flush()
            os.fsync(self.descriptor)
            self.part.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            self.drop()
            raise self.failed(error) from error
        with suppress(OSError):  # it is on the disk already
            os.close(self.descriptor)

    def drop(self) -> None:
        """Forget it."""
        # What stopped the writing is told, not what tidying up meets.
        with suppress(OSError):
            self.part.unlink()
        with suppress(OSError):
            os.close(self.descriptor)

    def failed(self, error: OSError) -> SegkitError:
        """Describe a file that cannot be written."""
        return SegkitError(f"cannot write {self.path.name}: {error.strerror or error}", "free some space")


def reserve(descriptor: int) -> None:
    """Take the disk's space for all of an open file: writing into a map of it on a full disk would kill the process."""
    size = os.fstat(descriptor).st_size
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)


def write_sizes(path: Path, rows: Sequence[tuple[str, str, Sequence[ClassSize], Mapping[str, float | None]]]) -> None:
    """Write one row per input and class; with what is known of the whole input, by column, where it is of any."""
    known = [name for name in (EXPECTED, AGREEMENT) if any(of_input.get(name) is not None for *_, of_input in rows)]
    cells = []
    for source, mask, sizes, of_input in rows:
        told = [of_input.get(name) for name in known]
        whole = ["" if value is None else f"{value:.4f}" for value in told]
        cells += [[*size_cells(source, mask, size), *whole] for size in sizes]
    write_table(path, (*COLUMNS, *known), cells)


def size_cells(source: str, mask: str, size: ClassSize) -> Iterator[str]:
    """One row's cells; an area or volume that is not known is left empty."""
    yield from (source, mask, size.name, str(size.label), str(size.pixels), f"{size.share:.6f}")
    yield from ("" if value is None else f"{value:.6g}" for value in (size.mm2, size.ml))
