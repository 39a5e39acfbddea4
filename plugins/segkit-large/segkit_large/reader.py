"""Read folders of images larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segkit import IGNORE, Case, Problem, Sample, SegkitError, Task, UnusableFileError, UsageError
from segkit.data.large_array import LargeArray, parts_of
from segkit.errors import did_you_mean
from segkit.files import expanded
from segkit_coco.deal import by_split
from segkit_folder.splits import FILE, read_table
from segkit_large import sample
from segkit_large.files import IMAGES, SHAPES, open_any
from segkit_large.masks import LabelMask
from segkit_large.opened import Channels, Opened
from segkit_large.pairs import Pair, find_pairs, name_of
from segkit_large.params import LargeParams
from segkit_large.pyramid import read_pyramid, write_pyramid
from segkit_large.recipe import RECIPE, recipe_of
from segkit_large.shapes import ShapesMask, read_shapes
from segkit_large.zarrs import is_zarr
from segkit_nifti.problems import problems_of, raise_faults

TOLERANCE = 0.01
"""Relative: micrometres per pixel of an image and its mask that differ by more are those of different images."""
ONE_CLASS = ("foreground",)


class LargeReader:
    """A folder of images and masks, or polygons, none of which is ever read as a whole.

    Attributes:
        left_out: files that are no case's, with the reason.
        describing: files that say how the others are to be read.
        dealt_splits: those that were dealt out by seed, for nothing says them.
    """

    recipe: Mapping[str, Any] = RECIPE
    reader_version = 1
    suffixes = IMAGES

    def __init__(self, root: Path, params: LargeParams) -> None:
        self.root, self.params = Path(root), params
        if not self.root.is_dir():
            raise SegkitError(f"data root {root} is not a folder", "check the path given to --data-root")
        found = find_pairs(self.root)
        self.faults, self.left_out = found.faults, found.left_out
        self.pairs = {pair.id: pair for pair in found.pairs}
        self.drawn = any(pair.mask.name.lower().endswith(SHAPES) for pair in found.pairs)
        self.notes: list[tuple[str, str]] = [("images", f"{len(self.pairs)}, read in parts")]
        first = self._first()
        self.recipe = recipe_of(measured=first is not None and first.spacing is not None)
        self.task = Task(3 if first is None else Channels(first.array).shape[0], self._classes(), 2)
        self.describing: list[Path] = []
        self.dealt_splits: tuple[str, ...] = ()
        self.listed = {} if self.faults else self._split()

    @classmethod
    def download(cls, root: Path, params: LargeParams, progress: Callable[[str, int, int], None]) -> None:
        """Raise SegkitError: people bring their own images."""
        raise SegkitError("large images are one's own: there is nothing to download", "give --data-root")

    @classmethod
    def make_sample(cls, root: Path, params: LargeParams) -> None:
        """Write a small generated dataset."""
        sample.make_sample(Path(root))

    def cases(self, split: str) -> Sequence[Case]:
        """Return the cases of a split; raises SegkitError where the listing shows what cannot be used."""
        raise_faults(self.faults)
        return tuple(self.listed.get(split, ()))

    def describe(self) -> Sequence[tuple[str, str]]:
        """Return how the files were understood, as label and text."""
        return tuple(self.notes)

    def read(self, case: Case) -> Sample:
        """Open one case: image and mask are arrays of which parts can be read.

        Raises:
            UnusableFileError: a file cannot be used, or image and mask do not lie on each other.
        """
        pair = self.pairs[case.id]
        opened = self._open(pair, self.params.level)
        image = Channels(opened.array)
        if image.shape[0] != self.task.in_channels:
            raise UnusableFileError(
                self._name(pair.image),
                f"has {image.shape[0]} channels, the first image {self.task.in_channels}",
                "save all images with the same channels",
            )
        return Sample(image=image, mask=self._mask(pair, opened), spacing=opened.spacing)  # type: ignore[arg-type]

    def read_geometry(self, case: Case) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
        """Return the size (H, W) and the spacing in mm of a case; no pixels are read."""
        pair = self.pairs[case.id]
        opened = self._open(pair, self.params.level)
        return tuple(opened.array.shape[-2:]), opened.spacing

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Sequence[Problem]:
        """Read every image and mask to its last row, and return what is wrong."""
        problems = problems_of(self.faults)
        every = [case for cases in self.listed.values() for case in cases]
        for done, case in enumerate(every, 1):
            problems += self._check(case)
            if progress is not None:
                progress(done, len(every))
        return problems

    @classmethod
    def is_image(cls, path: Path) -> bool:
        """Whether a folder is an OME-Zarr."""
        return is_zarr(path)

    @classmethod
    def open_file(cls, path: Path) -> Sample:
        """Open an image that is in no dataset; raises UnusableFileError."""
        opened = open_any(path, path.name)
        return Sample(image=Channels(opened.array), spacing=opened.spacing)  # type: ignore[arg-type]

    @classmethod
    def write_labels(cls, stem: Path, labels: np.ndarray, like: Path) -> Path:
        """Write a label map as a pyramid in a tiled TIFF, with the micrometres per pixel of `like`."""
        spacing = open_any(like, like.name).spacing
        return write_pyramid(stem.with_name(f"{stem.name}.tif"), labels, spacing)

    @classmethod
    def read_labels(cls, path: Path) -> LargeArray:
        """Open a label map that `write_labels` wrote."""
        return read_pyramid(path)

    def _mask(self, pair: Pair, opened: Opened) -> LargeArray:
        name, size = self._name(pair.mask), tuple(opened.array.shape[-2:])
        if pair.mask.name.lower().endswith(SHAPES):
            return self._drawn(pair, opened, name)
        mask = open_any(pair.mask, name, self.params.level, self.params.missing_chunks, labels=True)
        if mask.array.shape[-2:] != size:
            raise UnusableFileError(
                name,
                f"has {times(mask.array.shape[-2:])} pixels, its image {self._name(pair.image)} {times(size)} (height "
                "first)",
                "masks have the size of their images",
            )
        if mask.spacing is not None and opened.spacing is not None:
            worst = max(abs(one / other - 1) for one, other in zip(mask.spacing, opened.spacing, strict=True))
            if worst > TOLERANCE:
                raise UnusableFileError(
                    name,
                    f"has pixels of {micrometres(mask.spacing)}, its image {self._name(pair.image)} of "
                    f"{micrometres(opened.spacing)}",
                    "write the mask anew from its image, or mend the header that is wrong",
                )
        return LabelMask(mask.array, len(self.params.classes) or None, name)

    def _drawn(self, pair: Pair, opened: Opened, name: str) -> ShapesMask:
        size = (int(opened.array.shape[-2]), int(opened.array.shape[-1]))
        scale = (1.0, 1.0)
        if self.params.level:
            whole = self._open(pair, 0).array.shape[-2:]
            scale = (size[0] / whole[0], size[1] / whole[1])
        shapes = read_shapes(pair.mask, name)
        known = {*self.task.classes, *self.params.ignore, *self.params.field_of_view}
        for shape in shapes:
            if shape.class_name not in known and not self.params.classes:
                raise UnusableFileError(name, f"holds a polygon of {shape.class_name}", "name it in data.classes")
        return ShapesMask(
            shapes,
            self.task.classes,
            size,
            name,
            scale=scale,
            overlap=self.params.overlap,
            ignore=self.params.ignore,
            field_of_view=self.params.field_of_view,
        )

    def _open(self, pair: Pair, level: int) -> Opened:
        return open_any(pair.image, self._name(pair.image), level, self.params.missing_chunks)

    def _first(self) -> Opened | None:
        for pair in self.pairs.values():
            try:
                return self._open(pair, 0)
            except UnusableFileError:
                continue  # told where the case is read, and by verify
        return None

    def _classes(self) -> tuple[str, ...]:
        if not self.drawn:
            for setting in ("ignore", "field_of_view"):
                if getattr(self.params, setting):
                    raise UsageError(
                        f"data.{setting} names polygons, and no mask is of polygons here",
                        "give such pixels the value 255 in the masks, and name the classes in data.classes",
                    )
            return self.params.classes or ONE_CLASS
        names: dict[str, int] = {}
        for pair in self.pairs.values():
            if pair.mask.name.lower().endswith(SHAPES):
                try:
                    shapes = read_shapes(pair.mask, self._name(pair.mask))
                except UnusableFileError:
                    continue  # told where the case is read, and by verify
                for shape in shapes:
                    names[shape.class_name] = names.get(shape.class_name, 0) + 1
        self.notes.append(
            ("polygons", ", ".join(f"{name} {count:,}" for name, count in sorted(names.items())) or "none")
        )
        for setting in ("classes", "ignore", "field_of_view"):
            missing = next((name for name in getattr(self.params, setting) if names and name not in names), None)
            if missing is not None:
                raise SegkitError(
                    f"data.{setting} names {missing!r}, and no polygon is of it{did_you_mean(missing, names)}",
                    f"the polygons are of {', '.join(sorted(names))}",
                )
        apart = {*self.params.ignore, *self.params.field_of_view}
        if twice := apart & {*self.params.classes}:
            raise UsageError(f"data.classes names {min(twice)!r}, which is not to count", "name it once")
        return self.params.classes or tuple(sorted(names.keys() - apart)) or ONE_CLASS

    def _split(self) -> dict[str, list[Case]]:
        cases = [Case(pair.id, files=(pair.image, pair.mask)) for pair in self.pairs.values()]
        path = expanded(self.params.splits, "data.splits") if self.params.splits else self.root / FILE
        told: Mapping[str, str] = {}
        if self.params.splits or path.is_file():
            table = read_table(path, [case.id for case in cases])
            self.describing.append(path)
            cases = [Case(case.id, table.patients.get(case.id), case.files) for case in cases]
            told = table.splits
        listed, notes = by_split(cases, told, path.name, self.params, self.params.patient)
        self.dealt_splits = () if told else ("train", "val", "test")
        self.notes += [("classes", ", ".join(self.task.classes)), *notes]
        return listed

    def _check(self, case: Case) -> list[Problem]:
        found = False
        try:
            opened = self.read(case)
            for _ in parts_of(opened.image):
                pass
            for part in parts_of(opened.mask):
                found = found or bool(((part != 0) & (part != IGNORE)).any())
        except UnusableFileError as problem:
            return [Problem(problem.file, problem.reason, problem.hint)]
        return [] if found else [Problem(self._name(self.pairs[case.id].mask), "marks no pixel")]

    def _name(self, path: Path) -> str:
        return name_of(path, self.root)


def times(size: Sequence[int]) -> str:
    """Write a size as people do."""
    return "x".join(map(str, size))


def micrometres(spacing: Sequence[float]) -> str:
    """Write a spacing as people do."""
    return " x ".join(f"{1000 * length:.4g}" for length in spacing) + " micrometres"
