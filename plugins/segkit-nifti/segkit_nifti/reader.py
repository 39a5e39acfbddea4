"""What the readers of datasets of NIfTI volumes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from segkit import IGNORE, Case, Problem, Sample, SegkitError, Task, UnusableFileError
from segkit.data.at_once import check_each
from segkit.data.remarks import Remark, sentences
from segkit_nifti.channels import check_files, gather
from segkit_nifti.files import SUFFIXES, read_header, stem_of
from segkit_nifti.grid import check_same_grid, grid_of
from segkit_nifti.problems import Faults, problems_of, raise_faults
from segkit_nifti.volumes import check_labels, labels_in, read_image, read_label, write_label, write_map

NOT_TRAINED = "train on a case that has it, or leave the class out"
THREADS = 4
"""Volumes that are checked at a time: each is in memory whole."""


class VolumeReader:
    """A dataset of NIfTI volumes; a subclass lists its cases in `__init__`.

    A case's `files` are its image, one file per channel, and then its label where there is one; its `meta` has the
    number of image files under "images".

    Attributes:
        listed: the cases by split.
        faults: what the listing shows to be wrong.
        notes: what people should know about how the files were understood, as label and text.
        present: by case id the labels that its mask holds, of those that `verify` has read.
        label_hint: the way out of a label outside the classes.
    """

    task: Task
    recipe: Mapping[str, Any] = {}
    reader_version = 1
    suffixes = SUFFIXES
    label_hint = "name every label, from 1 without gaps"

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.listed: dict[str, list[Case]] = {}
        self.faults: Faults = {}
        self.notes: list[tuple[str, str]] = []
        self.present: dict[str, tuple[int, ...]] = {}

    def cases(self, split: str) -> Sequence[Case]:
        """Return the cases of "train", "val" or "test", sorted by id; empty where there is no such split.

        Raises:
            SegkitError: the listing shows files that cannot be used: each kind of fault and the first file with it.
        """
        raise_faults(self.faults)
        return tuple(self.listed.get(split, ()))

    def describe(self) -> Sequence[tuple[str, str]]:
        """Return how the files were understood, as label and text."""
        return tuple(self.notes)

    def remarks(self) -> Sequence[str]:
        """Read every header and return what people must know of how it is understood, a sentence for each kind."""
        files = [path for split in self.listed.values() for case in split for path in case.files]
        with ThreadPoolExecutor(THREADS) as pool:
            found = list(pool.map(self._header_remarks, files))
        return sentences((self._name(path), remark) for path, told in zip(files, found, strict=True) for remark in told)

    def _header_remarks(self, path: Path) -> tuple[Remark, ...]:
        if stem_of(path.name) is None:
            return ()
        try:
            return grid_of(read_header(path), path.name).remarks
        except UnusableFileError:
            return ()  # refused where the case is read, and told by verify

    def read(self, case: Case) -> Sample:
        """Read one case, turned to RAS.

        Returns:
            image (C, D, H, W) int16 or float32 and mask (D, H, W), D from inferior to superior, H from posterior to
            anterior, W from left to right; spacing in mm in that order, affine of that index order to RAS mm.

        Raises:
            UnusableFileError: names the file and what is wrong with it.
        """
        count = int(case.meta["images"])
        names = [self._name(path) for path in case.files]
        image, grid = read_image(case.files[:count], names[:count], self.task.in_channels)
        mask = None
        if len(case.files) > count:
            labels, label_grid = read_label(case.files[count], names[count])
            check_same_grid(grid, names[0], label_grid, names[count])
            mask = self.to_classes(labels, names[count])
        return Sample(image=image, mask=mask, spacing=grid.spacing, affine=grid.affine)

    def read_geometry(self, case: Case) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Return shape (D, H, W) and spacing in mm of a case, from the header of its first file alone."""
        name = self._name(case.files[0])
        grid = grid_of(read_header(case.files[0], name), name)
        return grid.shape, grid.spacing

    def to_classes(self, labels: np.ndarray, name: str) -> np.ndarray:
        """Turn a file's labels into those of the task; raises UnusableFileError where one is of no class."""
        check_labels(labels, len(self.task.classes), name, self.label_hint)
        return labels

    @classmethod
    def open_file(cls, path: Path) -> Sample:
        """Read an image that is in no dataset, turned to RAS; raises UnusableFileError."""
        image, grid = read_image([path], [path.name], None)
        return Sample(image=image, spacing=grid.spacing, affine=grid.affine, remarks=grid.told)

    @classmethod
    def gather(cls, paths: Sequence[Path], channels: int) -> Sequence[tuple[str | None, tuple[Path, ...]]]:
        """Tell which files are one image: those of one channel each that are named ID_0000, ID_0001 and so on."""
        return gather(paths, channels)

    @classmethod
    def open_files(cls, paths: Sequence[Path], channels: int) -> Sample:
        """Read an image of `channels` channels, from one file or one per channel; raises UnusableFileError."""
        check_files(paths, channels)
        image, grid = read_image(paths, [path.name for path in paths], channels, whose="the model takes")
        return Sample(image=image, spacing=grid.spacing, affine=grid.affine, remarks=grid.told)

    @classmethod
    def write_labels(cls, stem: Path, labels: np.ndarray, like: Path) -> Path:
        """Write a label map on the RAS grid as `stem`.nii.gz, on the grid and with the header codes of `like`."""
        return write_label(stem, labels, like)

    @classmethod
    def write_map(cls, stem: Path, values: np.ndarray, like: Path) -> Path:
        """Write numbers (D, H, W) on the RAS grid as `stem`.nii.gz in float32, on the grid of `like`."""
        return write_map(stem, values, like)

    @classmethod
    def read_labels(cls, path: Path) -> np.ndarray:
        """Read a label map (D, H, W), turned to RAS; raises UnusableFileError."""
        return read_label(path)[0]

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read every case and return what is wrong, labels of nothing and classes that training lacks included."""
        self.present = {}
        every = [case for split in self.listed.values() for case in split]
        problems = [*problems_of(self.faults), *check_each(self._check, every, progress)]
        return problems if self.faults else [*problems, *self._not_trained()]

    def _not_trained(self) -> Iterator[Problem]:
        """Yield the classes that no training case holds, with the first mask of another split that does."""
        trained = {label for case in self.listed.get("train", ()) for label in self.present.get(case.id, ())}
        others = [case for split, listed in self.listed.items() if split != "train" for case in listed]
        for label, name in enumerate(self.task.classes, start=1):
            holders = [case for case in others if label in self.present.get(case.id, ())]
            if holders and trained and label not in trained:
                told = f"has class {name}, which no training case has: it cannot be learnt"
                yield Problem(self._name(holders[0].files[-1]), told, NOT_TRAINED)

    def _check(self, case: Case) -> Problem | None:
        try:
            sample = self.read(case)
        except UnusableFileError as problem:
            return Problem(problem.file, problem.reason, problem.hint)
        except SegkitError as problem:
            return Problem(self._name(case.files[0]), problem.message)
        if sample.mask is None:
            return None
        self.present[case.id] = self._labels_of(sample.mask)
        if self.present[case.id]:
            return None
        return Problem(self._name(case.files[-1]), "marks no voxel")

    def _labels_of(self, mask: np.ndarray) -> tuple[int, ...]:
        """Return which of the task's labels a mask holds."""
        if self.task.overlapping:
            return tuple(label for label, plane in enumerate(mask, start=1) if (plane == 1).any())
        return tuple(label for label in labels_in(mask) if label != IGNORE)

    def _name(self, path: Path) -> str:
        return (path.relative_to(self.root) if path.is_relative_to(self.root) else path).as_posix()
