"""Folders and names in the forms that people have them."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from segkit import SegkitError
from segkit.cli import main

MASK = np.zeros((6, 9), np.uint8)
MASK[1:4, 2:7] = 1


def ids(reader, split: str) -> list[str]:
    """The ids of a split."""
    return [case.id for case in reader.cases(split)]


def refused(reader) -> str:
    """What listing the cases is refused with; verify tells the same file by file."""
    with pytest.raises(SegkitError) as caught:
        reader.cases("train")
    assert caught.value.hint
    assert reader.verify()
    return caught.value.message


@pytest.mark.parametrize("ending", ["", "_mask", "_seg", "-label", "_segmentation", ".mask", "_GT"])
def test_common_endings(pairs, whole, ending):
    """A mask is found by its image's name, with a common ending or without."""
    pairs("a", "b", ending=ending)
    opened = whole()
    assert ids(opened, "train") == ["a", "b"]
    assert (("names", f"matched without {ending}") in opened.describe()) == bool(ending)


def test_endings_of_images(photograph, whole):
    """`a_image.png` with `a_mask.png`, and nnU-Net's `a_0000.png` with `a.png`."""
    photograph("images/a_image.png")
    photograph("masks/a_mask.png", MASK)
    photograph("images/b_0000.png")
    photograph("masks/b.png", MASK)
    assert ids(whole(), "train") == ["a", "b"]


def test_a_name_that_ends_so_itself(pairs, photograph, whole):
    """Where a mask has the whole stem, nothing is taken off: `x_label` and `x` are two images."""
    pairs("x", "x_label")
    assert ids(whole(), "train") == ["x", "x_label"]


@pytest.mark.parametrize(
    "form", ["{split}/images/{file}|{split}/masks/{file}", "images/{split}/{file}|labels/{split}/{file}"]
)
def test_split_folders(photograph, reader, form):
    """A folder per split outside or inside of images and masks, under the names that people give them."""
    image, mask = form.split("|")
    for split in ("Training", "valid", "test"):
        photograph(image.format(split=split, file=f"{split}-1.png"))
        photograph(mask.format(split=split, file=f"{split}-1.png"), MASK)
    opened = reader()
    assert [ids(opened, split) for split in ("train", "val", "test")] == [["Training-1"], ["valid-1"], ["test-1"]]
    assert ("splits", "from the folders' names") in opened.describe()


def test_one_image_in_two_splits(pairs, photograph, reader):
    """Leakage is an error, whatever the capitals of the name."""
    pairs("a", "b", folder="train/")
    pairs("A", folder="val/")
    same = np.zeros((6, 9, 3), np.uint8)
    photograph("train/images/a.png", same)
    photograph("val/images/A.png", same)
    assert "1 case is in two splits: " in refused(reader())


def test_splits_that_number_alike(pairs, reader):
    """Other images under the same names are other cases, told apart by their split."""
    pairs("1", "2", folder="train/")
    pairs("1", folder="val/")
    opened = reader()
    assert (ids(opened, "train"), ids(opened, "val")) == (["train-1", "train-2"], ["val-1"])
    assert "2 are numbered alike" in dict(opened.describe())["ids"]


def test_ids_that_differ_in_capitals(pairs, whole):
    """On some systems one prediction would overwrite the other."""
    pairs("Case", "case")
    assert "1 id differs from another one in capitals only" in refused(whole())


def test_partners_missing(pairs, photograph, whole):
    """Images without a mask and masks without an image are counted, the first named."""
    pairs("a")
    photograph("images/b.png")
    photograph("masks/c.png", MASK)
    message = refused(whole())
    assert "1 image has no label: images/b.png" in message
    assert "1 label has no image: masks/c.png" in message


def test_two_files_of_one_id(pairs, photograph, whole):
    """a.png beside a.jpg: nobody knows which."""
    pairs("a")
    photograph("images/a.jpg")
    assert "images/a.png" in refused(whole())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "holds no folder images; it needs a folder images and a folder masks"),
        (["images/a.png"], "holds no folder masks"),
        (["deep/images/a.png", "deep/masks/a.png"], r"did you mean .*deep\?"),
        (["images/readme.txt", "masks/a.png"], "images holds no image"),
        (["images/a.png", "masks/readme.txt"], "masks holds no mask"),
        (["images/train/a.png", "masks/a.png"], "images has a folder for train, masks has none"),
        (["images/slice1.dcm", "masks/a.png"], r"images/slice1\.dcm is a DICOM file; .*dcm2niix"),
        (["images/a.png", "images/b.nii.gz", "masks/a.png"], "images holds photographs and volumes"),
        (["images/a.png", "masks/a.nii.gz"], "masks holds NIfTI volumes, the images are photographs"),
    ],
)
def test_folders_that_are_not_understood(root, reader, files, said):
    """One line that says what is missing and what to do."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    with pytest.raises(SegkitError, match=said) as caught:
        reader()
    assert "\n" not in str(caught.value)


def test_root_that_is_none(tmp_path):
    """A root that is not there is told."""
    from segkit_folder.params import FolderParams
    from segkit_folder.reader import FolderReader

    with pytest.raises(SegkitError, match="is not a folder"):
        FolderReader(tmp_path / "gone", FolderParams())


def test_info_shows_what_was_understood(pairs, root, monkeypatch, tmp_path):
    """`segkit data info` tells form, classes and splits before anything is trained."""
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    pairs(*"abcdefgh", mask=MASK * 255)
    result = CliRunner().invoke(main, ["data", "info", "folder", "--data-root", str(root)])
    assert result.exit_code == 0, result.output
    assert [line.split("\t") for line in result.stdout.splitlines()][:4] == [
        ["note", "images", "8 photographs in images"],
        ["note", "channels", "3"],
        ["note", "classes", "1 foreground (value 255); found in 8 masks (name them in classes.toml)"],
        ["note", "splits", "15% to validate on, 15% to test on (seed 0)"],
    ]
