"""Layouts as public datasets are published, drawn anew: nothing is rearranged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from segkit import IGNORE, SegkitError

MASK = np.zeros((6, 9), np.uint8)
MASK[1:4, 2:7] = 1


def ids(reader, split: str = "train") -> list[str]:
    """The ids of a split."""
    return [case.id for case in reader.cases(split)]


def test_nnunet_in_2d(photograph, root, whole):
    """imagesTr with _0000, labelsTr, dataset.json's labels; imagesTs is told and not scored."""
    for number in range(4):
        photograph(f"imagesTr/case_{number}_0000.png")
        photograph(f"labelsTr/case_{number}.png", MASK * 2)
    test = photograph("imagesTs/case_9_0000.png")
    labels = {"background": 0, "disc": 1, "cup": 2}
    (root / "dataset.json").write_text(
        json.dumps({"channel_names": {"0": "R"}, "labels": labels, "file_ending": ".png"})
    )
    opened = whole()
    assert opened.task.classes == ("disc", "cup")
    assert ids(opened) == [f"case_{number}" for number in range(4)]
    assert np.unique(opened.read(opened.cases("train")[0]).mask).tolist() == [0, 2]
    assert "predicted by a run, not scored" in dict(opened.describe())["without masks"]
    assert "not scored" in opened.left_out[test]
    assert root / "dataset.json" in opened.describing


def test_another_dataset_json(photograph, root, whole):
    """A file of that name that names no labels is left out, and told like others."""
    photograph("images/a.png")
    photograph("masks/a.png", MASK)
    (root / "dataset.json").write_text('{"images": [1, 2]}')
    opened = whole()
    assert opened.task.classes == ("foreground",)
    assert not opened.describing


def test_nnunet_in_2d_of_several_files(photograph, root, whole):
    """One file per channel is refused, and the files are named."""
    for channel in ("0000", "0001"):
        photograph(f"imagesTr/case_1_{channel}.png", MASK * 90)
    photograph("labelsTr/case_1.png", MASK)
    with pytest.raises(SegkitError, match=r"one file per channel"):
        whole()


def drive(root, photograph, split: str, *, manual: bool = True) -> None:
    """Write one split of DRIVE as it is published: TIFF images, GIF masks, GIF fields of view."""
    for number in (21, 22):
        photograph(f"{split}/images/{number}_{split}.tif")
        field = Image.fromarray((np.arange(54).reshape(6, 9) % 9 > 0).astype(np.uint8) * 255)
        (root / split / "mask").mkdir(exist_ok=True)
        field.save(root / split / "mask" / f"{number}_{split}_mask.gif")
        if manual:
            (root / split / "1st_manual").mkdir(exist_ok=True)
            Image.fromarray(MASK * 255).save(root / split / "1st_manual" / f"{number}_manual1.gif")


def test_drive(root, photograph, whole):
    """Which folder holds the masks is asked; the other may be the field of view; test has no masks."""
    drive(root, photograph, "training")
    drive(root, photograph, "test", manual=False)
    with pytest.raises(
        SegkitError, match=r"holds the folders mask and 1st_manual, and each may be the masks"
    ) as caught:
        whole()
    assert "--set data.masks=1st_manual" in caught.value.hint
    assert "data.field_of_view=mask" in caught.value.hint
    opened = whole(masks="1st_manual")
    assert ids(opened) == ["21", "22"]
    [first, _] = opened.cases("train")
    np.testing.assert_array_equal(opened.read(first).mask, MASK)
    inside = whole(masks="1st_manual", field_of_view="mask")
    labels = inside.read(inside.cases("train")[0]).mask
    assert (labels[:, 0] == IGNORE).all()
    np.testing.assert_array_equal(labels[:, 1:], MASK[:, 1:])
    assert len([reason for reason in opened.left_out.values() if "not scored" in reason]) == 2


def test_dsb2018(photograph, whole):
    """A folder per case with one image and a mask for each nucleus: the masks are joined."""
    half = MASK.copy()
    half[:, 5:] = 0
    for case in ("0a1b", "22cd", "fe01"):
        photograph(f"{case}/images/{case}.png")
        photograph(f"{case}/masks/n1.png", half * 255)
        photograph(f"{case}/masks/n2.png", (MASK - half) * 255)
    opened = whole()
    assert opened.task.classes == ("foreground",)
    assert ids(opened) == ["0a1b", "22cd", "fe01"]
    np.testing.assert_array_equal(opened.read(opened.cases("train")[0]).mask, MASK)
    assert "joined" in dict(opened.describe())["classes"]


def test_fuseg(photograph, reader):
    """train, validation and test with images and labels, test without: not scored, and said."""
    for split in ("train", "validation"):
        photograph(f"{split}/images/0011.png")
        photograph(f"{split}/labels/0011.png", MASK * 255)
    photograph("test/images/0017.png")
    opened = reader()
    assert (ids(opened), ids(opened, "val"), ids(opened, "test")) == (["train-0011"], ["val-0011"], [])
    assert "1 images such as test/images/0017.png" in dict(opened.describe())["without masks"]


def test_train_images_and_train_masks(photograph, reader):
    """Folders whose names hold both the split and what is in them."""
    for split in ("train", "val", "test"):
        photograph(f"{split}_images/{split}1.png")
        photograph(f"{split}_masks/{split}1.png", MASK)
    opened = reader()
    assert [ids(opened, split) for split in ("train", "val", "test")] == [["train1"], ["val1"], ["test1"]]


def test_bmp_and_gif(photograph, root, whole):
    """Images and masks in formats of old microscopes."""
    for form in ("bmp", "gif"):
        photograph(f"images/{form}.{form}")
        photograph(f"masks/{form}.{form}", MASK * 255)
    opened = whole()
    for case in opened.cases("train"):
        np.testing.assert_array_equal(opened.read(case).mask, MASK)


def test_images_that_are_not_read_are_told(photograph, root, whole):
    """WebP beside PNG is left out with its reason."""
    photograph("images/a.png")
    photograph("masks/a.png", MASK)
    other = photograph("images/b.webp")
    assert whole().left_out[other] == "of a kind of image that is not read"


def test_two_folders_that_may_be_the_masks(photograph, whole):
    """Are asked about, unless one holds no image."""
    photograph("images/a.png")
    photograph("masks/a.png", MASK)
    path = photograph("labels/a.png", MASK)
    with pytest.raises(SegkitError, match=r"each may be the masks; say which: --set data\.masks="):
        whole()
    path.rename(path.with_suffix(".txt"))
    assert ids(whole()) == ["a"]


def test_images_without_masks_are_read_without(photograph, reader):
    """What a run predicts and does not score: the image alone, under a name that says its split."""
    for split in ("train", "val"):
        photograph(f"{split}/images/1.png")
        photograph(f"{split}/masks/1.png", MASK)
    photograph("test/images/1.png")
    opened = reader()
    [case] = opened.unscored()
    assert case.id == "test-1"
    sample = opened.read(case)
    assert (sample.image.shape, sample.mask) == ((3, 6, 9), None)


def test_folders_of_patients_in_the_images(photograph, whole):
    """The sentence names the patterns, and these read it."""
    for patient in ("p1", "p2"):
        photograph(f"images/{patient}/1.png")
        photograph(f"masks/{patient}/1.png", MASK)
    with pytest.raises(SegkitError, match=r"images holds no image; .*data\.images=images/\*/\*\.png"):
        whole()
    assert ids(whole(images="images/*/*.png", masks="masks/*/*.png")) == ["p1-1", "p2-1"]


def test_a_test_split_with_an_empty_folder_of_masks(photograph, root, reader):
    """Is one without masks."""
    for split in ("train", "val"):
        photograph(f"{split}/images/{split}.png")
        photograph(f"{split}/masks/{split}.png", MASK)
    photograph("test/images/1.png")
    (root / "test" / "masks").mkdir()
    assert [case.id for case in reader().unscored()] == ["test-1"]


def test_voc_as_cvat_exports_it(photograph, root, whole):
    """JPEGImages, SegmentationClass and labelmap.txt; SegmentationObject is told."""
    picture = np.where(MASK[..., None], (255, 0, 0), (0, 0, 0)).astype(np.uint8)
    photograph("JPEGImages/a.jpg")
    photograph("SegmentationClass/a.png", picture)
    other = photograph("SegmentationObject/a.png", picture)
    (root / "labelmap.txt").write_text("background:0,0,0::\nwound:255,0,0::\n")
    opened = whole()
    assert opened.task.classes == ("wound",)
    np.testing.assert_array_equal(opened.read(opened.cases("train")[0]).mask, MASK)
    assert other not in opened.cases("train")[0].files
