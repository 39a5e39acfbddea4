"""Names by pattern, folders of one's own, and what is said where nothing pairs."""

from __future__ import annotations

import numpy as np
import pytest

from segkit import SegkitError, UsageError

MASK = np.zeros((6, 9), np.uint8)
MASK[1:4, 2:7] = 1


def ids(reader, split: str = "train") -> list[str]:
    """The ids of a split."""
    return [case.id for case in reader.cases(split)]


@pytest.mark.parametrize(
    ("image", "mask", "images", "masks"),
    [
        ("{}_preprocessed.png", "{}_gtm.png", "*_preprocessed.png", "*_gtm.png"),
        ("x/{}.png", "y/{}_seen.png", "x/*.png", "y/*_seen.png"),
        ("pictures/{}.png", "drawn/{}.png", "pictures", "drawn"),
        ("a/pictures/{}.png", "a/by hand/{}.png", "a/pictures", "a/by hand"),
        ("{}/photo.png", "{}/outline.png", "*/photo.png", "*/outline.png"),
        ("{}.png", "{}_m.png", "*.png", "*_m.png"),
        ("{}.png", "{}_m.png", "*.*", "*_m.*"),
        ("{}_A.PNG", "{}_B.png", "*_a.png", "*_b.png"),
    ],
)
def test_patterns_and_names(photograph, whole, image, mask, images, masks):
    """What the star stands for is the id; a name without a star is a folder."""
    for id in ("1", "2", "33"):
        photograph(image.format(id))
        photograph(mask.format(id), MASK)
    opened = whole(images=images, masks=masks)
    assert ids(opened) == ["1", "2", "33"]
    assert all(np.array_equal(opened.read(case).mask, MASK) for case in opened.cases("train"))


def test_patterns_in_folders_of_splits(photograph, reader):
    """A folder on the way says the split, also where splits number alike."""
    for split in ("train", "val", "test"):
        photograph(f"{split}/1_image_x.png")
        photograph(f"{split}/1_mask_x.png", MASK)
    opened = reader(images="*_image_x.png", masks="*_mask_x.png")
    assert [ids(opened, split) for split in ("train", "val", "test")] == [["train-1"], ["val-1"], ["test-1"]]


def test_half_a_pattern(photograph, whole):
    """Both or none."""
    photograph("a_x.png")
    with pytest.raises(UsageError, match=r"data\.masks is not said; add --set 'data\.masks="):
        whole(images="*_x.png")
    with pytest.raises(SegkitError, match=r"holds no file called like data\.masks=\*_y\.png"):
        whole(images="*_x.png", masks="*_y.png")


def test_what_is_called_like_neither_is_told(photograph, whole):
    """Every file has its reason."""
    photograph("a_x.png")
    photograph("a_y.png", MASK)
    other = photograph("a_z.png")
    assert whole(images="*_x.png", masks="*_y.png").left_out[other].startswith("called like neither")


@pytest.mark.parametrize(
    ("images", "masks", "found"),
    [
        (["21_training", "22_training"], ["21_manual1", "22_manual1"], ["21", "22"]),
        (["img1", "img2"], ["mask1", "mask2"], ["1", "2"]),
        (["a_preprocessed", "b_preprocessed"], ["a_mask", "b_mask"], ["a", "b"]),
        (["scan-01-left", "scan-02-left"], ["seg-01-left", "seg-02-left"], ["01", "02"]),
    ],
)
def test_what_all_names_have_in_common(photograph, whole, images, masks, found):
    """Is taken off where it then pairs every file, and told."""
    for image, mask in zip(images, masks, strict=True):
        photograph(f"images/{image}.png")
        photograph(f"masks/{mask}.png", MASK)
    opened = whole()
    assert ids(opened) == found
    assert "names" in dict(opened.describe())


def test_nothing_pairs(photograph, whole):
    """The sentence shows an image's name beside a mask's, and the pattern that would pair them."""
    for id in ("p1", "p2", "p3"):
        photograph(f"images/{id}_preprocessed.png")
        photograph(f"masks/m_{id}_drawn.png", MASK)
    photograph("images/other.png")
    with pytest.raises(SegkitError) as caught:
        whole()
    assert "there is the image p1_preprocessed.png, and the mask m_p1_drawn.png" in caught.value.message
    assert "--set 'data.images=*_preprocessed.png' --set 'data.masks=m_*_drawn.png'" in caught.value.hint
    opened = whole(images="*_preprocessed.png", masks="m_*_drawn.png")
    assert ids(opened) == ["p1", "p2", "p3"]


def test_images_and_masks_in_one_folder(photograph, reader, root):
    """Are told apart by the masks' ending, in one folder or in one per split."""
    for id in ("a", "b", "c", "d"):
        photograph(f"{id}.png")
        photograph(f"{id}_segmentation.png", MASK)
    opened = reader(val=0.25, test=0.25)
    assert sorted(opened.pairs) == ["a", "b", "c", "d"]
    for split in ("train", "val"):
        photograph(f"{split}/{split}1.png")
        photograph(f"{split}/{split}1_mask.png", MASK)
    opened = reader()
    assert [ids(opened, split) for split in ("train", "val")] == [["train1"], ["val1"]]
