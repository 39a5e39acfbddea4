"""Classes that are joined of values, and classes whose masks overlap."""

import numpy as np
import pytest

from segkit import IGNORE, SegkitError, UsageError
from segkit_folder.classes_file import read_classes

LABELS = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 255], np.uint8), (6, 9))


def mask_of(opened, id="a"):
    """The mask of one case."""
    return opened.read(next(case for case in opened.cases("train") if case.id == id)).mask


@pytest.mark.parametrize(
    "toml",
    [
        "[classes]\nwhole = [1, 2, 3]\ncore = [2, 3]\nspot = 3",
        "classes = {whole = {values = [1, 2, 3]}, core = [2, 3], spot = [3]}",
    ],
)
def test_unions_overlap_where_they_share_a_value(root, pairs, whole, toml):
    """The task says so by itself, and every class has a plane of its values."""
    pairs("a", mask=LABELS)
    (root / "classes.toml").write_text(f"ignore = 255\n{toml}")
    opened = whole()
    assert opened.task.overlapping
    assert opened.task.classes == ("whole", "core", "spot")
    found = mask_of(opened)
    for plane, values in zip(found, ([1, 2, 3], [2, 3], [3]), strict=True):
        assert np.array_equal(plane, np.where(LABELS == 255, IGNORE, np.isin(LABELS, values)))
    assert dict(opened.describe())["classes"].startswith("1 whole (value 1 + value 2 + value 3), 2 core (value 2 + ")


def test_unions_without_a_common_value_exclude_each_other(root, pairs, whole):
    """They are a label map as ever."""
    pairs("a", mask=np.where(LABELS == 255, 0, LABELS).astype(np.uint8))
    (root / "classes.toml").write_text("[classes]\nrest = [3]\nboth = [1, 2]")
    opened = whole()
    assert not opened.task.overlapping
    assert np.unique(mask_of(opened)).tolist() == [0, 1, 2]


def test_unions_of_colours(root, photograph, whole):
    """A list of colours as text is a union of them."""
    photograph("images/a.png")
    pixels = np.zeros((6, 9, 3), np.uint8)
    pixels[0], pixels[1] = (255, 0, 0), (0, 255, 0)
    photograph("masks/a.png", pixels)
    (root / "classes.toml").write_text('[classes]\nwhole = ["#ff0000", "#00ff00"]\ncore = "#00ff00"')
    found = mask_of(whole())
    assert found[:, :3, 0].tolist() == [[1, 1, 0], [0, 1, 0]]


def test_unions_in_volumes(root, volume, whole):
    """Read as those of photographs are; nnU-Net's dataset.json says them as lists too."""
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    volume("images/a.nii.gz", values)
    volume("masks/a.nii.gz", (values % 4).astype(np.uint8))
    (root / "classes.toml").write_text("[classes]\nwhole = [1, 2, 3]\ncore = [2, 3]")
    opened = whole()
    sample = opened.read(opened.cases("train")[0])
    labels = (sample.image[0] % 4).astype(np.uint8)
    assert np.array_equal(sample.mask, np.stack([labels > 0, labels > 1]))


def test_three_numbers_of_a_colour_stay_a_colour(root):
    """As they were before classes could be unions."""
    (root / "classes.toml").write_text("classes = {lesion = [255, 0, 0], hair = [0, 255, 0]}")
    found = read_classes(root / "classes.toml")
    assert (found.colours, found.unions) == (True, None)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("whole = [1, 2, 3]\ncore = [2, 3, 4]", "may be a colour or a union of three values"),
        ("whole = [1, 2]\ncore = []", "class core is made of no value"),
        ("whole = [1, 2]\ncore = [2, 2]", r"class core names a value twice: \[2, 2\]"),
        ("whole = [1, [2]]", "which are no values"),
        ('whole = [1, "#ff0000"]', "colours and values"),
        ("whole = [0, 1]", "a value that is no number from 1 on"),
    ],
)
def test_unions_that_cannot_be_meant(root, toml, told):
    """Each in a sentence with the way out."""
    (root / "classes.toml").write_text(f"[classes]\n{toml}")
    with pytest.raises(SegkitError, match=told):
        read_classes(root / "classes.toml")


def test_a_value_that_no_mask_has_is_told(root, pairs, whole):
    """By `data verify`, with the class that is made of it; one that no class has is refused with its mask."""
    pairs("a", mask=np.where(LABELS == 255, 0, LABELS).astype(np.uint8))
    (root / "classes.toml").write_text("[classes]\nwhole = [1, 2, 3, 9]\ncore = [2, 3]")
    problems = [(problem.file, problem.reason) for problem in whole().verify()]
    assert problems == [("classes.toml", "makes class whole of value 9, which no mask holds")]
    (root / "classes.toml").write_text("[classes]\nwhole = [1, 2]\ncore = [2]")
    with pytest.raises(SegkitError, match=r"masks/a\.png has values of no class: 3"):
        mask_of(whole())


def test_folders_of_classes_overlap_where_it_is_said(root, photograph, whole):
    """Each class has its own file; the sentence about an overlap names the way out."""
    photograph("images/a.png")
    for number, name in enumerate(("hair", "lesion")):
        mask = np.zeros((6, 9), np.uint8)
        mask[number : number + 3] = 255
        photograph(f"masks/{name}/a.png", mask)
    with pytest.raises(SegkitError, match="and a pixel has one class") as caught:
        mask_of(whole())
    assert "data.overlapping=true" in caught.value.hint
    opened = whole(overlapping=True)
    assert opened.task.overlapping
    assert mask_of(opened)[:, :5, 0].tolist() == [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0]]
    (root / "classes.toml").write_text("[classes]\nwhole = [1, 2]\ncore = [2]")
    with pytest.raises(SegkitError, match="joins classes of values, and the masks have a folder for each class"):
        whole(overlapping=True)


@pytest.mark.parametrize("setting", ["ignore", "field_of_view"])
def test_what_nobody_looked_at_is_drawn_apart(root, photograph, pairs, whole, setting):
    """A folder of masks inside, or outside, of which pixels are ignored in every class; of overlapping ones too."""
    pairs("a", mask=np.where(LABELS == 255, 0, LABELS).astype(np.uint8))
    drawn = np.zeros((6, 9), np.uint8)
    drawn[:2] = 255
    photograph("apart/a.png", drawn)
    (root / "classes.toml").write_text("[classes]\nwhole = [1, 2, 3]\ncore = [2, 3]")
    found = mask_of(whole(**{setting: "apart"}))
    ignored = (drawn > 0) == (setting == "ignore")
    assert (found[:, ignored] == IGNORE).all()
    assert not (found[:, ~ignored] == IGNORE).any()


def test_what_is_ignored_of_some(root, photograph, pairs, whole):
    """An image without such a mask has nothing ignored; one that ignores everything is told by verify."""
    pairs("a", "b")
    photograph("ignore/a.png", np.full((6, 9), 255, np.uint8))
    opened = whole(ignore="ignore")
    assert (mask_of(opened) == IGNORE).all()
    assert not (mask_of(opened, "b") == IGNORE).any()
    told = {problem.file: problem.reason for problem in opened.verify()}
    assert told["masks/a.png"] == "has nothing but ignored pixels"
    with pytest.raises(UsageError, match="both say which pixels count"):
        whole(ignore="ignore", field_of_view="ignore")


def test_a_folder_of_ignored_regions_is_found(root, photograph, pairs, whole):
    """A folder called ignore beside the masks is used and told; what somebody names, and is not there, is refused."""
    pairs("a", "b")
    photograph("Ignore/b.png", np.full((6, 9), 255, np.uint8))
    opened = whole()
    assert (mask_of(opened, "b") == IGNORE).all()
    assert not (mask_of(opened) == IGNORE).any()
    assert ("ignored regions", "of 1 of 2 images, in Ignore") in opened.notes
    photograph("other/z.png", np.full((6, 9), 255, np.uint8))
    for setting in ("ignore", "field_of_view"):
        for name in ("nowhere", "other"):
            with pytest.raises(SegkitError, match=f"data.{setting}: {name} names no folder or file"):
                whole(**{setting: name})


def test_ignored_voxels(root, volume, whole):
    """In volumes as in photographs."""
    volume("images/a.nii.gz", np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    volume("masks/a.nii.gz", np.ones((2, 3, 4), np.uint8))
    ignored = np.zeros((2, 3, 4), np.uint8)
    ignored[0, 0, 0] = 1
    volume("ignore/a.nii.gz", ignored)
    opened = whole()
    mask = opened.read(opened.cases("train")[0]).mask
    assert np.count_nonzero(mask == IGNORE) == 1
