"""Cases as they are read, and files that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from segkit import SegkitError
from segkit.cli import main
from segkit.data.check import check_sample

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
AFFINE = np.diag([-1.0, 2, 3, 1])


def test_case_as_it_is_read(add, reader):
    """Depth first, left to right last; spacing and affine in that order; labels as in the file."""
    image = np.arange(60, dtype=np.int16).reshape(4, 5, 3)
    label = (image == 7).astype(np.uint8)
    add("train", "a", image=image, label=label)
    add("val", "b")
    opened = reader()
    [case] = opened.cases("train")
    sample = opened.read(case)
    check_sample(sample, case, opened.task, "msd")
    # The file's first axis goes from right to left.
    assert np.array_equal(sample.image[0], image[::-1].transpose(2, 1, 0))
    assert np.array_equal(sample.mask, label[::-1].transpose(2, 1, 0))
    assert sample.spacing == (3, 2, 1)
    assert sample.affine[:3, :3].tolist() == [[0, 0, 1], [0, 2, 0], [3, 0, 0]]


def test_channels_in_the_fourth_dimension(add, root, reader):
    """The Decathlon's brain tumours come as one file of four volumes."""
    content = json.loads((root / "dataset.json").read_text()) | {"modality": {"0": "FLAIR", "1": "T1w"}}
    (root / "dataset.json").write_text(json.dumps(content))
    add("train", "a", image=np.random.default_rng(0).integers(0, 9, (4, 5, 3, 2)).astype(np.int16))
    add("val", "b")
    opened = reader()
    assert opened.read(opened.cases("train")[0]).image.shape == (2, 3, 5, 4)
    with pytest.raises(SegkitError, match=r"imagesVa/b\.nii\.gz has 1 volume, the dataset's images have 2 channels"):
        opened.read(opened.cases("val")[0])


def test_ignored_label_becomes_255(add, root, reader):
    """What nnU-Net ignores is ignored here."""
    content = json.loads((root / "dataset.json").read_text()) | {"labels": {"background": 0, "liver": 1, "ignore": 2}}
    (root / "dataset.json").write_text(json.dumps(content))
    add("train", "a")
    add("val", "b")
    opened = reader()
    assert opened.task.classes == ("liver",)
    assert np.unique(opened.read(opened.cases("train")[0]).mask).tolist() == [0, 1, 255]


GRID = "lies on another grid than imagesTr/a.nii.gz"
SHIFTED = AFFINE + np.array([[0, 0, 0, 2.0], [0] * 4, [0] * 4, [0] * 4])
WIDE = np.diag([-1.0, 2, 3.5, 1])
ODD_LABEL = np.full((4, 5, 3), 1, np.uint8)
ODD_LABEL[0, 0, :2] = 9, 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"label": np.ones((4, 5, 4), np.uint8)},
            f"{GRID}: 3x5x4 and 4x5x4 voxels",
        ),
        ({"label_affine": WIDE}, f"{GRID}: spacing 3x2x1 and 3.5x2x1 mm"),
        ({"label_affine": SHIFTED}, f"{GRID}: corners up to 2 mm apart"),
        ({"label": ODD_LABEL}, "has labels outside 0 to 2: 9, 200"),
        ({"label": np.full((4, 5, 3), -3, np.int16)}, "has labels outside 0 to 2: -3"),
        ({"label": np.full((4, 5, 3), 1.5, np.float32)}, "has labels that are not whole numbers: 1.5"),
        ({"label": np.ones((4, 5, 3, 2), np.uint8)}, "has 2 volumes, a label map one"),
        ({"image": np.full((4, 5, 3), np.nan, np.float32)}, "has 60 voxels that are NaN or infinite"),
        ({"image": np.zeros((4, 5, 3, 7), np.int16)}, "has 7 volumes, the dataset's images have 1 channel"),
        ({"affine": np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])}, "has a sheared affine"),
    ],
)
def test_files_that_cannot_be_used(add, reader, options, said):
    """One line with the file, what is wrong and the way out; verify names the same file."""
    files = add("train", "a", **options)
    add("val", "b")
    opened = reader()
    with pytest.raises(SegkitError) as caught:
        opened.read(opened.cases("train")[0])
    assert said in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    [problem] = opened.verify()
    assert (files[0][0] if "image" in options or "affine" in options else files[1]).name in problem.file
    assert problem.reason in caught.value.message


def test_sound_oddities(add, reader):
    """One slice, float labels, a missing class and big-endian files are read as what they are."""
    add("train", "slice", image=np.ones((4, 5, 1), np.int16), label=np.ones((4, 5, 1), np.uint8))
    add("train", "floats", label=np.full((4, 5, 3), 2.0, np.float64))
    add("train", "big", image=np.full((4, 5, 3), 300, ">i2"), label=np.full((4, 5, 3), 1, ">u2"))
    add("val", "b")
    opened = reader()
    samples = {case.id: opened.read(case) for case in opened.cases("train")}
    assert samples["slice"].image.shape == (1, 1, 5, 4)
    assert np.unique(samples["floats"].mask).tolist() == [2]
    assert (samples["big"].image == 300).all()
    assert opened.verify() == []


def test_empty_label_is_told_by_verify(add, reader):
    """It can be read, and is a case of its own kind; whether it is meant, people decide."""
    add("train", "a", label=np.zeros((4, 5, 3), np.uint8))
    add("val", "b")
    opened = reader()
    assert not opened.read(opened.cases("train")[0]).mask.any()
    [problem] = opened.verify()
    assert (problem.file, problem.reason) == ("labelsTr/a.nii.gz", "marks no voxel")


def test_truncated_file(add, reader):
    """A copy that broke off is named by verify and by reading."""
    images, _ = add("train", "a")
    add("val", "b")
    images[0].write_bytes(images[0].read_bytes()[:-20])
    [problem] = reader().verify()
    assert problem.file == "imagesTr/a.nii.gz"
    assert "cut short" in problem.reason


def test_recipe_by_modality(add, root, reader):
    """CT is normalised by its own scale, other images by their body."""
    add("train", "a")
    add("val", "b")
    assert reader().recipe["data.normalization"] == "body"
    content = json.loads((root / "dataset.json").read_text()) | {"modality": {"0": "CT"}}
    (root / "dataset.json").write_text(json.dumps(content))
    assert reader().recipe["data.normalization"] == "ct"


def test_commands_on_real_data():
    """`segkit data verify` finds nothing wrong with the hippocampus data, and counts them."""
    if not (SHARED / "hippocampus").is_dir():
        pytest.skip("../shared/data/hippocampus is not here")
    result = CliRunner().invoke(main, ["data", "verify", "msd", "--data-root", str(SHARED / "hippocampus")])
    assert result.exit_code == 0, result.output
    assert result.stdout == "no problem was found: train 120, val 30 cases\n"


def test_root_that_is_none(tmp_path, reader):
    """A root that is no folder, or not there, is told before anything is looked for in it."""
    from segkit_msd.params import MsdParams
    from segkit_msd.reader import MsdReader

    (tmp_path / "file").touch()
    for name, said in (("file", "is not a folder"), ("gone", "does not exist")):
        with pytest.raises(SegkitError, match=said):
            MsdReader(tmp_path / name, MsdParams())
