"""Masks of images larger than memory: values of a file as labels, checked as they are read."""

from __future__ import annotations

import numpy as np

from segkit import IGNORE, UnusableFileError
from segkit.data.large_array import LargeArray


class LabelMask(LargeArray):
    """A mask file's values as labels (H, W) uint8.

    With names of classes the values are the labels. Without, the mask is of one class: 0, and one other value,
    whichever that is.
    """

    def __init__(self, source: LargeArray, classes: int | None, name: str) -> None:
        if len(source.shape) != 2 or source.dtype.kind not in "uib":
            kind = f"{source.shape[0]} channels" if len(source.shape) == 3 else f"values of type {source.dtype}"
            raise UnusableFileError(name, f"has {kind}", "save it as a label map: one channel of whole numbers")
        self.source, self.classes, self.name = source, classes, name
        self.shape, self.dtype, self.band = source.shape, np.dtype(np.uint8), source.band
        self.marked: int | None = None

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle's labels; raises UnusableFileError where a value is none."""
        values = self.source.read(rows, columns)
        if values.dtype == np.bool_:
            values = values.astype(np.uint8)
        if self.classes is not None:
            wrong = (values != IGNORE) & ((values < 0) | (values > self.classes))
            if wrong.any():
                raise UnusableFileError(
                    self.name,
                    f"holds the value {int(values[wrong][0])}, and {self.classes} classes are named",
                    "name every class, in the order of the values: --set data.classes=first,second",
                )
            named: np.ndarray = values.astype(np.uint8)
            return named
        for value in np.unique(values[values != 0]).tolist():
            self.marked = value if self.marked is None else self.marked
            if value != self.marked:
                raise UnusableFileError(
                    self.name,
                    f"holds the values {self.marked} and {value} besides 0",
                    "name the classes in the order of their values: --set data.classes=first,second",
                )
        labels: np.ndarray = (values != 0).astype(np.uint8)
        return labels
