"""Read people's own folders of images and masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segkit import IGNORE, Case, Problem, Sample, SegkitError, Task, UnusableFileError, UsageError
from segkit.data.label_png import read_labels, write_labels
from segkit.data.orientation import doubtful
from segkit.data.remarks import Remark, sentences
from segkit.data.unions import never_seen
from segkit.errors import did_you_mean
from segkit.files import expanded
from segkit_folder import classes, photographs, splits
from segkit_folder.classes import Classes
from segkit_folder.classes_file import describes_classes, read_classes
from segkit_folder.found import found_classes, found_values
from segkit_folder.hands import as_readers, by_reader, majority, readings
from segkit_folder.layout import JOINED, Names, Source, find_sources
from segkit_folder.pairing import NO_FIELD, Found, Pair, kind, pair_up, shown
from segkit_folder.params import FolderParams
from segkit_folder.patterns import is_pattern, pattern_sources
from segkit_folder.recipe import RECIPE, recipe_of
from segkit_nifti.channels import volumes_in
from segkit_nifti.grid import check_same_grid
from segkit_nifti.patients import with_patients
from segkit_nifti.reader import VolumeReader
from segkit_nifti.volumes import read_image, read_label

DESCRIPTIONS = ("dataset.json", "labelmap.txt", "label_colors.txt")
"""What names the classes where there is no classes.toml, as nnU-Net, CVAT and CamVid write it."""
RARE = 20
"""From so many masks on a class that one of them alone has is told."""

USUAL_IGNORE = "ignore"
"""The folder whose masks mark what counts for nothing where nobody names one; a note says that it was found."""


class FolderReader(VolumeReader):
    """A folder with images and masks, flat or by split; photographs or NIfTI volumes.

    Attributes:
        volumes: whether they are NIfTI volumes.
        modes: how they can be trained on, of those that the component declares.
        left_out: files that are no case's, with the reason.
        describing: files that say how the others are to be read.
        dealt_splits: those that were dealt out by seed, for nothing says them.

    Raises:
        SegkitError: the root is not such a folder, or its classes or splits cannot be told.
    """

    recipe: Mapping[str, Any] = RECIPE
    reader_version = 2

    def __init__(self, root: Path, params: FolderParams) -> None:
        super().__init__(Path(root))
        if not self.root.is_dir():
            raise SegkitError(f"data root {root} is not a folder", "check the path given to --data-root")
        if params.ignore is not None and params.field_of_view is not None:
            raise UsageError(
                "data.ignore and data.field_of_view both say which pixels count", "give one of them: join the masks"
            )
        self.ignoring = params.field_of_view is None
        patterned = is_pattern(params.images) or is_pattern(params.masks)
        usual = None if patterned else USUAL_IGNORE
        names = Names(params.images, params.masks, params.field_of_view or params.ignore or usual)
        sources = pattern_sources(self.root, names) if patterned else find_sources(self.root, names)
        found = pair_up(self.root, sources)
        if params.readers != "none":
            found = as_readers(found)
        if self.ignoring:  # an image without such a mask has nothing to be ignored
            found.faults.pop(NO_FIELD, None)
        self.faults = found.faults
        self.volumes = found.volumes
        self.left_out = found.others
        self.describing: list[Path] = []
        self.dealt_splits: tuple[str, ...] = ()
        self.modes = ("slices", "slab", "patches") if found.volumes else ("images",)
        self.orientation = params.orientation
        self.readers = params.readers
        self.averages_readings = params.readers == "mean"
        self.pairs = {pair.id: pair for pair in found.pairs}
        self._note_ignored(params)
        alone = {} if found.volumes else found.unlabelled
        self.unlabelled = {id: Pair(id, None, path, {}) for id, path in alone.items() if id not in self.pairs}
        if not found.pairs:
            self.cases("train")  # raises what is wrong with the listing: nothing that follows from it
        self.classes = self._find_classes(found, params)
        channels = volume_channels(found.pairs) if found.volumes else photographs.channels_of(found.pairs)
        dims = 3 if found.volumes else 2
        self.task = Task(channels, self.classes.names, dims, overlapping=self.classes.overlap)
        self.recipe = recipe_of(volumes=found.volumes)
        self._note_files(found, sources)
        self.listed = self._split(found, params)

    def read(self, case: Case) -> Sample:
        """Read one case, a photograph upright or a volume turned to RAS.

        Returns:
            uint8 image (C, H, W) or int16 or float32 image (C, D, H, W), and the mask on its grid.

        Raises:
            SegkitError: names the file that cannot be used, and why.
        """
        pair = self._pair_of(case)
        return self._read_volume(pair) if self.volumes else self._read_photograph(pair)[0]

    def _pair_of(self, case: Case) -> Pair:
        """The files of a case; of one reader's drawing with that mask alone."""
        pair = self.pairs.get(case.reading_of or case.id) or self.unlabelled[case.id]
        return pair if case.reading_of is None else replace(pair, masks={"": case.files[-1:]})

    def cases(self, split: str) -> Sequence[Case]:
        """Return the cases of a split; to train on readers at random or their mean, each reader's drawing is one."""
        listed = super().cases(split)
        return readings(listed, self.pairs) if self.readers in ("random", "mean") and split == "train" else listed

    def samples_of_readers(self, case: Case) -> Mapping[str, Sample]:
        """Return a case as each of several readers drew it, by the names of their folders."""
        pair = self.pairs[case.reading_of or case.id]
        drawn = {name: replace(pair, masks={"": (path,)}) for name, path in by_reader(pair).items()}
        read = self._read_volume if self.volumes else lambda one: self._read_photograph(one)[0]
        return {name: read(one) for name, one in drawn.items()} if self.readers != "none" else {}

    def unscored(self) -> Sequence[Case]:
        """Return the photographs of splits without masks."""
        return tuple(Case(id, files=(pair.image,)) for id, pair in sorted(self.unlabelled.items()))

    def _read_photograph(self, pair: Pair) -> tuple[Sample, tuple[str, ...]]:
        channels = self.task.in_channels
        return photographs.read_pair(
            self.root, pair, self.classes, channels, self._name, self.orientation, ignoring=self.ignoring
        )

    def _read_volume(self, pair: Pair) -> Sample:
        names = [self._name(path) for path in pair.images]
        image, grid = read_image(pair.images, names, self.task.in_channels)
        values: dict[str, list[np.ndarray]] = {}
        for name, paths in pair.masks.items():
            for path in paths if name == "" else paths[:1]:
                labels, label_grid = read_label(path, self._name(path))
                check_same_grid(grid, self._name(pair.image), label_grid, self._name(path))
                values.setdefault(name, []).append(labels)
        mask = self._volume_labels(pair, values)
        if pair.field is not None:
            marked, label_grid = read_label(pair.field, self._name(pair.field))
            check_same_grid(grid, self._name(pair.image), label_grid, self._name(pair.field))
            mask = mask.copy()
            mask[..., (marked > 0) == self.ignoring] = IGNORE
        return Sample(image=image, mask=mask, spacing=grid.spacing, affine=grid.affine)

    def _volume_labels(self, pair: Pair, values: Mapping[str, Sequence[np.ndarray]]) -> np.ndarray:
        if "" in values:
            drawn = zip(values[""], pair.masks[""], strict=True)
            return self.classes.mask_of(
                majority([self.classes.to_labels(one, self._name(path)) for one, path in drawn])
            )
        marked = {name: marks[0] > (self.classes.threshold or 0) for name, marks in values.items()}
        return photographs.joined(pair, self.classes, marked, self._name)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read every case and return what is wrong; also masks of nothing or everything, and classes of one mask."""
        problems = [*super().verify(progress)]
        unions = self.classes.unions
        for name, label in never_seen(unions) if unions is not None and self.present else ():
            value = self.classes.text([*self.classes.values.values()][label - 1])
            told = f"makes class {name} of {value}, which no mask holds"
            problems.append(Problem(self._name(self.describing[0]), told, "name the values that the masks hold"))
        holders: dict[int, list[str]] = {}
        for id, labels in sorted(self.present.items()):
            for label in labels:
                holders.setdefault(label, []).append(id)
        for label, ids in holders.items():
            if len(ids) == 1 and len(self.present) >= RARE:
                told = f"is the only one of {len(self.present)} masks with class {self.classes.names[label - 1]}"
                problems.append(Problem(self._mask_name(self.pairs[ids[0]]), told))
        return problems

    def remarks(self) -> Sequence[str]:
        """Return what people must know of how photographs and masks, or volumes' headers, are understood."""
        if self.volumes:
            return super().remarks()
        files = [pair.files for pair in self.pairs.values()] if self.orientation == "size" else []
        remark = Remark("orientation", photographs.SAY_ORIENTATION)
        told = sentences((self._name(path), remark) for path in doubtful(files))
        return [*told, *([self.classes.remark] if self.classes.remark else [])]

    def _check(self, case: Case) -> Problem | None:
        if self.volumes:
            return super()._check(case)
        pair = self._pair_of(case)
        try:
            sample, worries = self._read_photograph(pair)
        except UnusableFileError as problem:
            return Problem(problem.file, problem.reason, problem.hint)
        assert sample.mask is not None
        self.present[case.id] = self._labels_of(sample.mask)
        return Problem(self._mask_name(pair), "; ".join(worries)) if worries else None

    def _mask_name(self, pair: Pair) -> str:
        return self._name(next(iter(pair.masks.values()))[0])

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
        path = expanded(params.classes, "data.classes") if params.classes else self.root / classes.FILE
        if not params.classes and not path.is_file():
            path = next((self.root / name for name in DESCRIPTIONS if describes_classes(self.root / name)), path)
        named = read_classes(path) if params.classes or path.is_file() else None
        self.describing += [path] if named is not None else []
        if found.class_folders == (JOINED,) and named is None:
            return classes.joined_class(JOINED, params.threshold)
        if any(found.class_folders):
            folders = found.class_folders
            return classes.folder_classes(folders, named, params.threshold, overlapping=params.overlapping)
        if params.threshold is not None:
            return classes.one_class(named, params.threshold)
        if named is not None:
            return named
        problems: list[UnusableFileError] = []
        try:
            if self.volumes:
                return found_values(self._looked_at(found.pairs, volume_values, problems))
            return found_classes([look for _, look in self._looked_at(found.pairs, photographs.look_at, problems)])
        except UnusableFileError:
            raise
        except SegkitError as error:
            # What is wrong with a mask is never replaced by what seems to follow for all of them (issue 18).
            raise problems[0] if problems else error from None

    def _looked_at(
        self, pairs: list[Pair], look: Callable[[Path, str], Any], problems: list[UnusableFileError]
    ) -> Iterator[tuple[str, Any]]:
        """Yield some masks' names and what a look at each gives; what cannot be used is added to the problems."""
        for pair in photographs.some(pairs):
            path = pair.masks[""][0]
            try:
                yield self._name(path), look(path, self._name(path))
            except UnusableFileError as problem:
                problems.append(problem)  # told where the case is read, and by verify

    def _note_ignored(self, params: FolderParams) -> None:
        """Say where regions come from that count for nothing; raises SegkitError where what was named holds none."""
        regions = [pair.field for pair in self.pairs.values() if pair.field is not None]
        said = {"ignore": params.ignore, "field_of_view": params.field_of_view}
        for setting, value in said.items():
            if value is not None and self.pairs and not regions:
                raise SegkitError(
                    f"data.{setting}: {value} names no folder or file of {self.root.name} that belongs to an image",
                    "its masks have the names of their images",
                )
        if regions:
            what = "ignored regions" if self.ignoring else "fields of view"
            where = shown(regions[0].parent, self.root)
            self.notes.append((what, f"of {len(regions)} of {len(self.pairs)} images, in {where}"))

    def _note_files(self, found: Found, sources: Sequence[Source]) -> None:
        folders = ", ".join(shown(source.where, self.root) for source in sources)
        self.notes.append(("images", f"{len(found.pairs)} {kind(found.volumes)} in {folders}"))
        self.notes.append(("channels", str(self.task.in_channels)))
        self.notes.append(("classes", self.classes.describe()))
        if found.endings:
            self.notes.append(("names", f"matched without {', '.join(sorted(found.endings))}"))
        if found.renamed:
            self.notes.append(("ids", f"begin with the split: {found.renamed} are numbered alike in several splits"))
        if found.unlabelled:
            first = shown(next(iter(found.unlabelled.values())), self.root)
            text = f"{len(found.unlabelled)} images such as {first}: predicted by a run, not scored"
            self.notes.append(("without masks", text))

    def _case(self, pair: Pair, params: FolderParams) -> Case:
        lacking = "" not in pair.masks and {*self.classes.names} - pair.masks.keys()
        if params.missing == "empty" or not lacking:
            return Case(pair.id, files=pair.files)
        names = tuple(name for name in self.classes.names if name in pair.masks)
        return Case(pair.id, files=pair.files, annotated=names)

    def _annotated_as(self, case: Case, said: Mapping[str, tuple[str, ...]], file: str) -> Case:
        """Return the case annotated as the table says; raises SegkitError where it names no class."""
        if case.id not in said:
            return case
        odd = next((name for name in said[case.id] if name not in self.task.classes), None)
        if odd is not None:
            raise SegkitError(
                f"{file} says that {case.id} was annotated for {odd!r}{did_you_mean(odd, self.task.classes)}",
                f"the classes are {', '.join(self.task.classes)}; several stand between |",
            )
        whole = set(said[case.id]) == set(self.task.classes)
        return replace(case, annotated=None if whole else said[case.id])

    def _split(self, found: Found, params: FolderParams) -> dict[str, list[Case]]:
        cases = [self._case(pair, params) for pair in found.pairs]
        path = expanded(params.splits, "data.splits") if params.splits else self.root / splits.FILE
        table = splits.Table({}, {})
        if (params.splits or path.is_file()) and not self.faults:
            table = splits.read_table(path, [case.id for case in cases], splits.stems_of(found.pairs))
            self.describing.append(path)
        cases = [self._annotated_as(case, table.annotated, path.name) for case in cases]
        cases = with_patients(cases, params.patient, table.patients)
        by_folder = splits.by_folder(found.pairs)
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
            self.dealt_splits = ("train", "val", "test")
            self.notes.append(("splits", text))
        partial = sum(case.annotated is not None for case in cases)
        if partial:
            self.notes.append(("annotated", f"{partial} of {len(cases)} cases for some of the classes only"))
        patients = Counter(case.group for case in cases if case.group)
        if patients:
            self.notes.append(("patients", f"{len(patients)}, with up to {max(patients.values())} images"))
        return listed


def volume_values(path: Path, name: str) -> np.ndarray:
    """Read a volume's label map."""
    return read_label(path, name)[0]


def volume_channels(pairs: list[Pair]) -> int:
    """Return how many channels the first image has whose header can be read: files, or volumes in one file."""
    counts = (len(pair.images) if pair.channels else volumes_in(pair.image) for pair in pairs)
    return next((count for count in counts if count), 1)
