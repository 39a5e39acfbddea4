"""Read a dataset in the layout of the Medical Segmentation Decathlon or of nnU-Net's raw data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segkit import IGNORE, Case, Problem, SegkitError, Task, UsageError
from segkit.data.archives import unfinished
from segkit.data.folds import deal
from segkit.data.unions import Unions, never_seen
from segkit_msd.description import FILE, Description, read_description
from segkit_msd.listing import FOLDERS, list_cases
from segkit_msd.params import MsdParams
from segkit_msd.recipe import RECIPE, recipe_of
from segkit_nifti.patients import with_patients
from segkit_nifti.reader import VolumeReader
from segkit_nifti.volumes import check_labels


class MsdReader(VolumeReader):
    """A folder with dataset.json, imagesTr and labelsTr; imagesVa and labelsVa, imagesTs and labelsTs where present.

    Without a validation split one fold of the training cases is it.

    Raises:
        SegkitError: the root is not in this layout.
    """

    recipe: Mapping[str, Any] = RECIPE
    reader_version = 1
    label_hint = f'name every label in "labels" of {FILE}, or mend the file'

    def __init__(self, root: Path, params: MsdParams) -> None:
        super().__init__(Path(root))
        check_root(self.root)
        self.description = self.describe_data()
        self.describing = [self.root / FILE]
        unions = self.description.unions
        overlapping = unions is not None and unions.overlapping
        self.task = Task(len(self.description.channels), self.description.classes, 3, overlapping)
        self.listed, self.faults = list_cases(self.root, self.description, self.leave_out())
        self.listed = {split: self.annotate(listed) for split, listed in self.listed.items()}
        self._note_listing()
        if not self.faults:  # `cases` tells them, `verify` reads every case that could be paired
            self.listed = self.split(self.listed, params)
        self.recipe = recipe_of(self.description.channels)

    def describe_data(self) -> Description:
        """Return what dataset.json says."""
        return read_description(self.root)

    def leave_out(self) -> set[str]:
        """Return the ids of cases that are not to be listed."""
        return set()

    def annotate(self, listed: Sequence[Case]) -> list[Case]:
        """Return cases with the classes that they were annotated for, as dataset.json says."""
        said = self.description.annotated
        return [replace(case, annotated=said.get(case.id)) for case in listed]

    def split(self, listed: Mapping[str, list[Case]], params: MsdParams) -> dict[str, list[Case]]:
        """Return the cases by split: a fold of the training cases where there is no validation split."""
        cases = {split: with_patients(members, params.patient) for split, members in listed.items()}
        if cases.get("val"):
            if params.fold is not None:
                raise UsageError(
                    f"data.fold={params.fold}, but the data have a validation split of their own",
                    "leave out data.fold, or move imagesVa and labelsVa away",
                )
            return cases
        fold = params.fold or 0
        train, validation = deal(cases["train"], fold, params.folds, params.fold_seed)
        self.notes.append(("validation", f"fold {fold} of {params.folds} (seed {params.fold_seed})"))
        return {**cases, "train": train, "val": validation}

    def to_classes(self, labels: np.ndarray, name: str) -> np.ndarray:
        """Turn a file's labels into those of the task; raises UnusableFileError where one is of no class."""
        described = self.description
        ignored = None if described.ignore is None else labels == described.ignore
        if ignored is not None:
            labels = np.where(ignored, 0, labels).astype(labels.dtype)
        count = len(described.classes) if described.unions is None else most_of(described.unions)
        check_labels(labels, count, name, self.label_hint)
        classes = labels if described.unions is None else described.unions.masks(labels.astype(np.uint8))
        if ignored is not None:
            classes[..., ignored] = IGNORE
        return classes

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read every case and return what is wrong; also labels that a region names and no file holds."""
        problems, unions = list(super().verify(progress)), self.description.unions
        for name, label in never_seen(unions) if unions is not None and self.present else ():
            told = f"makes {name!r} of the label {label}, which no file holds"
            problems.append(Problem(FILE, told, "name the labels that the files hold"))
        return problems

    def _note_listing(self) -> None:
        described = self.description
        self.notes.append(("channels", ", ".join(described.channels)))
        self.notes.append(("classes", classes_in_words(described)))
        if described.ignore is not None:
            self.notes.append(("ignored", f"label {described.ignore}"))
        if described.given:
            self.notes.append(("training", f'{len(described.given)} cases that "dataset" in {FILE} names'))
        if described.annotated:
            self.notes.append(("annotated", f"{len(described.annotated)} cases for some of the classes only"))
        unlabelled = [images for images, labels in FOLDERS.values() if self._is_there(images) > self._is_there(labels)]
        self.notes += [("left out", f"{folder}: it has no labels") for folder in unlabelled]

    def _is_there(self, folder: str) -> bool:
        return (self.root / folder).is_dir()


def most_of(unions: Unions) -> int:
    """Return the largest label that a class is made of."""
    return max(label for members in unions.members.values() for label in members)


def classes_in_words(described: Description) -> str:
    """Number the classes, and say which labels they are made of."""
    if described.unions is not None:
        return described.unions.describe({label: str(label) for label in range(1, most_of(described.unions) + 1)})
    return ", ".join(f"{number} {name}" for number, name in enumerate(described.classes, 1))


def check_root(root: Path) -> None:
    """Raise SegkitError unless the root is a folder, whole."""
    if not root.is_dir():
        wrong = "is not a folder" if root.exists() else "does not exist"
        raise SegkitError(f"data root {root} {wrong}", "check the path given to --data-root")
    if unfinished(root):
        raise SegkitError(f"the download into {root} is not finished", "go on with it: segkit data download")
