"""A photograph and its mask as arrays: SEG objects of one plane, or image files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from segkit import UnusableFileError
from segkit.data.masks import read_mask
from segkit_dicom.headers import AGAIN, read_file
from segkit_dicom.photographs import Photograph
from segkit_dicom.segments import frames_in, segment_number
from segkit_dicom.series import read_photograph
from segkit_folder.classes import Classes


def read_image(path: Path, channels: int) -> np.ndarray:
    """Read a photograph (C, H, W); grey ones have three equal channels where others are in colours."""
    image = read_photograph(path)
    return np.repeat(image, channels, axis=0) if len(image) == 1 < channels else image


def read_plane_mask(one: Photograph, shape: tuple[int, int], pictures: Classes | None) -> np.ndarray:
    """Read a photograph's mask, (H, W) uint8.

    Raises:
        UnusableFileError: it has another size, or its segments overlap.
    """
    if one.beside is not None:
        assert pictures is not None
        mask = read_mask(one.beside, one.beside.name)
        check_size(one.beside.name, mask.shape, one, shape)
        return pictures.labels_of(mask, one.beside.name)
    found = np.zeros(shape, np.uint8)
    for path, labels in one.masks.items():
        for marked, label in planes_in(path, labels):
            check_size(path.name, marked.shape, one, shape)
            twice = np.count_nonzero(marked & (found > 0) & (found != label))
            if twice:
                raise UnusableFileError(
                    path.name,
                    f"has segments that overlap in {twice} pixels",
                    "choose classes that do not overlap, data.classes=NAME,NAME",
                )
            found[marked] = label
    return found


def planes_in(path: Path, labels: Mapping[int, int]) -> list[tuple[np.ndarray, int]]:
    """Return what each wanted segment of a SEG object marks, (rows, columns) bool, and its label."""
    dataset = read_file(path)
    kind, frames = frames_in(dataset, path)
    if kind == "LABELMAP":
        return [(frame == number, label) for frame in frames for number, label in labels.items()]
    items = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    if len(items) != len(frames):
        raise UnusableFileError(path.name, "describes another number of frames than it has", AGAIN)
    numbers = [segment_number(item, dataset, path) for item in items]
    return [(frame > 0, labels[number]) for frame, number in zip(frames, numbers, strict=True) if number in labels]


def check_size(name: str, size: tuple[int, ...], one: Photograph, shape: tuple[int, int]) -> None:
    """Raise UnusableFileError where a mask has not its photograph's size."""
    if tuple(size) != tuple(shape):
        told = f"has {size[0]}x{size[1]} pixels, its image {one.images[0].name} {shape[0]}x{shape[1]} (height first)"
        raise UnusableFileError(name, told, "masks have the size of their images")
