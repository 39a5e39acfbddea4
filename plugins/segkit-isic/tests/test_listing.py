"""Faults that a listing shows, before a pixel is read."""

import pytest

import segkit

IMAGES, MASKS = "ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"


def test_cases_are_sorted_and_unread(add, reader, root):
    """Cases come by id with image first and mask second; nothing is opened."""
    for id in ("ISIC_3", "ISIC_1", "ISIC_2"):
        for path in add("train", id):
            path.write_bytes(b"")
    cases = reader().cases("train")
    assert [case.id for case in cases] == ["ISIC_1", "ISIC_2", "ISIC_3"]
    assert cases[0].files == (root / IMAGES / "ISIC_1.png", root / MASKS / "ISIC_1_segmentation.png")
    assert cases[0].group is None


def test_other_files_are_left_alone(add, reader, root):
    """Superpixels, tables, hidden files and folders are no photographs and no masks."""
    add()
    for name in ("ISIC_1_superpixels.png", "ISIC-2017_Training_Data_metadata.csv", "._ISIC_1.jpg", "Thumbs.db"):
        (root / IMAGES / name).write_bytes(b"")
    (root / IMAGES / "folder.jpg").mkdir()
    (root / MASKS / "ISIC_1_features.json").write_bytes(b"")
    assert [case.id for case in reader().cases("train")] == ["ISIC_1"]


def test_suffix_in_capitals(add, reader):
    """Some systems write .JPG."""
    add(suffix=".JPG", format="JPEG")
    assert len(reader().cases("train")) == 1


def test_images_without_masks_are_counted(add, reader):
    """Many faults of one kind are one line: how many, and the first."""
    for number in range(5):
        _, mask_file = add("train", f"ISIC_{number}")
        if number:
            mask_file.unlink()
    with pytest.raises(
        segkit.SegkitError, match=f"^4 images have no mask, first: {IMAGES}/ISIC_1.png; a mask is called"
    ):
        reader().cases("train")


def test_mask_without_image(add, reader):
    """A mask whose photograph is gone is named."""
    add("train", "ISIC_1")[0].unlink()
    add("train", "ISIC_2")
    with pytest.raises(segkit.SegkitError, match=f"^1 mask has no image: {MASKS}/ISIC_1_segmentation.png; "):
        reader().cases("train")


def test_all_kinds_in_one_line(add, reader):
    """Different faults are told together."""
    add("train", "ISIC_1")[0].unlink()
    add("train", "ISIC_2")[1].unlink()
    add("train", "ISIC_3")
    with pytest.raises(segkit.SegkitError, match=r"1 image has no mask: .*; 1 mask has no image: "):
        reader().cases("train")


@pytest.mark.parametrize("emptied", [0, 1])
def test_empty_folder(add, reader, emptied):
    """A folder without any image is one fault, not one per file of its partner."""
    files = add("train", "ISIC_1")
    files[emptied].unlink()
    with pytest.raises(segkit.SegkitError, match=f"^1 folder holds no image: {files[emptied].parent.name}; unpack"):
        reader().cases("train")


def test_folder_unpacked_into_itself(add, reader, root):
    """Archives unpacked "to a folder of their own name" are recognised."""
    path = add()[0]
    inner = root / IMAGES / IMAGES
    inner.mkdir()
    path.rename(inner / path.name)
    with pytest.raises(segkit.SegkitError, match=f"folder of its own name: {IMAGES}; move the files one level up"):
        reader().cases("train")


def test_half_a_split(add, reader):
    """Photographs whose ground truth was never unpacked are not a missing split."""
    path = add("test")[1]
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(segkit.SegkitError, match="folder of a split is missing: ISIC-2017_Test_v2_Part1_GroundTruth; "):
        reader().cases("train")


def test_two_files_of_one_id(add, reader, root):
    """A JPEG beside a PNG of the same id is ambiguous."""
    path = add()[0]
    path.with_suffix(".jpg").write_bytes(path.read_bytes())
    with pytest.raises(segkit.SegkitError, match=f"id of another one in its folder: {IMAGES}/ISIC_1.png"):
        reader().cases("train")


def test_leak_between_splits(add, reader):
    """A photograph in two splits is refused."""
    add("train", "ISIC_1")
    add("val", "ISIC_1")
    add("val", "ISIC_2")
    with pytest.raises(
        segkit.SegkitError, match=r"^1 image is in two splits: ISIC-2017_Validation_Data/ISIC_1.png; keep"
    ):
        reader().cases("train")


def test_broken_link(add, reader):
    """A link to nothing is found without reading; a link to a file is as good as the file."""
    path = add()[0]
    kept = path.rename(path.parent.parent / "elsewhere.png")
    path.symlink_to(kept)
    assert len(reader().cases("train")) == 1
    kept.unlink()
    with pytest.raises(segkit.SegkitError, match=f"^1 link leads to no file: {IMAGES}/ISIC_1.png; bring"):
        reader().cases("train")
