"""The generated sample, drawn once, and tiny folders in AMOS's layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segkit_amos.params import AmosParams
from segkit_amos.reader import AmosReader

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated sample."""
    folder = tmp_path_factory.mktemp("sample")
    AmosReader.make_sample(folder, AmosParams())
    return folder


@pytest.fixture
def mini() -> Path:
    """Real volumes in AMOS's layout."""
    folder = SHARED / "amos-mini"
    if not folder.is_dir():
        pytest.skip("../shared/data/amos-mini is not here")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def add(root: Path) -> Callable[..., None]:
    """Write one case, `add("Tr", 7)`."""

    def write(ending: str, number: int, *, highest: int = 15) -> None:
        values = np.random.default_rng(number).integers(-100, 200, (3, 4, 2)).astype(np.int16)
        label = np.zeros((3, 4, 2), np.uint8)
        label[1, 1, 0] = highest
        for kind, voxels in (("images", values), ("labels", label)):
            folder = root / f"{kind}{ending}"
            folder.mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1, 5, 1])), folder / f"amos_{number:04d}.nii.gz")

    return write


@pytest.fixture
def reader(root: Path) -> Callable[..., AmosReader]:
    """Open the folder, with params: `reader(modality="ct")`."""
    return lambda **params: AmosReader(root, AmosParams(**params))
