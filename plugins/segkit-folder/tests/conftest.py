"""Tiny folders of people's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from segkit_folder.params import FolderParams
from segkit_folder.reader import FolderReader

MASK = np.zeros((6, 9), np.uint8)
MASK[1:4, 2:7] = 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def photograph(root: Path) -> Callable[..., Path]:
    """Write a picture, `photograph("images/a.png")`: noise no other name has, or given pixels."""

    def write(path: str, pixels: np.ndarray | None = None, **options: object) -> Path:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(sum(path.encode())).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(noise if pixels is None else pixels).save(target, **options)
        return target

    return write


@pytest.fixture
def volume(root: Path) -> Callable[..., Path]:
    """Write a NIfTI volume (X, Y, Z), `volume("images/a.nii.gz", values)`."""

    def write(path: str, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(values, np.diag([-1.0, 2, 3, 1]) if affine is None else affine), target)
        return target

    return write


@pytest.fixture
def pairs(photograph: Callable[..., Path]) -> Callable[..., None]:
    """Write photographs and masks by id, `pairs("a", "b", mask=values)`."""

    def write(*ids: str, mask: np.ndarray = MASK, folder: str = "", ending: str = "") -> None:
        for id in ids:
            photograph(f"{folder}images/{id}.png")
            photograph(f"{folder}masks/{id}{ending}.png", mask)

    return write


@pytest.fixture
def reader(root: Path) -> Callable[..., FolderReader]:
    """Open the folder, with params: `reader(val=0.2)`."""
    return lambda **params: FolderReader(root, FolderParams(**params))


@pytest.fixture
def whole(reader: Callable[..., FolderReader]) -> Callable[..., FolderReader]:
    """Open the folder with all cases for training."""
    return lambda **params: reader(val=0.0, test=0.0, **params)
