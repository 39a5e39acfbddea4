"""Tiny datasets in the official folders."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit_isic.layout import YEARS
from segkit_isic.params import IsicParams
from segkit_isic.reader import IsicReader


@pytest.fixture
def photograph() -> np.ndarray:
    """Pixels (6, 9, 3) that no two of are alike."""
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.fixture
def mask() -> np.ndarray:
    """A black and white mask (6, 9) without any symmetry."""
    pixels = np.zeros((6, 9), np.uint8)
    pixels[1:4, 2:7] = 255
    pixels[4, 2] = 255
    return pixels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty data root."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def add(root: Path, photograph: np.ndarray, mask: np.ndarray) -> Callable[..., tuple[Path, Path]]:
    """Write one pair, `add("train", "ISIC_1")`, and return its files; options replace what is written."""

    def write(
        split: str = "train",
        id: str = "ISIC_1",
        *,
        year: str = "2017",
        suffix: str = ".png",
        ending: str = "_segmentation.png",
        image: np.ndarray | Image.Image = photograph,
        marked: np.ndarray | Image.Image = mask,
        **options: object,
    ) -> tuple[Path, Path]:
        folders = YEARS[year][split]
        files = root / folders.images / f"{id}{suffix}", root / folders.masks / f"{id}{ending}"
        for path, picture in zip(files, (image, marked), strict=True):
            path.parent.mkdir(exist_ok=True)
            encoded = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
            encoded.save(path, **(options if path is files[0] else {}))
        return files

    return write


@pytest.fixture
def reader(root: Path) -> Callable[..., IsicReader]:
    """Open the root, with params: `reader(year="2018")`."""
    return lambda **params: IsicReader(root, IsicParams(**params))
