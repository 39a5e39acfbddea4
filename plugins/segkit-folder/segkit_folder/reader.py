"""Read people's own folders of images and masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segkit import Case, Sample, SegkitError, Task, UsageError
from segkit.data.image_files import BROKEN_FILE, FORMATS, upright
from segkit.data.masks import MaskImage, is_doubtful, laid_alike, read_mask
from segkit.data.photographs import channels_first, decode, resized
from segkit.engine.predictions import read_labels, write_labels
from segkit.errors import UnusableFileError
from segkit_folder import FolderParams, classes, splits
from segkit_folder.classes import Classes
from segkit_folder.classes_file import read_classes
from segkit_folder.found import Look, found_classes, found_values, look
from segkit_folder.layout import find_sources
from segkit_folder.pairing import Found, Pair, kind, pair_up, shown
from segkit_folder.recipe import RECIPE, recipe_of
from segkit_nifti.files import open_nifti
from segkit_nifti.grid import check_same_grid
from segkit_nifti.patients import with_patients
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
        mask = self._volume_labels(pair, values)
        return Sample(image=image, mask=mask, spacing=grid.spacing, affine=grid.affine)

    def _read_photograph(self, pair: Pair) -> Sample:
        image_name = self._name(pair.image)
        found = [read_mask(path, self._name(path)) for path in pair.masks.values()]
        decoded = decode(self.root, image_name)
        method = upright(decoded.picture)
        size = decoded.size[::-1]
        laid = laid_alike(size, method, found)
        if laid is None:
            raise UnusableFileError(
                self._name(next(iter(pair.masks.values()))),
                f"has {_times(found[0].shape)} pixels, its image {image_name} {_times(size)} (height first)",
                "masks have the size of their images",
            )
        pixels = channels_first(resized(decoded, laid[0], None), self.task.in_channels)
        labels = self._photograph_labels(pair, dict(zip(pair.masks, laid[1], strict=True)))
        remarks = turned_remarks(method, laid[0], any(is_doubtful(size, method, mask) for mask in found))
        return Sample(image=pixels, mask=labels, remarks=remarks)

    def _photograph_labels(self, pair: Pair, found: Mapping[str, MaskImage]) -> np.ndarray:
        if "" in found:
            return self.classes.labels_of(found[""], self._name(pair.masks[""]))
        marked = {name: self.classes.marked(mask, self._name(pair.masks[name])) for name, mask in found.items()}
        return self._joined(pair, marked)

    def _volume_labels(self, pair: Pair, values: Mapping[str, np.ndarray]) -> np.ndarray:
        if "" in values:
            return self.classes.to_labels(values[""], self._name(pair.masks[""]))
        return self._joined(pair, {name: marks != 0 for name, marks in values.items()})

    def _joined(self, pair: Pair, marked: Mapping[str, np.ndarray]) -> np.ndarray:
        """Make one label map of what a mask per class marks; raises UnusableFileError where two mark one place."""
        labels = np.zeros(next(iter(marked.values())).shape, np.uint8)
        for label, name in enumerate(self.classes.names, 1):
            if name not in marked:
                continue
            taken = labels[marked[name] & (labels > 0)]
            if taken.size:
                raise UnusableFileError(
                    self._name(pair.masks[name]),
                    f"overlaps with class {self.classes.names[int(taken[0]) - 1]} in {taken.size:,} places: classes "
                    "that overlap cannot be learnt",
                    "give every pixel to one class",
                )
            labels[marked[name]] = label
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
        named = read_classes(path) if params.classes or path.is_file() else None
        if any(found.class_folders):
            return classes.folder_classes(found.class_folders, named, params.threshold)
        if params.threshold is not None:
            return classes.one_class(named, params.threshold)
        if named is not None:
            return named
        problems: list[UnusableFileError] = []
        try:
            if self.volumes:
                return found_values(self._looked_at(found.pairs, volume_values, problems))
            return found_classes([look for _, look in self._looked_at(found.pairs, look_at, problems)])
        except UnusableFileError:
            raise
        except SegkitError as error:
            # What is wrong with a mask is never replaced by what seems to follow for all of them (issue 18).
            raise problems[0] if problems else error from None

    def _looked_at(
        self, pairs: list[Pair], look: Callable[[Path, str], Any], problems: list[UnusableFileError]
    ) -> Iterator[tuple[str, Any]]:
        """Yield some masks' names and what a look at each gives; what cannot be used is added to the problems."""
        for pair in islice(pairs, 0, None, -(-len(pairs) // LOOKED_AT) or 1):
            path = pair.masks[""]
            try:
                yield self._name(path), look(path, self._name(path))
            except UnusableFileError as problem:
                problems.append(problem)  # told where the case is read, and by verify

    def _note_files(self, found: Found, images: list[Path]) -> None:
        folders = ", ".join(shown(path, self.root) for path in images)
        self.notes.append(("images", f"{len(found.pairs)} {kind(found.volumes)} in {folders}"))
        self.notes.append(("channels", str(self.task.in_channels)))
        self.notes.append(("classes", self.classes.describe()))
        if self.classes.remark:
            self.notes.append(("masks", self.classes.remark))
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


def look_at(path: Path, name: str) -> Look:
    """Look at a photograph's mask."""
    return look(name, read_mask(path, name))


def volume_values(path: Path, name: str) -> np.ndarray:
    """Read a volume's label map."""
    return read_label(path, name)[0]


def turned_remarks(wanted: object, done: object, doubtful: bool) -> tuple[str, ...]:
    """Say how a photograph with an EXIF orientation, or its mask with one, was read."""
    if doubtful:
        return ("has an EXIF orientation that its mask lacks, or the other way, and nothing says how the mask lies",)
    if wanted is None:
        return ()
    said = "is turned as its EXIF orientation says"
    return (said if done else "is not turned as its EXIF orientation says: its mask fits it as it is stored",)


def photograph_channels(pairs: list[Pair]) -> int:
    """Return 1 where all photographs that are looked at are grey, else 3; no pixels are read."""
    for pair in islice(pairs, 0, None, -(-len(pairs) // LOOKED_AT) or 1):
        try:
            with Image.open(pair.image, formats=FORMATS) as opened:
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
