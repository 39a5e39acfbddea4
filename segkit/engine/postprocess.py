"""Change a prediction before it is scored and saved: small components, all but the largest, holes.

Off unless it is asked for. Nothing here is chosen by a score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segkit.declarations import Task
from segkit.errors import SegkitError, UsageError, did_you_mean
from segkit.params import plain
from segkit.settings import Evaluate

ALL = "all"
STEPS = ("minimum_size", "keep_largest", "fill_holes", "postprocess")
"""The settings, in the order in which they are applied."""


def postprocess_record(settings: Evaluate) -> dict[str, object]:
    """Return the steps that are on with their settings, in the order in which they are applied; empty where none is."""
    return {name: plain(settings)[name] for name in STEPS if getattr(settings, name)}


def check_postprocess(settings: Evaluate, classes: Sequence[str]) -> None:
    """Raise UsageError where a step names a class that is not there."""
    for setting in ("keep_largest", "fill_holes"):
        for name in getattr(settings, setting):
            if name != ALL and name not in classes:
                raise UsageError(
                    f"evaluate.{setting}: there is no class {name!r}{did_you_mean(name, classes)}",
                    f"say {ALL}, or some of: {', '.join(classes)}",
                )


@dataclass(frozen=True)
class PredictionStep:
    """A plugin's step.

    Attributes:
        change: label map (*S) uint8 -> label map.
    """

    name: str
    change: Callable[[np.ndarray], Any]

    def __call__(self, labels: np.ndarray) -> np.ndarray:
        """Return the label map changed; raises SegkitError where it is none of the same grid and labels."""
        found = np.asarray(self.change(labels.copy()))
        if found.shape != labels.shape or found.dtype.kind not in "iub":
            raise SegkitError(
                f"postprocess {self.name} gave {found.dtype} {found.shape} for labels {labels.shape}",
                "report it to its author",
            )
        return found.astype(np.uint8)


def postprocessing(
    settings: Evaluate, task: Task, further: Sequence[PredictionStep] = ()
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the function that changes a label map (*S), or (classes, *S), as the settings say; None: nothing to do.

    Args:
        further: steps of plugins, which come last.

    Raises:
        UsageError: a step names a class that is not there.
    """
    check_postprocess(settings, task.classes)
    if not postprocess_record(settings):
        return None

    def own(labels: np.ndarray) -> np.ndarray:
        changed = labels.copy()
        if task.overlapping:
            for plane, name in zip(changed, task.classes, strict=True):
                kept = keep_components(plane == 1, settings.minimum_size, chosen(settings.keep_largest, name))
                plane[...] = kept | enclosed(kept) if chosen(settings.fill_holes, name) else kept
            return changed
        for label, name in enumerate(task.classes, start=1):
            inside = labels == label
            if not inside.any():
                continue
            kept = keep_components(inside, settings.minimum_size, chosen(settings.keep_largest, name))
            changed[inside & ~kept] = 0
            if chosen(settings.fill_holes, name):
                changed[enclosed(kept) & (changed == 0)] = label
        return changed

    def apply(labels: np.ndarray) -> np.ndarray:
        changed = own(labels)
        for step in further:
            changed = step(changed)
        return changed

    return apply


def chosen(names: Sequence[str], name: str) -> bool:
    """Whether a class is among the chosen ones."""
    return name in names or ALL in names


def keep_components(inside: np.ndarray, minimum_size: int, largest: bool) -> np.ndarray:
    """Return the class (*S) without its small components, or with its largest alone; of equal ones the first.

    Components touch by faces, edges or corners.
    """
    from scipy import ndimage

    if minimum_size <= 1 and not largest:
        return inside
    components, _ = ndimage.label(inside, structure=np.ones((3,) * inside.ndim))
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    keep = sizes >= max(minimum_size, 1)
    if largest:
        keep &= np.arange(len(sizes)) == sizes.argmax()
    kept: np.ndarray = keep[components]
    return kept


def enclosed(inside: np.ndarray) -> np.ndarray:
    """Return what lies outside of the class but cannot be left for the image's rim by faces alone, bool (*S)."""
    from scipy import ndimage

    holes: np.ndarray = ndimage.binary_fill_holes(inside) & ~inside
    return holes
