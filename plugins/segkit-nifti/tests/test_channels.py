"""Files of one channel each: which are one image, and what is said where one is missing or out of place."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segkit import UnusableFileError
from segkit_nifti.reader import VolumeReader


def save(path: Path, *shape: int, affine: np.ndarray | None = None, value: int = 0) -> Path:
    """Write a volume of one value."""
    path.parent.mkdir(exist_ok=True)
    nib.save(
        nib.Nifti1Image(np.full(shape or (3, 4, 5), value, np.int16), np.eye(4) if affine is None else affine), path
    )
    return path


def gathered(folder: Path, channels: int) -> dict[str, list[str]]:
    """Names of images with those of their files."""
    images = VolumeReader.gather(sorted(folder.rglob("*.nii*")), channels)
    return {name or files[0].name: [file.name for file in files] for name, files in images}


def test_channels_are_one_image(tmp_path):
    """Two or three channels of each case, in the order of their numbers, in folders apart."""
    for name in ("a_0000.nii.gz", "a_0001.nii.gz", "b_0001.nii", "b_0000.nii.gz", "whole.nii"):
        save(tmp_path / name)
    assert gathered(tmp_path, 2) == {
        "a": ["a_0000.nii.gz", "a_0001.nii.gz"],
        "b": ["b_0000.nii.gz", "b_0001.nii"],
        "whole.nii": ["whole.nii"],
    }
    save(tmp_path / "other" / "a_0000.nii")
    assert len(VolumeReader.gather(sorted(tmp_path.rglob("*.nii*")), 2)) == 4


def test_numbers_that_are_ids(tmp_path):
    """amos_0001 and amos_0002 are cases of one channel each; files that hold all channels are images."""
    for name in ("amos_0001.nii", "amos_0002.nii"):
        save(tmp_path / name, 3, 4, 5, 2)
    assert list(gathered(tmp_path, 1)) == list(gathered(tmp_path, 2)) == ["amos_0001.nii", "amos_0002.nii"]


def test_one_channel_by_nnunets_names(tmp_path):
    """Where every file ends in _0000 the case is called without it, as its label is."""
    save(tmp_path / "a_0000.nii")
    save(tmp_path / "b_0000.nii")
    assert gathered(tmp_path, 1) == {"a": ["a_0000.nii"], "b": ["b_0000.nii"]}
    save(tmp_path / "c_0001.nii")
    assert list(gathered(tmp_path, 1)) == ["a_0000.nii", "b_0000.nii", "c_0001.nii"]


def test_channels_are_read_in_their_order(tmp_path):
    """Files of one channel, or one file of both, become channels first."""
    first, second = save(tmp_path / "a_0000.nii", value=1), save(tmp_path / "a_0001.nii", value=2)
    sample = VolumeReader.open_files([first, second], 2)
    assert sample.image.shape == (2, 5, 4, 3)
    assert sample.image[:, 0, 0, 0].tolist() == [1, 2]
    named = [save(tmp_path / "t2.nii", value=7), save(tmp_path / "adc.nii", value=8)]
    assert VolumeReader.open_files(named, 2).image[:, 0, 0, 0].tolist() == [7, 8]
    assert VolumeReader.open_files([save(tmp_path / "a_0000.nii", 3, 4, 5, 2)], 2).image.shape == (2, 5, 4, 3)


MOVED = np.diag([1.0, 1, 1, 1]) + np.eye(4, k=3) * 9
FAULTS = {
    "one is missing": (["a_0000"], 2, "a lacks a_0001: the model takes 2 channels"),
    "the first is missing": (["a_0001"], 2, "a lacks a_0000: the model takes 2 channels"),
    "two are missing": (["a_0001"], 3, "a lacks a_0000 and a_0002: the model takes 3 channels"),
    "too many": (["a_0000", "a_0001", "a_0002"], 2, "the model takes channels 0 to 1"),
    "the other way round": (["a_0001", "a_0000"], 2, "is given as a_0001.nii, a_0000.nii: the model takes channels"),
    "of two cases": (["a_0000", "b_0001"], 2, "b_0001.nii is of another case than a_0000.nii"),
    "one without a number": (["whole"], 2, "whole.nii has 1 volume, the model takes 2 channels"),
    "several volumes": (["series"], 1, "series.nii has 7 volumes, the model takes 1 channel"),
    "another grid": (["a_0000", "a_0001-moved"], 2, "a_0001-moved.nii lies on another grid than a_0000.nii: corners"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said(fault, tmp_path):
    """One sentence that names what is missing or out of place."""
    names, channels, said = FAULTS[fault]
    paths = [
        save(
            tmp_path / f"{name}.nii",
            *([3, 4, 5, 7] if name == "series" else []),
            affine=MOVED if "moved" in name else None,
        )
        for name in names
    ]
    with pytest.raises(UnusableFileError) as caught:
        VolumeReader.open_files(paths, channels)
    assert said in caught.value.message
    assert caught.value.hint
