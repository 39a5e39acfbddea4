"""Read folders of DICOM as a dataset: series with SEG, RTSTRUCT or NIfTI masks, or photographs with SEG or PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segkit import Case, Problem, Sample, SegkitError, Task, UnusableFileError
from segkit_dicom.cases import Found, Refused, class_file_of, find_cases
from segkit_dicom.contours import read_contours
from segkit_dicom.formats import DicomFiles
from segkit_dicom.headers import RTSTRUCT, read_file, text
from segkit_dicom.identity import digest, salt
from segkit_dicom.listing import look_through
from segkit_dicom.params import DicomParams
from segkit_dicom.photographs import Photograph, find_photographs
from segkit_dicom.plane_masks import read_image, read_plane_mask
from segkit_dicom.segments import read_segments
from segkit_dicom.series import in_words, read_volume
from segkit_dicom.stacks import Stack
from segkit_folder.recipe import recipe_of
from segkit_folder.splits import deal_out
from segkit_nifti.grid import check_same_grid
from segkit_nifti.reader import VolumeReader
from segkit_nifti.volumes import check_labels, read_label

SPLIT_FOLDERS = ("train", "val", "test")


class DicomReader(DicomFiles, VolumeReader):
    """A tree of DICOM files: each series or photograph that a mask refers to, or lies beside, is a case.

    Attributes:
        found, photographs: by case id what a case is read from, of volumes or of photographs.
        modes: how they can be trained on, of those that the component declares.
        left_out: files that are no case's, with the reason.
        describing: files that say how the others are to be read.
        refused: series that cannot be used, each with what is wrong.

    Raises:
        SegkitError: the root is no folder, holds no series with a mask, or both volumes and photographs with masks.
    """

    recipe: Mapping[str, Any] = recipe_of(volumes=True)
    reader_version = 1

    def __init__(self, root: Path, params: DicomParams) -> None:
        super().__init__(Path(root))
        if not self.root.is_dir():
            raise SegkitError(f"data root {root} is not a folder", "check the path given to --data-root")
        tree = look_through(self.root)
        cases = find_cases(tree, self.root, params.classes)
        photographs = find_photographs(tree, params.classes, class_file_of(self.root))
        self.left_out: dict[Path, str] = {**cases.left_out, **photographs.left_out}
        for one in photographs.found:
            for path in one.files:
                self.left_out.pop(path, None)
        self.refused: list[Refused] = [*cases.refused, *photographs.refused]
        self.without_mask = [*cases.without_mask, *(photographs.without_mask if photographs.found else [])]
        self.describing: list[Path] = cases.describing
        if cases.found and photographs.found:
            raise SegkitError(
                f"data root {root} holds {len(cases.found)} series and {len(photographs.found)} photographs with "
                "masks: a network takes one kind",
                "lay them in two roots",
            )
        if not cases.found and not photographs.found:
            first = f", first: {self.refused[0].error}" if self.refused else ""
            raise SegkitError(
                f"data root {root} holds no series with a mask ({len(tree.series)} series, {len(tree.masks)} SEG or "
                f"RTSTRUCT, {len(tree.nifti)} NIfTI files{first})",
                "lay SEG or RTSTRUCT objects that refer to a series, or a NIfTI mask called like its folder, beside it",
            )
        self.codes = cases.codes
        self.dealt_splits: tuple[str, ...] = ()
        self.secret = salt()
        self.found = {digest(found.key, self.secret): found for found in cases.found}
        self.photographs = {digest(one.key, self.secret): one for one in photographs.found}
        self.pictures = photographs.pictures
        self.modes = ("images",) if photographs.found else ("slices", "slab", "patches")
        self.recipe = recipe_of(volumes=not photographs.found)
        if photographs.found:
            self.task = Task(3 if any(one.coloured for one in photographs.found) else 1, photographs.classes, 2)
            self.listed = self._split(photographs.found, params, self.secret)
        else:
            self.task = Task(1, cases.classes, 3)
            self.listed = self._split(cases.found, params, self.secret)
        self._note(cases.found, photographs.found)

    def read(self, case: Case) -> Sample:
        """Read one series as a volume in RAS with its mask, or a photograph with its own.

        Returns:
            image (1, D, H, W) int16 or float32 and mask (D, H, W); spacing in mm and affine in that order. Of a
            photograph image (C, H, W), uint8 in colours, and mask (H, W).

        Raises:
            UnusableFileError: names the file, the series, and what is wrong.
        """
        if case.id in self.photographs:
            return self._read_photograph(self.photographs[case.id])
        found = self.found[case.id]
        with in_words(found.images[0]):
            image, stack, _ = read_volume(found.images)
        with in_words(found.files[-1]):
            mask = self._mask(found, stack)
        return Sample(image=image, mask=mask, spacing=stack.grid.spacing, affine=stack.grid.affine)

    def _read_photograph(self, one: Photograph) -> Sample:
        with in_words(one.images[0]):
            image = read_image(one.images[0], self.task.in_channels)
        with in_words(one.files[-1]):
            mask = read_plane_mask(one, (image.shape[1], image.shape[2]), self.pictures)
        return Sample(image=image, mask=mask)

    def read_geometry(self, case: Case) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Return shape (D, H, W) and spacing in mm of a case, as its headers say."""
        grid = self.found[case.id].stack.grid
        return grid.shape, grid.spacing

    def remarks(self) -> Sequence[str]:
        """Return what is wrong with each series that is not used, and how many there are."""
        shown = [f"not used: {self._sentence(refused)}" for refused in self.refused[:10]]
        if self.without_mask:
            ids = ", ".join(digest(key, self.secret) for key in self.without_mask[:10])
            more = ", ..." if len(self.without_mask) > 10 else ""
            shown.append(f"not used: {len(self.without_mask)} series without a mask (case {ids}{more})")
        return [*shown, *([f"not used: {len(self.refused) - 10} more"] if len(self.refused) > 10 else [])]

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read every case and return what is wrong, series that are not used included."""
        unused = [
            Problem(one.error.file, f"{one.error.reason}{self._case_of(one)}", one.error.hint) for one in self.refused
        ]
        return [*unused, *super().verify(progress)]

    def _sentence(self, refused: Refused) -> str:
        return f"{refused.error.message}{self._case_of(refused)}"

    def _case_of(self, refused: Refused) -> str:
        return f" (case {digest(refused.key, self.secret)})" if refused.key else ""

    @classmethod
    def make_sample(cls, root: Path, params: DicomParams) -> None:
        """Write a small generated dataset: CT of spheres with SEG objects."""
        from segkit_dicom.sample import write_sample

        write_sample(root, params.split_seed)

    def _mask(self, found: Found, stack: Stack) -> np.ndarray:
        if found.beside is not None:
            name = self._name(found.beside)
            values, grid = read_label(found.beside, name)
            check_same_grid(stack.grid, found.images[0].name, grid, name)
            check_labels(values, len(self.task.classes), name, self.label_hint)
            return values
        mask = np.zeros(stack.grid.own, np.uint8)
        for path, labels in found.masks.items():
            dataset = read_file(path)
            read = read_contours if text(dataset, "SOPClassUID") == RTSTRUCT else read_segments
            part = read(dataset, path, stack, labels)
            twice = np.count_nonzero((mask > 0) & (part > 0))
            if twice:
                raise UnusableFileError(path.name, f"overlaps another mask of its series in {twice} voxels", "keep one")
            mask |= part
        return stack.grid.to_volume(mask)

    def _split(
        self, found: Sequence[Found] | Sequence[Photograph], params: DicomParams, secret: bytes
    ) -> dict[str, list[Case]]:
        """Deal the cases out by what their headers say: the salt changes names, never splits or the order."""
        plain = {one.key: one for one in found}
        cases = [Case(one.key, group=one.patient or None, files=one.files) for one in found]
        folders = {one.key: one.split_folder(self.root) for one in found}
        if all(folders.values()):
            listed = {split: [case for case in cases if folders[case.id] == split] for split in SPLIT_FOLDERS}
            self.notes.append(("splits", "from the folders' names"))
        else:
            listed, told = deal_out(cases, params)
            self.dealt_splits = SPLIT_FOLDERS
            self.notes.append(("splits", told))
        groups = {case.id: case.group and digest(f"patient {case.group}", secret) for case in cases}
        return {
            split: [
                replace(
                    case, id=digest(case.id, secret), group=groups[case.id], meta={"images": len(plain[case.id].images)}
                )
                for case in sorted(members, key=lambda case: case.id)
            ]
            for split, members in listed.items()
        }

    def _note(self, found: Sequence[Found], photographs: Sequence[Photograph]) -> None:
        every: Sequence[Found | Photograph] = [*found, *photographs]
        objects, kind = sum(len(one.masks) for one in every), "SEG" if photographs else "SEG or RTSTRUCT"
        beside = sum(one.beside is not None for one in found), sum(one.beside is not None for one in photographs)
        told = [
            *([f"{objects} {kind} objects"] if objects else []),
            *([f"{beside[0]} NIfTI masks"] if beside[0] else []),
            *([f"{beside[1]} image files as masks"] if beside[1] else []),
        ]
        images = f"{len(photographs)} photographs" if photographs else f"{len(found)} series"
        self.notes.insert(0, ("images", f"{images} with {' and '.join(told)}"))
        self.notes.insert(
            1, ("classes", ", ".join(f"{label} {name}" for label, name in enumerate(self.task.classes, 1)))
        )
        patients = len({one.patient for one in every})
        self.notes.append(("patients", f"{patients}; case ids are salted digests (--keep-ids FILE tells whose)"))
        if self.refused:
            self.notes.append(("not used", f"{len(self.refused)} series or files that cannot be: segkit data verify"))
