"""Label maps in files: in the dataset's own format where it has one, so that they open beside its images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from segkit.data.case import Case, Sample
from segkit.data.dataset import DatasetReader
from segkit.data.label_png import read_labels, write_labels
from segkit.errors import SegkitError
from segkit.files import write_whole


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
        path = folder / f"{case.id}{suffix}"
        if read is not None and path.exists():
            labels: np.ndarray = read(path)
            return labels
    if (folder / f"{case.id}.png").exists():
        return read_labels(folder / f"{case.id}.png")
    if (folder / f"{case.id}.npz").exists():
        with np.load(folder / f"{case.id}.npz", allow_pickle=False) as stored:
            found: np.ndarray = stored["labels"]
            return found
    raise SegkitError(f"there is no prediction of case {case.id}", "score the run again with predictions kept")
