"""Predictions of overlapping classes in files: a label map where that says all, else a bit mask or a file per class.

A label map says all where of any two classes one holds the other or none of it: they are painted one over the other,
and the JSON beside the file says in which order, and what each label then stands for (issue 22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from segkit.data.class_masks import painted, painting_order
from segkit.declarations import Task

Form = Literal["auto", "labels", "bits", "files"]
FORMS: tuple[Form, ...] = ("auto", "labels", "bits", "files")
ENDING = ".labels.json"
"""Of the file that says how a prediction of overlapping classes is to be read."""
MOST_BITS = 8
CHUNK = 1 << 20
PAINTED, BITS, FILES = "labels", "bits", "files"


@dataclass(frozen=True)
class LabelFiles:
    """What is written of one prediction.

    Attributes:
        maps: label maps (*S) uint8 by what their names end in: "" alone, or one per class.
        description: what the JSON beside them says.
    """

    maps: Mapping[str, np.ndarray]
    description: Mapping[str, Any]


def encode(prediction: np.ndarray, task: Task, form: Form = "auto") -> LabelFiles:
    """Turn a prediction (classes, *S) into label maps; whatever the form, `decode_files` gives the same back.

    Args:
        form: "labels" becomes one of the others where a label map cannot say all; "bits" does with more than 8 classes.
    """
    classes = list(task.classes)
    shared = intersections(prediction)
    if form in ("auto", PAINTED) and is_nested(shared):
        order = [label for label in painting_order(prediction) if shared[label - 1, label - 1]]
        below = {
            label: [
                other for other in order[: place + 1] if shared[other - 1, label - 1] == shared[label - 1, label - 1]
            ]
            for place, label in enumerate(order)
        }
        said = {str(label): [classes[other - 1] for other in below[label]] for label in sorted(order)}
        names = [classes[label - 1] for label in order]
        return LabelFiles(
            {"": painted(prediction, task)}, {"form": PAINTED, "classes": classes, "painted": names, "labels": said}
        )
    if form != FILES and len(classes) <= MOST_BITS:
        bits = {name: 1 << place for place, name in enumerate(classes)}
        values = np.zeros(prediction.shape[1:], np.uint8)
        for plane, bit in zip(prediction, bits.values(), strict=True):
            values |= plane.astype(np.uint8) * np.uint8(bit)
        return LabelFiles({"": values}, {"form": BITS, "classes": classes, "bits": bits})
    endings = [class_ending(label, name) for label, name in enumerate(classes, start=1)]
    maps = dict(zip(endings, prediction.astype(np.uint8), strict=True))
    return LabelFiles(maps, {"form": FILES, "classes": classes, "files": dict(zip(classes, endings, strict=True))})


def decode_files(description: Mapping[str, Any], maps: Mapping[str, np.ndarray], task: Task) -> np.ndarray:
    """Return the prediction (classes, *S) that label maps hold, as their description says.

    Raises:
        ValueError: it describes other classes, or no form that there is.
    """
    classes = list(task.classes)
    form, told = description.get("form"), description
    if told.get("classes") != classes:
        raise ValueError(f"it describes the classes {told.get('classes')}")
    if form == FILES:
        return np.stack([maps[told["files"][name]] for name in classes])
    values = maps[""]
    if form == BITS:
        return np.stack([(values & told["bits"][name] > 0).astype(np.uint8) for name in classes])
    if form != PAINTED:
        raise ValueError(f"it describes the form {form!r}")
    table = np.zeros((len(classes), 256), np.uint8)
    for label, names in told["labels"].items():
        table[[classes.index(name) for name in names], int(label)] = 1
    return table[:, values]


def possible_endings(task: Task) -> list[str]:
    """Return what the names of a prediction's label maps may end in."""
    return ["", *(class_ending(label, name) for label, name in enumerate(task.classes, start=1))]


def class_ending(label: int, name: str) -> str:
    """Return what a class's own file is called behind the case: "-2-core"."""
    plain = re.sub(r"[^\w]+", "-", name).strip("-")[:40]
    return f"-{label}-{plain}" if plain else f"-{label}"


def intersections(prediction: np.ndarray) -> np.ndarray:
    """Return how many pixels any two classes share, int64 (classes, classes)."""
    flat = prediction.reshape(len(prediction), -1)
    shared = np.zeros((len(flat), len(flat)), np.int64)
    for start in range(0, flat.shape[1], CHUNK):
        # Whole numbers up to 2^20 are exact in float32, whose product is many times as fast as that of integers.
        part = (flat[:, start : start + CHUNK] == 1).astype(np.float32)
        shared += (part @ part.T).astype(np.int64)
    return shared


def is_nested(shared: np.ndarray) -> bool:
    """Whether of any two classes one holds the other, or none of it."""
    sizes = shared.diagonal()
    smaller = np.minimum(sizes[:, None], sizes[None])
    return bool(((shared == 0) | (shared == smaller)).all())
