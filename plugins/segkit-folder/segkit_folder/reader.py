"""Read people's own folders of images and masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segkit import Case, Sample, SegkitError, Task, UsageError
from segkit.data import photographs
from segkit.data.photographs import BROKEN_FILE, channels_first, decode, resized, upright
from segkit.engine.predictions import read_labels, write_labels
from segkit_folder import FolderParams, classes, masks, splits
from segkit_folder.classes import Classes
from segkit_folder.layout import find_sources
from segkit_folder.pairing import Found, Pair, kind, pair_up, shown
from segkit_folder.recipe import RECIPE, recipe_of
from segkit_nifti.files import open_nifti
from segkit_nifti.grid import check_same_grid
from segkit_nifti.patients import with_patients
from segkit_nifti.problems import UnusableFileError
from segkit_nifti.reader import VolumeReader
from segkit_nifti.volumes import read_image, read_label

LOOKED_AT = 64
"""Masks, evenly spread, that the classes are found in, and images whose channels are counted."""


class FolderReader(VolumeReader):
    """A folder with images and masks, flat or by split; photographs or NIfTI volumes.

    Attributes:
        volumes: whether they are NIfTI volumes.
        modes: how they can be trained on, of those that the component declares.

    Raises:
        SegkitError: the root is not such a folder, or its classes or splits cannot be told.
    """

    recipe: Mapping[str, Any] = RECIPE
    reader_version = 1

    def __init__(self, root: Path, params: FolderParams) -> None:
        super().__init__(Path(root))
        if not self.root.is_dir():
            raise SegkitError(f"data root {root} is not a folder", "check the path given to --data-root")
        sources = find_sources(self.root)
        found = pair_up(self.root, sources)
        self.faults = found.faults
        self.volumes = found.volumes
        self.modes = ("slices", "slab", "patches") if found.volumes else ("images",)
        self.pairs = {pair.id: pair for pair in found.pairs}
        self.classes = self._find_classes(found, params)
        channels = volume_channels(found.pairs) if found.volumes else photograph_channels(found.pairs)
        self.task = Task(channels, self.classes.names, spatial_dims=3 if found.volumes else 2)
        self.recipe = recipe_of(volumes=found.volumes)
        self._note_files(found, [source.images for source in sources])
        self.listed = self._split(found, params)

    def read(self, case: Case) -> Sample:
        """Read one case, a photograph upright or a volume turned to RAS.

        Returns:
            uint8 image (C, H, W) or int16 or float32 image (C, D, H, W), and the mask on its grid.

        Raises:
            SegkitError: names the file that cannot be used, and why.
        """
        pair = self.pairs[case.id]
        return self._read_volume(pair) if self.volumes else self._read_photograph(pair)

    def _read_volume(self, pair: Pair) -> Sample:
        image, grid = read_image([pair.image], [self._name(pair.image)], self.task.in_channels)
        values = {}
        for name, path in pair.masks.items():
            values[name], label_grid = read_label(path, self._name(path))
            check_same_grid(grid, self._name(pair.image), label_grid, self._name(path))
        mask = self._labels(pair, values, grid.shape)
        return Sample(image=image, mask=mask, spacing=grid.spacing, affine=grid.affine)

    def _read_photograph(self, pair: Pair) -> Sample:
        values = {name: masks.read_values(path, self._name(path)) for name, path in pair.masks.items()}
        image_name = self._name(pair.image)
        decoded = decode(self.root, image_name)
        method = upright(decoded.picture)
        width, height = decoded.size
        turned = (width, height) if method in photographs.SWAPPING else (height, width)
        shape = next(iter(values.values())).shape
        if shape != turned and shape == (height, width):
            method = None  # the mask was drawn on the photograph as it is stored
        pixels = channels_first(resized(decoded, method, None), self.task.in_channels)
        grid = (pixels.shape[1], pixels.shape[2])
        for name, path in pair.masks.items():
            if values[name].shape != grid:
                raise UnusableFileError(
                    self._name(path),
                    f"has {_times(values[name].shape)} pixels, its image {image_name} {_times(grid)} (height first)",
                    "masks have the size of their images",
                )
        return Sample(image=pixels, mask=self._labels(pair, values, grid))

    def _labels(self, pair: Pair, values: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """Make one label map of a label image, or of a mask per class."""
        if "" in values:
            return self.classes.to_labels(values[""], self._name(pair.masks[""]))
        labels = np.zeros(shape, np.uint8)
        for name, label in self.classes.values.items():
            marked = masks.is_foreground(values[name]) if name in values else np.zeros(shape, bool)
            twice = int(np.count_nonzero(marked & (labels > 0)))
            if twice:
                other = self.classes.names[int(labels[marked & (labels > 0)][0]) - 1]
                raise UnusableFileError(
                    self._name(pair.masks[name]),
                    f"overlaps with class {other} in {twice:,} places: classes that overlap cannot be learnt",
                    "give every pixel to one class",
                )
            labels[marked] = label
        return labels

    @classmethod
    def write_labels(cls, stem: Path, labels: np.ndarray, like: Path) -> Path:
        """Write a label map: of a photograph as palette PNG, of a volume as NIfTI on the grid of `like`."""
        if labels.ndim == 3:
            return super().write_labels(stem, labels, like)
        path = stem.with_name(f"{stem.name}.png")
        write_labels(path, labels)
        return path

    @classmethod
    def read_labels(cls, path: Path) -> np.ndarray:
        """Read a label map that `write_labels` wrote."""
        return read_labels(path) if path.suffix == ".png" else super().read_labels(path)

    def _find_classes(self, found: Found, params: FolderParams) -> Classes:
        path = Path(params.classes).expanduser() if params.classes else self.root / classes.FILE
        named = classes.read_classes(path) if params.classes or path.is_file() else None
        if any(found.class_folders):
            return classes.folder_classes(found.class_folders, named)
        return named or classes.found_classes(self._some_masks(found.pairs))

    def _some_masks(self, pairs: list[Pair]) -> Iterator[tuple[str, np.ndarray]]:
        for pair in islice(pairs, 0, None, -(-len(pairs) // LOOKED_AT) or 1):
            path = pair.masks[""]
            name = self._name(path)
            try:
                yield name, read_label(path, name)[0] if self.volumes else masks.read_values(path, name)
            except UnusableFileError:
                continue  # told where the case is read, and by verify

    def _note_files(self, found: Found, images: list[Path]) -> None:
        folders = ", ".join(shown(path, self.root) for path in images)
        self.notes.append(("images", f"{len(found.pairs)} {kind(found.volumes)} in {folders}"))
        self.notes.append(("channels", str(self.task.in_channels)))
        self.notes.append(("classes", self.classes.describe()))
        if found.endings:
            self.notes.append(("names", f"matched without {', '.join(sorted(found.endings))}"))

    def _split(self, found: Found, params: FolderParams) -> dict[str, list[Case]]:
        cases = [Case(pair.id, files=(pair.image, *pair.masks.values())) for pair in found.pairs]
        path = Path(params.splits).expanduser() if params.splits else self.root / splits.FILE
        table = splits.Table({}, {})
        if (params.splits or path.is_file()) and not self.faults:
            table = splits.read_table(path, [case.id for case in cases])
        cases = with_patients(cases, params.patient, table.patients)
        by_folder = {pair.id: pair.split for pair in found.pairs if pair.split is not None}
        told = table.splits or by_folder
        if told:
            where = path.name if table.splits else "the folders' names"
            if params.fold is not None:
                raise UsageError(
                    f"data.fold={params.fold}, but {where} already say the splits",
                    "leave out data.fold",
                )
            self.notes.append(("splits", f"from {where}"))
            listed = {split: [case for case in cases if told[case.id] == split] for split in ("train", "val", "test")}
        elif self.faults:
            return {"train": cases}
        else:
            listed, text = splits.deal_out(cases, params)
            self.notes.append(("splits", text))
        patients = Counter(case.group for case in cases if case.group)
        if patients:
            self.notes.append(("patients", f"{len(patients)}, with up to {max(patients.values())} images"))
        return listed


def photograph_channels(pairs: list[Pair]) -> int:
    """Return 1 where all photographs that are looked at are grey, else 3; no pixels are read."""
    for pair in islice(pairs, 0, None, -(-len(pairs) // LOOKED_AT) or 1):
        try:
            with Image.open(pair.image, formats=photographs.FORMATS) as opened:
                if opened.mode not in ("1", "L", "LA"):
                    return 3
        except BROKEN_FILE:
            continue  # told where the case is read, and by verify
    return 1


def volume_channels(pairs: list[Pair]) -> int:
    """Return how many volumes the first file that can be read holds."""
    for pair in pairs:
        try:
            return int(open_nifti(pair.image).voxels.shape[3])
        except UnusableFileError:
            continue
    return 1


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
