"""Tiny datasets in the Decathlon's layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segkit_msd.params import MsdParams
from segkit_msd.reader import MsdReader

LABELS = {"0": "background", "1": "liver", "2": "spleen"}
FOLDERS = {"train": "Tr", "val": "Va", "test": "Ts"}


def volume(number: int, shape: tuple[int, ...] = (4, 5, 3)) -> tuple[np.ndarray, np.ndarray]:
    """An image (X, Y, Z) no other number has, and its label map."""
    image = np.random.default_rng(number).integers(0, 1000, shape).astype(np.int16)
    label = np.zeros(shape, np.uint8)
    label[1:3, 1:3] = 1
    label[3, 0, 0] = 2
    return image, label


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with nothing but dataset.json."""
    folder = tmp_path / "data"
    folder.mkdir()
    describe(folder)
    return folder


def describe(root: Path, **changes: object) -> None:
    """Write dataset.json, entries replaced or, where None, left out."""
    content = {"name": "toy", "labels": LABELS, "modality": {"0": "MRI"}, **changes}
    text = json.dumps({key: value for key, value in content.items() if value is not None})
    (root / "dataset.json").write_text(text, encoding="utf-8")


@pytest.fixture
def add(root: Path) -> Callable[..., tuple[list[Path], Path]]:
    """Write one case, `add("train", "toy_1")`, and return its files; options replace what is written."""

    def write(
        split: str = "train",
        id: str = "toy_1",
        *,
        suffix: str = ".nii.gz",
        channels: int | None = None,
        image: np.ndarray | None = None,
        label: np.ndarray | None = None,
        affine: np.ndarray | None = None,
        label_affine: np.ndarray | None = None,
    ) -> tuple[list[Path], Path]:
        made = volume(sum(id.encode()))
        image = made[0] if image is None else image
        label = made[1] if label is None else label
        affine = np.diag([-1.0, 2, 3, 1]) if affine is None else affine
        images, labels = root / f"images{FOLDERS[split]}", root / f"labels{FOLDERS[split]}"
        images.mkdir(exist_ok=True)
        labels.mkdir(exist_ok=True)
        names = [f"{id}{suffix}"] if channels is None else [f"{id}_{n:04d}{suffix}" for n in range(channels)]
        for number, name in enumerate(names):
            nib.save(nib.Nifti1Image(image + np.int16(number), affine), images / name)
        marked = labels / f"{id}{suffix}"
        nib.save(nib.Nifti1Image(label, affine if label_affine is None else label_affine), marked)
        return [images / name for name in names], marked

    return write


@pytest.fixture
def reader(root: Path) -> Callable[..., MsdReader]:
    """Open the root, with params: `reader(fold=1)`."""
    return lambda **params: MsdReader(root, MsdParams(**params))
