"""Label maps in files: in the dataset's own format where it has one, so that they open beside its images."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from segkit.data.case import Case, Sample
from segkit.data.dataset import DatasetReader
from segkit.data.masks import packed, read_mask
from segkit.errors import SegkitError, UnusableFileError
from segkit.files import write_whole

# Distinct for the colour-blind (Okabe and Ito 2008); label 0 is black.
PALETTE = (0, 0, 0, 230, 159, 0, 86, 180, 233, 0, 158, 115, 240, 228, 66, 0, 114, 178, 213, 94, 0, 204, 121, 167)


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


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Write a label map (H, W) as a palette PNG whose indices are the labels."""
    image = Image.fromarray(labels)
    # A pixel has the bits that its palette needs: with fewer colours than labels Pillow cuts the labels off.
    image.putpalette(colours_of(int(labels.max(initial=0)) + 1))
    # Runs of equal labels are all there is to find: half the time, and a smaller file than deflate at its best.
    write_whole(path, lambda stream: image.save(stream, format="PNG", compress_level=1, compress_type=zlib.Z_RLE))


def colours_of(count: int) -> tuple[int, ...]:
    """Return the palette of so many labels; from the eighth class on colours come again, without black."""
    classes = PALETTE[3:]
    return (PALETTE[:3] + classes * -(-count // (len(classes) // 3)))[: 3 * count]


def read_labels(path: Path) -> np.ndarray:
    """Read a label map that `write_labels` wrote, (H, W) uint8.

    Raises:
        UnusableFileError: it cannot be read, or its palette is another one: whoever saved it anew may have changed what
            its indices stand for.
    """
    mask = read_mask(path, path.name)
    expected = packed(np.array(colours_of(len(mask.palette)), np.uint8).reshape(-1, 3))
    used: Sequence[int] = [] if mask.indices is None else np.flatnonzero(np.bincount(mask.indices.ravel())).tolist()
    if mask.indices is None or any(mask.palette[index] != expected[index] for index in used):
        reason = "is no prediction as it was written: its palette is another one"
        raise UnusableFileError(path.name, reason, "predict again")
    return mask.indices
