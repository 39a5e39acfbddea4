"""Read photographs with outlines, whichever format the outlines are in."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from segkit import Case, Problem, Sample, SegkitError, Task, UnusableFileError, UsageError
from segkit.data.at_once import check_each
from segkit.data.dataset import SPLITS
from segkit.data.photographs import DETAIL, Decoded, channels_first, decode, resized
from segkit.errors import did_you_mean
from segkit_coco import faults
from segkit_coco.deal import by_split
from segkit_coco.outlines import Region, label_map, patches
from segkit_coco.params import OutlineParams
from segkit_coco.photographs import Ground, channels_of, ground_of, turned
from segkit_coco.recipe import RECIPE
from segkit_nifti.problems import Faults, problems_of, raise_faults

LOOKED_AT = 64
"""Photographs, evenly spread, whose channels are counted."""
MOST_CLASSES = 254
"""Labels in 8 bits, without 0 for background and 255 for what counts for nothing."""


@dataclass(frozen=True)
class Drawing:
    """One photograph and what is outlined on it.

    Attributes:
        image: its file, relative to the root or, outside of it, absolute.
        outlines: the file that outlines it; None where there is none.
        size: width and height that the outlines are for; None where nothing says it.
        shares: whether outlines are in shares of the image, not in pixels.
    """

    id: str
    split: str | None
    image: str
    outlines: Path | None
    size: tuple[int, int] | None
    regions: Sequence[Region]
    shares: bool = False

    def scale(self, ground: Ground) -> tuple[float, float]:
        """Pixels per unit of x and of y."""
        height, width = ground.shape
        return (width, height) if self.shares else (1, 1)


class OutlineReader:
    """A dataset of photographs with outlines; a subclass fills it in `__init__`.

    Attributes:
        listed: the cases by split.
        faults: what the listing shows to be wrong.
        told: what is used, and told.
        left_out: files that are no case's, with the reason.
        describing: files that say how the others are to be read.
        dealt_splits: those that were dealt out by seed, for nothing says them.
        notes: how the files were understood, as label and text.
    """

    task: Task
    recipe: Mapping[str, Any] = RECIPE
    reader_version = 1

    def __init__(self, root: Path, params: OutlineParams) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise SegkitError(f"data root {root} is not a folder", "check the path given to --data-root")
        self.params = params
        self.faults: Faults = {}
        self.told: Faults = {}
        self.left_out: dict[Path, str] = {}
        self.describing: list[Path] = []
        self.dealt_splits: tuple[str, ...] = ()
        self.notes: list[tuple[str, str]] = []
        self.listed: dict[str, list[Case]] = {}
        self.drawings: dict[str, Drawing] = {}

    def cases(self, split: str) -> Sequence[Case]:
        """Return the cases of "train", "val" or "test", sorted by id; empty where there is no such split.

        Raises:
            SegkitError: the listing shows what cannot be used: each kind of fault and the first it concerns.
        """
        raise_faults(self.faults)
        return tuple(self.listed.get(split, ()))

    def describe(self) -> Sequence[tuple[str, str]]:
        """Return how the files were understood, as label and text."""
        return tuple(self.notes)

    def remarks(self) -> Sequence[str]:
        """Return what is cut off, taken for background or the like, a sentence for each kind."""
        return tuple(faults.sentences(self.told))

    def read(self, case: Case) -> Sample:
        """Read one photograph upright, and its outlines as a label map on its grid.

        Returns:
            uint8 image (C, H, W) and uint8 mask (H, W).

        Raises:
            SegkitError: names the file that cannot be used, and why.
        """
        return self._read(case, None)

    def read_resized(self, case: Case, size: tuple[int, ...]) -> Sample:
        """Read one photograph on a grid of `size`, and its label map on the photograph's own; raises as `read`."""
        height, width = size
        return self._read(case, (height, width))

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read every case and return what is wrong, outlines that mark nothing included."""
        every = [case for split in self.listed.values() for case in split]
        return [*problems_of(self.faults), *check_each(self._check, every, progress)]

    def _read(self, case: Case, size: tuple[int, int] | None) -> Sample:
        drawing = self.drawings[case.id]
        decoded, ground = self._open(drawing, size)
        mask = self._labels(drawing, ground)
        image = channels_first(resized(decoded, ground.method, size), self.task.in_channels)
        along = " with its outlines" if ground.stored else ""
        remarks = () if ground.method is None else (f"is turned{along} as its EXIF orientation says",)
        return Sample(image=image, mask=mask, grid=None if size is None else mask.shape, remarks=remarks)

    def _open(self, drawing: Drawing, size: tuple[int, int] | None = None) -> tuple[Decoded, Ground]:
        """Decode a photograph, at a part of its scale where `size` needs no more."""
        decoded = decode(self.root, drawing.image, None if size is None else math.ceil(max(size) * DETAIL))
        return decoded, ground_of(decoded, drawing.size, self.params.orientation, drawing.image)

    def _labels(self, drawing: Drawing, ground: Ground) -> np.ndarray:
        """Draw the regions and turn them upright."""
        labels = label_map(
            drawing.regions,
            ground.shape,
            drawing.scale(ground),
            self.params.overlap,
            self.task.classes,
            self._told(drawing),
        )
        return turned(labels, ground.method) if ground.stored and ground.method is not None else labels

    def _check(self, case: Case) -> Problem | None:
        drawing = self.drawings[case.id]
        told = self._told(drawing)
        try:
            _, ground = self._open(drawing)
            labels = self._labels(drawing, ground)
            areas = {
                region.name: sum(patch.area for patch in patches(region, ground.shape, drawing.scale(ground), told))
                for region in drawing.regions
            }
        except UnusableFileError as problem:
            return Problem(problem.file, problem.reason)
        unseen = [name for name, area in areas.items() if not area]
        if unseen:
            reason = "of no pixel (outside of the image, or thinner than one)"
            return Problem(told, f"{len(unseen)} of {len(areas)} outlines are {reason}, first: {unseen[0]}")
        if (labels == labels.flat[0]).all() and labels.any():
            return Problem(told, f"marks every pixel as {self.task.classes[int(labels.flat[0]) - 1]}")
        return None

    def _told(self, drawing: Drawing) -> str:
        """The files of a drawing, as told before what is wrong with it."""
        if drawing.outlines is None:
            return drawing.image
        return f"{shown(drawing.outlines, self.root)}, {drawing.image}"

    def _tell_unused(self, names: Sequence[str], used: Collection[str]) -> None:
        unused = [name for name in names if name not in used]
        if unused:
            listed = ", ".join(unused[:5]) + (", ..." if len(unused) > 5 else "")
            self.notes.append(("unused", f"{len(unused)} of {len(names)} classes have no outline: {listed}"))

    def _finish(self, drawings: Sequence[Drawing], classes: Sequence[str], where: str) -> None:
        """Take in what a subclass has found.

        Args:
            classes: in label order.
            where: what says the splits, if anything does.
        """
        self.drawings = {drawing.id: drawing for drawing in drawings}
        images = [self.root / drawing.image for drawing in drawings]
        self.task = Task(channels_of(islice(images, 0, None, -(-len(images) // LOOKED_AT) or 1)), tuple(classes))
        outlines = sum(len(drawing.regions) for drawing in drawings)
        self.notes.append(("images", f"{len(images)} photographs with {outlines} outlines"))
        if all_boxes(drawings):
            self.notes.append(("outlines", "all are upright rectangles: boxes that were written as outlines?"))
        self.notes.append(("channels", str(self.task.in_channels)))
        self.notes.append(("classes", ", ".join(f"{label} {name}" for label, name in enumerate(classes, 1))))
        cases = [
            Case(drawing.id, files=(self.root / drawing.image, *([drawing.outlines] if drawing.outlines else [])))
            for drawing in drawings
        ]
        if self.faults:
            self.listed = {"train": cases}
            return
        told = {drawing.id: drawing.split for drawing in drawings if drawing.split is not None}
        self.dealt_splits = () if told else SPLITS
        self.listed, notes = by_split(cases, told, where, self.params, self.params.patient)
        self.notes += notes


def all_boxes(drawings: Sequence[Drawing]) -> bool:
    """Whether there are outlines and every one is a rectangle along the axes."""
    parts = [part for drawing in drawings for region in drawing.regions for part in region.parts or (np.zeros((0, 2)),)]
    return bool(parts) and all(len(part) in (4, 5) and is_box(part) for part in parts)


def is_box(points: np.ndarray) -> bool:
    """Whether 4 corners, or 5 of which the last is the first, are a rectangle along the axes."""
    corners = points[:4]
    sides = np.diff(np.concatenate([corners, corners[:1]]), axis=0) == 0
    return bool((points[4:] == points[0]).all() and (sides.sum(axis=1) == 1).all() and (sides[:2] == sides[2:]).all())


def chosen_classes(wanted: Sequence[str], known: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the classes to learn, in label order: those wanted, else all.

    Raises:
        UsageError: one is wanted that is not known, or twice.
        SegkitError: there are none, or more than a label map can hold.
    """
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"data.classes: {where} has no class {name!r}{did_you_mean(name, known)}",
                f"it has {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}",
            )
        if list(wanted).count(name) > 1:
            raise UsageError(f"data.classes names {name!r} twice", "name each class once")
    chosen = tuple(wanted or known)
    if len(chosen) > MOST_CLASSES:
        raise SegkitError(
            f"{where} has {len(chosen)} classes, at most {MOST_CLASSES} can be learnt",
            "choose some: --set data.classes=NAME,NAME",
        )
    return chosen


def shown(path: Path, root: Path) -> str:
    """A path relative to the root, for messages."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
