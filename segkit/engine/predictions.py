"""Label maps in files: in the dataset's own format where it has one, so that they open beside its images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from segkit.data.arrays import read_arrays
from segkit.data.case import Case, Sample
from segkit.data.dataset import DatasetReader, formats_of
from segkit.data.label_png import read_labels, write_labels
from segkit.data.origin import Maker, Origin
from segkit.declarations import Task
from segkit.engine.label_forms import ENDING, Form, decode_files, encode, possible_endings
from segkit.errors import SegkitError
from segkit.files import inside, read_json, write_json, write_whole

PREDICTED = "the folder of predictions"


def write_prediction(
    reader: DatasetReader,
    folder: Path,
    case: Case,
    labels: np.ndarray,
    sample: Sample,
    task: Task,
    form: Form = "auto",
    write: Callable[[str, np.ndarray], Path] | None = None,
) -> list[Path]:
    """Write the prediction of a case, named after it; of overlapping classes as `segkit.engine.label_forms` says.

    Args:
        form: of overlapping classes.
        write: writes a label map (*S) under a name without its suffix; None: `write_label_map`.

    Returns:
        The files that were written, the label map or the first class's first.
    """
    write = write or (lambda name, values: write_label_map(reader, folder, name, values, case, sample, task.classes))
    if not task.overlapping:
        return [write(case.id, labels)]
    files = encode(labels, task, form)
    written = [write(case.id + ending, values) for ending, values in files.maps.items()]
    write_json(folder / f"{case.id}{ENDING}", files.description)
    return [*written, folder / f"{case.id}{ENDING}"]


def write_label_map(
    reader: DatasetReader,
    folder: Path,
    name: str,
    labels: np.ndarray,
    case: Case,
    sample: Sample,
    classes: tuple[str, ...] = (),
    file_format: str = "",
    maker: Maker | None = None,
) -> Path:
    """Write one label map (*S).

    A reader's `write_labels` writes it on the grid of the case's first file, with its affine and header. Without one a
    photograph's is a palette PNG and a volume's an .npz of `labels`, `spacing` and `affine` (NaN where not known).

    Args:
        file_format: of the reader's `formats`; "" for the usual one.
    """
    formats = formats_of(reader, labels.ndim)
    if formats and case.files:
        origin = Origin(case.files, sample.affine, classes, maker)
        made: Path = reader.write_labels_as(file_format or next(iter(formats)), folder / name, labels, origin)  # type: ignore[attr-defined]
        return made
    write = getattr(reader, "write_labels", None)
    if write is not None and case.files:
        path: Path = write(folder / name, labels, case.files[0])
        return path
    if labels.ndim == 2:
        write_labels(folder / f"{name}.png", labels)
        return folder / f"{name}.png"
    spacing = np.full(labels.ndim, np.nan) if sample.spacing is None else np.asarray(sample.spacing, np.float64)
    affine = np.full((4, 4), np.nan) if sample.affine is None else np.asarray(sample.affine, np.float64)
    path = folder / f"{name}.npz"
    write_whole(path, lambda stream: np.savez_compressed(stream, labels=labels, spacing=spacing, affine=affine))
    return path


def read_prediction(reader: DatasetReader, folder: Path, case: Case, task: Task | None = None) -> np.ndarray:
    """Read what `write_prediction` wrote, (*S) or (classes, *S) uint8 on the case's own grid.

    Args:
        task: whose prediction it is; None: the reader's.

    Raises:
        SegkitError: there is none.
    """
    task = task or reader.task
    if not task.overlapping:
        return read_label_map(reader, folder, case.id)
    hint = "score the run again with predictions kept"
    description = read_json(inside(folder, f"{case.id}{ENDING}", named_by=PREDICTED), dict, hint=hint)
    endings = possible_endings(task)[1:] if description.get("form") == "files" else [""]
    maps = {ending: read_label_map(reader, folder, case.id + ending) for ending in endings}
    try:
        return decode_files(description, maps, task)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise SegkitError(f"{case.id}{ENDING} does not say what the prediction holds: {error}", hint) from None


def read_label_map(reader: DatasetReader, folder: Path, name: str) -> np.ndarray:
    """Read the label map that `write_label_map` wrote under a name."""
    read: Callable[[Path], np.ndarray] | None = getattr(reader, "read_labels", None)
    for suffix in getattr(reader, "suffixes", ()):
        if read is not None and (folder / f"{name}{suffix}").exists():
            labels: np.ndarray = read(inside(folder, f"{name}{suffix}", named_by=PREDICTED))
            return labels
    if (folder / f"{name}.png").exists():
        return read_labels(inside(folder, f"{name}.png", named_by=PREDICTED))
    if (folder / f"{name}.npz").exists():
        path = inside(folder, f"{name}.npz", named_by=PREDICTED)
        return read_arrays(path, ["labels"], hint="score the run again")[0]
    raise SegkitError(f"there is no prediction of case {name}", "score the run again with predictions kept")
