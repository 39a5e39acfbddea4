"""The reference mask of an image file, from a file of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from segkit.contracts import IGNORE
from segkit.errors import SegkitError
from segkit.model import Model


def read_reference(path: Path, model: Model, shape: tuple[int, ...]) -> np.ndarray:
    """Read a mask (*S): labels, or of one class black and white as well.

    Raises:
        SegkitError: the file cannot be read, is on another grid than the image, or holds other labels.
    """
    reader = model.opener.own if len(shape) == 3 else None
    labels = read_png(path) if reader is None else np.asarray(reader.read_labels(path))
    if labels.shape != shape:
        raise SegkitError(
            f"mask {path.name} is on a grid of {labels.shape}, the image on one of {shape}", "give the image's mask"
        )
    values = np.unique(labels)
    if len(model.task.classes) == 1 and values.max() > 1:
        if len(values) > 2:
            raise SegkitError(f"mask {path.name} holds {len(values)} values", "give one with two, or with labels")
        return np.asarray(labels == values[-1], np.uint8)
    wrong = [int(value) for value in values if value > len(model.task.classes) and value != IGNORE]
    if wrong:
        raise SegkitError(
            f"mask {path.name} holds label {wrong[0]}, the model knows 0 to {len(model.task.classes)}",
            "give the labels as numbers",
        )
    return labels.astype(np.uint8)


def read_png(path: Path) -> np.ndarray:
    """Read the values of a grey or palette image."""
    try:
        with Image.open(path) as image:
            values = np.asarray(image)
    except FileNotFoundError:
        raise SegkitError(f"mask {path.name}: no such file", "check the path") from None
    except (OSError, UnidentifiedImageError) as error:
        raise SegkitError(f"mask {path.name} cannot be read: {error}", "give a PNG") from None
    return values if values.ndim == 2 else values[..., 0]
