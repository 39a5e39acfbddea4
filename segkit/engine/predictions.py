"""Label maps in files: in the dataset's own format where it has one, so that they open beside its images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from segkit.data.arrays import read_arrays
from segkit.data.case import Case, Sample
from segkit.data.dataset import DatasetReader
from segkit.data.label_png import read_labels, write_labels
from segkit.errors import SegkitError
from segkit.files import inside, write_whole

PREDICTED = "the folder of predictions"


def write_prediction(reader: DatasetReader, folder: Path, case: Case, labels: np.ndarray, sample: Sample) -> Path:
    """Write the label map of a case, named after it.

    A reader's `write_labels` writes it on the grid of the case's first file, with its affine and header. Without one a
    photograph's is a palette PNG and a volume's an .npz of `labels`, `spacing` and `affine` (NaN where not known).
    """
    write = getattr(reader, "write_labels", None)
    if write is not None and case.files:
        path: Path = write(folder / case.id, labels, case.files[0])
        return path
    if labels.ndim == 2:
        write_labels(folder / f"{case.id}.png", labels)
        return folder / f"{case.id}.png"
    spacing = np.full(labels.ndim, np.nan) if sample.spacing is None else np.asarray(sample.spacing, np.float64)
    affine = np.full((4, 4), np.nan) if sample.affine is None else np.asarray(sample.affine, np.float64)
    path = folder / f"{case.id}.npz"
    write_whole(path, lambda stream: np.savez_compressed(stream, labels=labels, spacing=spacing, affine=affine))
    return path


def read_prediction(reader: DatasetReader, folder: Path, case: Case) -> np.ndarray:
    """Read the label map that `write_prediction` wrote, (*S) uint8 on the case's own grid.

    Raises:
        SegkitError: there is none.
    """
    read: Callable[[Path], np.ndarray] | None = getattr(reader, "read_labels", None)
    for suffix in getattr(reader, "suffixes", ()):
        if read is not None and (folder / f"{case.id}{suffix}").exists():
            labels: np.ndarray = read(inside(folder, f"{case.id}{suffix}", named_by=PREDICTED))
            return labels
    if (folder / f"{case.id}.png").exists():
        return read_labels(inside(folder, f"{case.id}.png", named_by=PREDICTED))
    if (folder / f"{case.id}.npz").exists():
        path = inside(folder, f"{case.id}.npz", named_by=PREDICTED)
        return read_arrays(path, ["labels"], hint="score the run again")[0]
    raise SegkitError(f"there is no prediction of case {case.id}", "score the run again with predictions kept")
