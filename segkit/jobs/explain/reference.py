"""The reference mask of an image file, from a file of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.masks import black_and_white, read_mask, turned_size
from segkit.errors import SegkitError, UnusableFileError
from segkit.model import Model


def read_reference(path: Path, model: Model, shape: tuple[int, ...]) -> np.ndarray:
    """Read a mask (*S): labels, or of one class black and white as well.

    Raises:
        SegkitError: the file cannot be read, is on another grid than the image, or holds other labels.
    """
    reader = model.opener.own if len(shape) == 3 else None
    if reader is None:
        labels = photograph_values(path, shape, len(model.task.classes))
    else:
        labels = np.asarray(reader.read_labels(path))
    if labels.shape != shape:
        raise SegkitError(
            f"mask {path.name} is on a grid of {labels.shape}, the image on one of {shape}", "give the image's mask"
        )
    values = np.unique(labels)
    if len(model.task.classes) == 1 and values.max() > 1:
        if len(values) > 2 or values[0] != 0:
            shown = ", ".join(map(str, values[:5]))
            raise SegkitError(f"mask {path.name} holds the values {shown}", "give one with 0 and one other, or labels")
        return np.asarray(labels == values[-1], np.uint8)
    known = range(len(model.task.classes) + 1)
    wrong = [int(value) for value in values if value not in known and value != IGNORE]
    if wrong:
        raise SegkitError(
            f"mask {path.name} holds label {wrong[0]}, the model knows 0 to {len(model.task.classes)}",
            "give the labels as numbers",
        )
    return labels.astype(np.uint8)


def photograph_values(path: Path, shape: tuple[int, ...], classes: int) -> np.ndarray:
    """Read the values of a photograph's mask, as whichever of stored and turned upright has a shape.

    Args:
        classes: how many there are; the compression of a JPEG keeps one apart.

    Returns:
        Grey values, a palette's indices where it has colours, 0 and 1 of a JPEG.

    Raises:
        UnusableFileError: it cannot be read, has colours and no palette, or floating-point numbers.
    """
    mask = read_mask(path, path.name)
    if mask.turning is not None and turned_size(mask.shape, mask.turning) == shape:
        mask = mask.turned(mask.turning)
    as_numbers = "give the labels as numbers: a grey or palette PNG"
    if mask.lossy and classes > 1:
        raise UnusableFileError(path.name, f"is a JPEG, which keeps no {classes} classes apart", as_numbers)
    if mask.lossy:
        return black_and_white(mask, path.name).astype(np.uint8)
    if mask.coloured and mask.indices is None:
        raise UnusableFileError(path.name, "is a mask in colours", as_numbers)
    if not np.issubdtype(mask.values.dtype, np.integer):
        raise UnusableFileError(path.name, "holds floating-point numbers, not labels", as_numbers)
    return mask.values if not mask.coloured or mask.indices is None else mask.indices
