"""Several datasets read as one: classes matched by name, cases annotated for those of their own dataset (issue 22)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.case import Case, Problem, Sample, counted
from segkit.data.check import check_sample
from segkit.data.dataset import SPLITS, DatasetReader
from segkit.data.large_array import LargeArray
from segkit.data.reader_source import reader_digest
from segkit.data.remarks import remarks_of
from segkit.declarations import Task
from segkit.errors import SegkitError

OF_FILES = (
    "suffixes",
    "formats",
    "write_labels",
    "write_labels_as",
    "write_probabilities_as",
    "write_map",
    "read_labels",
)
"""What a reader may say of its files' format; the parts' own where they are of one kind."""
OF_CASES = ("read_resized", "read_geometry")
KINDS = {2: "photographs", 3: "volumes"}


@dataclass(frozen=True)
class JointPart:
    """One of several datasets.

    Attributes:
        name: of its own among them; no two share one.
    """

    name: str
    reader: DatasetReader
    root: Path


class JointReader:
    """Datasets whose cases are trained on together.

    A case is called after its dataset, "amos_0013" of dataset amos, and so is its patient. Classes are those of all
    datasets by name, in the order in which they come first; a case is annotated for those of its own dataset.

    Args:
        modes: the modes that all of them declare.
        evenly: whether an epoch shows as many cases of each.

    Raises:
        SegkitError: they cannot be one network's: photographs and volumes, other channels, classes that only differ in
            their letters' case.
    """

    def __init__(self, parts: Sequence[JointPart], modes: Sequence[str], *, evenly: bool = False) -> None:
        self.parts = {part.name: part for part in parts}
        self.task = joint_task(parts)
        self.recipe: Mapping[str, Any] = parts[0].reader.recipe
        self.datasets = tuple(self.parts)
        self.deals_evenly = evenly
        self._own: dict[str, Case] = {}
        offered = [[mode for mode in modes if mode in getattr(part.reader, "modes", modes)] for part in parts]
        self.modes = [mode for mode in modes if all(mode in one for one in offered)]
        if not self.modes:
            told = ", ".join(
                f"{part.name} {' or '.join(one) or 'none'}" for part, one in zip(parts, offered, strict=True)
            )
            raise SegkitError(f"these datasets have no mode in common: {told}", "train on them apart")
        for name in OF_CASES:
            if all(hasattr(part.reader, name) for part in parts):
                setattr(self, name, self._asked_of_part(name))
        if len({getattr(part.reader, "suffixes", None) for part in parts}) == 1:
            for name in OF_FILES:
                if hasattr(parts[0].reader, name):
                    setattr(self, name, getattr(parts[0].reader, name))

    @cached_property
    def reader_version(self) -> int:
        """A number of all that decides what `read` returns."""
        told = [
            [part.name, getattr(part.reader, "reader_version", 0), reader_digest(part.reader), part.reader.task.classes]
            for part in self.parts.values()
        ]
        digest = hashlib.sha256(json.dumps([told, self.task.classes, self.task.overlapping]).encode())
        return int(digest.hexdigest()[:12], 16)

    @property
    def roots(self) -> Mapping[str, Path]:
        """The folder of each dataset."""
        return {name: part.root for name, part in self.parts.items()}

    @property
    def left_out(self) -> dict[Path, str]:
        """Why the parts left files out."""
        return {file: why for part in self.parts.values() for file, why in getattr(part.reader, "left_out", {}).items()}

    @property
    def describing(self) -> list[Path]:
        """Files that say how the others are read."""
        return [file for part in self.parts.values() for file in getattr(part.reader, "describing", ())]

    @cached_property
    def averages_readings(self) -> bool:
        """Whether the mean of an image's drawings is trained on; raises SegkitError where parts differ in it."""
        told = {
            bool(getattr(part.reader, "averages_readings", False)): name
            for name, part in self.parts.items()
            if any(case.reading_of is not None for case in part.reader.cases("train"))
        }
        if len(told) > 1:
            raise SegkitError(
                f"of {told[True]} the mean of its readers would be trained on, of {told[False]} one drawn at random",
                "say the same of both",
            )
        return True in told

    @property
    def dealt_splits(self) -> list[str]:
        """The splits that any part dealt out itself."""
        return sorted({one for part in self.parts.values() for one in getattr(part.reader, "dealt_splits", ())})

    def cases(self, split: str) -> Sequence[Case]:
        """Return the cases of all datasets in a split, dataset by dataset."""
        return [self._joint(part, case) for part in self.parts.values() for case in part.reader.cases(split)]

    def unscored(self) -> Sequence[Case]:
        """Return the images of all datasets that have no reference."""
        return [
            self._joint(part, case) for part in self.parts.values() for case in getattr(part.reader, "unscored", list)()
        ]

    def _joint(self, part: JointPart, case: Case) -> Case:
        known = part.reader.task.classes
        annotated = case.annotated if case.annotated is not None or len(known) == len(self.task.classes) else known
        group = None if case.group is None else f"{part.name}_{case.group}"
        image = None if case.reading_of is None else f"{part.name}_{case.reading_of}"
        joint = replace(case, id=f"{part.name}_{case.id}", group=group, annotated=annotated, reading_of=image)
        self._own[joint.id] = case
        return joint

    def dataset_of(self, case_id: str) -> str:
        """Return the name of the dataset that a case is of."""
        return case_id.partition("_")[0]

    def _part_of(self, case_id: str) -> JointPart:
        return self.parts[self.dataset_of(case_id)]

    def _case_of(self, case: Case) -> Case:
        if case.id not in self._own:
            for split in SPLITS:
                self.cases(split)
        return self._own[case.id]

    def read(self, case: Case) -> Sample:
        """Read one case by its own dataset; its mask in the classes of all."""
        return self._in_all_classes(self._part_of(case.id).reader.read(self._case_of(case)), case)

    def samples_of_readers(self, case: Case) -> Mapping[str, Sample]:
        """Return a case as each of its readers drew it, in the classes of all; nothing where it has one mask."""
        ask = getattr(self._part_of(case.id).reader, "samples_of_readers", None)
        drawn = {} if ask is None else ask(self._case_of(case))
        return {name: self._in_all_classes(sample, case) for name, sample in drawn.items()}

    def _asked_of_part(self, name: str) -> Callable[..., Any]:
        def ask(case: Case, *rest: Any) -> Any:
            told = getattr(self._part_of(case.id).reader, name)(self._case_of(case), *rest)
            return self._in_all_classes(told, case) if isinstance(told, Sample) else told

        return ask

    def _in_all_classes(self, sample: Sample, case: Case) -> Sample:
        part = self._part_of(case.id)
        check_sample(sample, self._case_of(case), part.reader.task, part.name)
        own = part.reader.task
        if sample.mask is None or (own.classes, own.overlapping) == (self.task.classes, self.task.overlapping):
            return sample
        mask: Any = sample.mask
        if isinstance(mask, LargeArray):
            raise SegkitError(
                f"dataset {part.name} has other classes than those it is trained with, which mode tiles cannot join",
                "leave data.mode out",
            )
        return replace(sample, mask=in_classes(mask, own, self.task))

    def describe(self) -> Iterator[tuple[str, str]]:
        """Say what each dataset gives, and how it understood its files."""
        for name, part in self.parts.items():
            counts = ", ".join(f"{split} {counted(part.reader.cases(split))}" for split in SPLITS)
            yield name, f"{counts}; classes {', '.join(part.reader.task.classes)}"
            for label, text in getattr(part.reader, "describe", tuple)():
                yield f"{name}, {label}", text

    def remarks(self) -> list[str]:
        """Say what people must know of each dataset, and of what only some of them have."""
        told = [f"{name}: {remark}" for name, part in self.parts.items() for remark in remarks_of(part.reader)]
        for split in SPLITS:
            without = [name for name, part in self.parts.items() if not part.reader.cases(split)]
            if without and len(without) < len(self.parts):
                told.append(f"no case of {' and '.join(without)} is in the {split} split")
        differing = sorted(
            name
            for name, value in self.recipe.items()
            if any(part.reader.recipe.get(name) != value for part in self.parts.values())
        )
        if differing:
            first = next(iter(self.parts))
            told.append(f"the recipes differ in {', '.join(differing)}: that of {first} holds, which was named first")
        return told

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read everything; what is wrong is told with the dataset's name."""
        found: list[Problem] = []
        for name, part in self.parts.items():
            found += [replace(one, file=f"{name}: {one.file}") for one in part.reader.verify(progress)]
        return found


def joint_task(parts: Sequence[JointPart]) -> Task:
    """Return the task of all datasets; raises SegkitError where one network cannot have them."""
    first, rest = parts[0], parts[1:]
    for other in rest:
        one, two = first.reader.task, other.reader.task
        if one.spatial_dims != two.spatial_dims:
            told = f"{first.name} has {KINDS[one.spatial_dims]}, {other.name} {KINDS[two.spatial_dims]}"
            raise SegkitError(f"{told}: one network cannot be trained on both", "train on them apart")
        if one.in_channels != two.in_channels:
            told = f"{first.name} has images of {one.in_channels} channels, {other.name} of {two.in_channels}"
            raise SegkitError(f"{told}: one network cannot be trained on both", "train on them apart")
    classes: dict[str, str] = {}
    for part in parts:
        for name in part.reader.task.classes:
            if any(name != known and name.casefold() == known.casefold() for known in classes):
                known = next(known for known in classes if name.casefold() == known.casefold())
                raise SegkitError(
                    f"class {known} of {classes[known]} and class {name} of {part.name} differ in letters' case only",
                    "classes are matched by name: give both one name where they are one class, else two",
                )
            classes.setdefault(name, part.name)
    overlapping = any(part.reader.task.overlapping for part in parts)
    return replace(first.reader.task, classes=tuple(classes), overlapping=overlapping)


def in_classes(mask: np.ndarray, own: Task, joint: Task) -> np.ndarray:
    """Return a mask of some classes as one of all: its labels are theirs, or each class has its plane."""
    places = [joint.classes.index(name) for name in own.classes]
    if not joint.overlapping:
        table = np.zeros(256, np.uint8)
        table[1 : len(places) + 1] = [place + 1 for place in places]
        table[IGNORE] = IGNORE
        labels: np.ndarray = table[mask]
        return labels
    shape = mask.shape[1:] if own.overlapping else mask.shape
    planes = np.zeros((len(joint.classes), *shape), np.uint8)
    for label, place in enumerate(places, start=1):
        planes[place] = mask[label - 1] if own.overlapping else np.where(mask == IGNORE, IGNORE, mask == label)
    return planes
