"""Open image files that belong to no dataset: photographs, and what installed datasets have a format for."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from segkit.data.case import Sample
from segkit.data.check import problem_of
from segkit.data.dataset import formats_of
from segkit.data.image_files import SUFFIXES
from segkit.data.in_time import in_time
from segkit.data.photographs import read_photograph
from segkit.data.resample import resize_image
from segkit.declarations import Task
from segkit.discovery import Registry
from segkit.errors import SegkitError, UnusableFileError

KINDS = {2: "photograph", 3: "volume"}
"""What an image is called, by its axes."""
CHANNELS = {1: "grey", 3: "red, green and blue"}


class Opener:
    """Reads images for a model: as its own dataset does where that has a format, else photographs, else as others do.

    Args:
        dataset: full name of the dataset the model was trained on; its plugin need not be installed.
    """

    def __init__(self, registry: Registry, dataset: str | None) -> None:
        self.registry = registry
        self.dataset = dataset

    @cached_property
    def own(self) -> Any:
        """The reader class of the model's own dataset; None where it is not installed or has no format."""
        found = [item for item in self.registry.components("data") if item.full_name == self.dataset]
        return next((reader for reader in map(load_format, found) if reader is not None), None)

    @cached_property
    def others(self) -> list[Any]:
        """The reader classes of all other datasets that have a format."""
        found = [item for item in self.registry.components("data") if item.full_name != self.dataset]
        return [reader for reader in map(load_format, found) if reader is not None]

    def format_of(self, path: Path) -> Any:
        """Return the reader class that reads and writes such a file; None for a photograph that segkit itself reads.

        Raises:
            UnusableFileError: nothing that is installed reads it.
        """
        if self.own is not None and (fits(path, self.own.suffixes) or is_image(self.own, path)):
            return self.own
        if fits(path, SUFFIXES):
            return None
        for reader in self.others:
            if fits(path, reader.suffixes) or is_image(reader, path):
                return reader
        if not path.suffix and not path.is_dir():
            return None
        known = ", ".join(dict.fromkeys(self.suffixes()))
        reason = "has an ending that nothing installed reads"
        raise UnusableFileError(path.name, reason, f"what is read: {known}; see segkit doctor")

    def suffixes(self, spatial_dims: int | None = None) -> Iterator[str]:
        """Yield every ending of files that can be read, in small letters.

        Args:
            spatial_dims: 2 or 3 for photographs or volumes, as far as an ending says it: the endings of the model's own
                format are of its kind, those of other datasets' formats are of volumes; None for all.
        """
        yield from SUFFIXES if spatial_dims != 3 else ()
        for reader in (self.own, *(self.others if spatial_dims != 2 else ())):
            yield from () if reader is None else reader.suffixes

    def formats(self) -> Iterator[str]:
        """Yield the names of the formats that label maps can be written in, where a reader knows several."""
        for reader in (self.own, *self.others):
            yield from {**formats_of(reader, 3), **formats_of(reader, 2)}

    def is_image(self, path: Path, spatial_dims: int | None = None) -> bool:
        """Whether an installed format says of a folder that it is one image, or so of a file whatever its ending.

        Args:
            spatial_dims: as of `suffixes`.
        """
        readers = (self.own, *(self.others if spatial_dims != 2 else ()))
        return any(is_image(reader, path) for reader in readers if reader is not None)

    def gather(self, paths: Sequence[Path], channels: int) -> list[tuple[str | None, tuple[Path, ...]]]:
        """Tell which files are one image, as their formats say; without a word of theirs each file is one.

        Args:
            channels: of an image, as the model takes it.

        Returns:
            What each image is called (None: as its file) and its files, in the order of their first ones.
        """
        readers = [self._gathering(path) for path in paths]
        images = [(None, (path,)) for path, reader in zip(paths, readers, strict=True) if reader is None]
        for reader in dict.fromkeys(reader for reader in readers if reader is not None):
            own = [path for path, other in zip(paths, readers, strict=True) if other is reader]
            images += reader.gather(own, channels)
        order = {path: place for place, path in enumerate(paths)}
        return sorted(images, key=lambda image: order[image[1][0]])

    def reader_of(self, path: Path) -> Any:
        """The reader class of a file as of `format_of`, None where nothing installed reads it."""
        try:
            return self.format_of(path)
        except UnusableFileError:
            return None

    def _gathering(self, path: Path) -> Any:
        """The reader class of a file where it tells which files are one image."""
        reader = self.reader_of(path)
        return reader if hasattr(reader, "gather") else None

    def open(self, files: Path | Sequence[Path], task: Task, size: Sequence[int] | None = None) -> Sample:
        """Read one image and check that it is one the model takes.

        Args:
            files: one, or one per channel in their order.
            task: channels and axes of an image.
            size: grid to resample to, as in training; the sample's `grid` is then its own one.

        Raises:
            UnusableFileError: it cannot be read, or is an image of another kind.
        """
        paths = (files,) if isinstance(files, Path) else tuple(files)
        path = paths[0]
        for one in paths:
            if not (one.is_dir() and self.is_image(one)):
                check_regular(one)
        reader = self.format_of(path)
        if len(paths) > 1 and not hasattr(reader, "open_files"):
            raise UnusableFileError(path.name, f"is one of {len(paths)} files, an image of its kind is one", "give one")
        if reader is None:
            return in_time(lambda: open_photograph(path, task, size), path.name)
        several = getattr(reader, "open_files", None)
        read = (lambda: reader.open_file(path)) if several is None else (lambda: several(paths, task.in_channels))
        try:
            sample: Sample = in_time(read, path.name)
        except SegkitError:
            raise
        except Exception as error:  # a stranger's reader, and a file from anywhere
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UnusableFileError(path.name, f"cannot be read ({reason})", "check the file") from error
        dims = sample.image.ndim - 1
        if dims != task.spatial_dims and dims in KINDS:
            kinds = KINDS[dims], KINDS[task.spatial_dims]
            raise UnusableFileError(path.name, f"is a {kinds[0]}, the model takes {kinds[1]}s", "use another model")
        problem = problem_of(sample, task)
        if problem is not None:
            raise UnusableFileError(path.name, f"does not fit the model: {problem}", "give an image as in training")
        if size is None:
            return sample
        return replace(sample, image=resize_image(sample.image, tuple(size)), grid=sample.shape)


def check_regular(path: Path) -> None:
    """Raise UnusableFileError for a folder, a named pipe (which would be waited for, for ever) or a device."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        reason = "is a link to a file that does not exist" if path.is_symlink() else "does not exist any more"
        raise UnusableFileError(path.name, reason, "bring it back, or leave it out") from None
    except OSError as error:
        raise UnusableFileError(path.name, f"cannot be read ({error.strerror})", "check its permissions") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise UnusableFileError(path.name, f"is {kind}, not a file", "give the image's file")


def open_photograph(path: Path, task: Task, size: Sequence[int] | None) -> Sample:
    """Read a photograph upright, in the model's channels."""
    if task.spatial_dims != 2:
        raise UnusableFileError(
            path.name, "is a photograph, the model takes volumes", "give volumes, such as NIfTI files"
        )
    if task.in_channels not in CHANNELS:
        raise UnusableFileError(
            path.name,
            f"is a photograph, the model takes {task.in_channels} channels",
            "predict with the Python interface: segkit.load(...).predict(array)",
        )
    grid = None if size is None else (size[0], size[1])
    image, shape = read_photograph(path.parent, path.name, grid, channels=task.in_channels)
    return Sample(image, grid=None if grid is None else shape)


def load_format(found: Any) -> Any:
    """Import a dataset's reader class; None where it does not import or has no format of its own."""
    try:
        reader = found.load()
    except SegkitError:
        return None
    return reader if getattr(reader, "suffixes", ()) and hasattr(reader, "open_file") else None


def is_image(reader: Any, path: Path) -> bool:
    """Whether a reader class says that a file or folder is an image; one that cannot tell says no.

    Raises:
        UnusableFileError: what the reader raises instead, with its name.
    """
    told = getattr(reader, "is_image", None)
    if told is None:
        return False
    try:
        return bool(told(path))
    except SegkitError:
        raise
    except Exception as error:  # a stranger's reader, and a file from anywhere
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UnusableFileError(
            path.name, f"cannot be told to be an image ({reason})", f"report it to the author of {reader.__module__}"
        ) from error


def fits(path: Path, suffixes: Sequence[str]) -> bool:
    """Whether a file's name ends like one of some suffixes, whatever the letters' case."""
    return path.name.lower().endswith(tuple(suffixes))
