"""The files of a folder by stem, and what in it is none."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from segkit import SegkitError
from segkit.data.image_files import SUFFIXES as PHOTOGRAPHS
from segkit.data.inventory import is_litter, is_text
from segkit.files import is_folder
from segkit_nifti.files import CONVERT_DICOM, stem_of

OTHER_IMAGES = (".webp", ".heic", ".heif", ".jp2", ".j2k", ".avif", ".svs", ".ndpi", ".psd", ".dng", ".cr2", ".nef")
"""Endings of images that are not read."""
NOT_READ = "of a kind of image that is not read"
NO_IMAGE = "that is no image"


@dataclass
class Files:
    """Photographs or NIfTI files by stem, in the composed form of Unicode, whatever form the file system keeps.

    Attributes:
        twice: files whose stem another one has.
        not_text: files whose name is not UTF-8.
        volumes: whether they are NIfTI, not photographs.
        others: files that are left out, with the reason.
    """

    files: dict[str, Path] = field(default_factory=dict)
    twice: list[Path] = field(default_factory=list)
    not_text: list[Path] = field(default_factory=list)
    volumes: bool = False
    others: dict[Path, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.files)


def list_folder(folder: Path) -> Files:
    """List the photographs or NIfTI files of a folder, litter left out.

    Raises:
        SegkitError: it cannot be listed, or holds both kinds, or DICOM.
    """
    try:
        paths = sorted(folder / entry.name for entry in os.scandir(folder) if not is_folder(entry))
    except OSError as error:
        raise SegkitError(f"{folder} cannot be listed: {error.strerror}", "check its permissions") from None
    return by_stem(paths, folder)


def by_stem(paths: Iterable[Path], folder: Path) -> Files:
    """Sort files out; raises SegkitError where they are photographs and volumes, or DICOM."""
    found = Files()
    kinds: dict[bool, str] = {}
    for path in paths:
        name = path.name
        if is_litter(name):
            continue
        if name.lower().endswith((".dcm", ".ima")):
            raise SegkitError(f"{folder.name}/{name} is a DICOM file", CONVERT_DICOM)
        stem = file_stem(name)
        if stem is None:
            found.others[path] = NOT_READ if name.lower().endswith(OTHER_IMAGES) else NO_IMAGE
            continue
        kinds.setdefault(stem_of(name) is not None, name)
        if not is_text(name):
            found.not_text.append(path)
        elif stem in found.files:
            found.twice.append(path)
        else:
            found.files[stem] = path
    if len(kinds) > 1:
        raise SegkitError(
            f"{folder.name} holds photographs and volumes: {kinds[False]} and {kinds[True]}", "keep them in two folders"
        )
    found.volumes = True in kinds
    return found


def file_stem(name: str) -> str | None:
    """Return an image's name without its suffix, composed; None for another file."""
    stem = photograph_stem(name) or stem_of(name)
    return None if stem is None else composed(stem)


def composed(text: str) -> str:
    """Return text in the composed form: macOS writes the letters of "é" apart, others do not."""
    return unicodedata.normalize("NFC", text)


def photograph_stem(name: str) -> str | None:
    """Return a photograph's name without its suffix, None for another file."""
    suffix = next((suffix for suffix in PHOTOGRAPHS if name.lower().endswith(suffix)), None)
    return name[: -len(suffix)] or None if suffix else None
