"""YOLO segmentation labels in the layouts that people have them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit_coco.labels import read_line

BOX = "0 0.5 0.5 0.4 0.4"
SQUARE = "0 0.166666667 0.125 0.5 0.125 0.5 0.625 0.166666667 0.625\n"
FAR = "1 0.75 0.25 1 0.25 1 0.5 0.75 0.5\n"
NAMES = "names: [lesion, hair]\n"


@pytest.mark.parametrize("layout", ["images/{split}|labels/{split}", "{split}/images|{split}/labels"])
@pytest.mark.parametrize("yaml", [None, "names", "plain", "roboflow", "absolute", "lists"])
def test_layouts(label, root, yolo, ids, mask_of, square, layout, yaml):
    """Splits outside or inside of images and labels, with data.yaml as tools write it, or without."""
    images, labels = layout.split("|")
    for split in ("train", "val", "test"):
        label(f"{split}-1", SQUARE)
        for kind, suffix, place in (("images", "png", images), ("labels", "txt", labels)):
            target = root / place.format(split=split)
            target.mkdir(parents=True, exist_ok=True)
            shutil.move(root / kind / f"{split}-1.{suffix}", target)
    place = {
        "plain": "{split}: {at}\n",
        "roboflow": "{split}: ../{at}\n",
        "absolute": "{split}: /home/somebody/data/{at}\n",
        "lists": "{split}:\n  - ./{at}\n",
    }.get(yaml or "", "")
    listed = "".join(place.format(split=split, at=images.format(split=split)) for split in ("train", "val", "test"))
    if yaml is not None:
        (root / "data.yaml").write_text(f"path: ../datasets/data\n{listed}nc: 2\nnames:\n  0: lesion\n  1: no\n")
    opened = yolo()
    assert [ids(opened, split) for split in ("train", "val", "test")] == [["train-1"], ["val-1"], ["test-1"]]
    assert np.array_equal(mask_of(opened, "val-1"), square)
    assert opened.task.classes == (("class-0",) if yaml is None else ("lesion", "no"))
    assert not list(opened.verify())


def test_lists_of_photographs(label, root, yolo, ids, told, refused):
    """data.yaml may name text files that list photographs; others are left out, and one that is gone is an error."""
    for name in "abc":
        label(name, SQUARE)
    (root / "train.txt").write_text("./images/a.png\n\n")
    (root / "val.txt").write_text("images/b.png\n")
    (root / "data.yaml").write_text(f"train: train.txt\nval: val.txt\ntest:\n{NAMES}")
    opened = yolo()
    assert (ids(opened), ids(opened, "val"), ids(opened, "test")) == (["a"], ["b"], [])
    assert "images/c.png is in none of the folders of photographs" in told(opened)
    (root / "val.txt").write_text("images/z.png\n")
    assert "1 image that is listed is not there: images/z.png in val.txt" in refused(lambda: yolo().cases("train"))


def test_flat_folders_are_dealt_out(label, root, ids):
    """Without splits the photographs are shared out by seed."""
    from segkit_coco.params import YoloParams
    from segkit_coco.yolo import YoloReader

    for number in range(10):
        label(f"{number}", SQUARE)
    opened = YoloReader(root, YoloParams())
    assert [len(ids(opened, split)) for split in ("train", "val", "test")] == [6, 2, 2]


def test_labels_beside_the_photographs(photograph, root, yolo, ids):
    """Darknet's layout: text files in the photographs' own folder, names in obj.names."""
    photograph("obj/a.png")
    (root / "obj" / "a.txt").write_text(SQUARE)
    (root / "obj.names").write_text("lesion\n\n")
    opened = yolo()
    assert (ids(opened), opened.task.classes) == (["a"], ("lesion",))


def test_background_is_told(label, root, yolo, told, mask_of):
    """A missing and an empty label file mean background, and are counted."""
    for name, text in (("a", SQUARE), ("b", ""), ("c", None), ("d", "\n\n")):
        label(name, text)
    opened = yolo()
    assert "2 images with an empty label file are background only, first: labels/b.txt" in told(opened)
    assert "1 image without a label file is background only: images/c.png" in told(opened)
    assert not mask_of(opened, "b").any()
    assert not mask_of(opened, "c").any()


def test_classes(label, root, yolo, told, mask_of, square):
    """Names in the order of their numbers; a subset, its order and unused names are told."""
    label("a", SQUARE + FAR)
    (root / "data.yaml").write_text("names: {1: hair, 0: lesion, 5: never}\n")
    opened = yolo()
    assert opened.task.classes == ("lesion", "hair", "never")
    assert "unused: 1 of 3 classes have no outline: never" in told(opened)
    assert np.unique(mask_of(opened, "a")).tolist() == [0, 1, 2]
    only = yolo(classes=("hair",))
    assert mask_of(only, "a")[2:4, 9:].all()
    assert mask_of(only, "a").sum() == 6
    assert "of a class that was not asked for is background: labels/a.txt, line 1" in told(only)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOX, "1 line is a box (class, x, y, width, height) and no outline: labels/a.txt, line 1"),
        (SQUARE + BOX, "1 line is a box (class, x, y, width, height) and no outline: labels/a.txt, line 2"),
        ("0 0.1 0.1 0.5 0.5 0.9", "is not of the form"),
        ("0 0.1 0.1 0.5", "is not of the form"),
        ("0", "fewer than 3 points"),
        ("lesion 0.1 0.1 0.5 0.5 0.1 0.5", "is not of the form"),
        ("-1 0.1 0.1 0.5 0.5 0.1 0.5", "is not of the form"),
        ("0.5 0.1 0.1 0.5 0.5 0.1 0.5", "is not of the form"),
        ("0 0.1 0.1 0.5 0.5 0.1 x", "is not of the form"),
        ("0,0.1,0.1,0.5,0.5,0.1,0.5", "is not of the form"),
        ("0 nan 0.1 0.5 0.5 0.1 0.5", "no shares of the image"),
        ("0 inf 0.1 0.5 0.5 0.1 0.5", "no shares of the image"),
        ("0 100 100 200 100 200 300", "no shares of the image"),
        ("9 0.1 0.1 0.5 0.5 0.1 0.5", "1 line has a class without a name: labels/a.txt, line 1"),
        ("9" * 5000 + " 0.1 0.1 0.5 0.5 0.1 0.5", "is not of the form"),
    ],
)
def test_lines_that_cannot_be_used(label, root, yolo, refused, text, said):
    """Each is counted with file and line of the first; verify lists the same."""
    label("a", text)
    (root / "data.yaml").write_text(NAMES)
    assert said in refused(lambda: yolo().cases("train"))
    assert list(yolo().verify())


def test_files_that_do_not_pair(label, photograph, root, yolo, refused):
    """A label without a photograph, one of two photographs, and one that is no text are errors."""
    label("a", SQUARE)
    (root / "labels" / "b.txt").write_text(SQUARE)
    (root / "labels" / "classes.txt").write_text("lesion\nhair\n")
    assert "1 label has no image: labels/b.txt" in refused(lambda: yolo().cases("train"))
    (root / "labels" / "b.txt").unlink()
    photograph("images/a.jpg")
    assert "1 label belongs to two photographs" in refused(lambda: yolo().cases("train"))
    (root / "images" / "a.jpg").unlink()
    (root / "labels" / "a.txt").write_bytes(b"\xff\xfe0\x00")
    assert "1 label cannot be read as text: labels/a.txt" in refused(lambda: yolo().cases("train"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: [a, b", "data.yaml is no YAML"),
        ("- a\n- b\n", "data.yaml holds no keys and values"),
        ("just text", "data.yaml holds no keys and values"),
        ("", "data.yaml holds no keys and values"),
        ("nc: 2\n", "data.yaml names no classes"),
        ("names: lesion\n", "data.yaml names no classes"),
        ("names: {lesion: 0}\n", "a class that is no number with a name: lesion"),
        ("names: [[lesion]]\n", "a class that is no number with a name: 0"),
        ('names: ["a\\eb"]\n', "a class that is no number with a name: 0"),
        ("names: [a, a]\n", "names a class twice: a"),
        ("names: {0: a, 0: b}\n", "found '0' twice"),
        ("names: {0: a, 00: b}\n", "names a class twice"),
        ("nc: 3\nnames: [a, b]\n", "says nc: 3 and names 2 classes"),
        ("train: {a: b}\nnames: [a, b]\n", "train is no folder"),
        ("train: [[images]]\nnames: [a, b]\n", "train is no folder"),
        ("train: gone\nnames: [a, b]\n", "there is no train: gone"),
        ("train: ../../etc\nnames: [a, b]\n", "there is no train"),
        ("kpt_shape: [17, 3]\nnames: [a, b]\n", "describes key points"),
        ("a: " + "[" * 5000, "data.yaml is no YAML"),
        ("a: &a [x]\nb: [*a, *a]\nnames: *gone\n", "data.yaml is no YAML"),
        ("? [a, b]\n: c\nnames: [a, b]\n", "data.yaml"),
        ("\x00", "data.yaml is no YAML"),
    ],
)
def test_yaml_that_cannot_be_meant(label, root, yolo, refused, text, said):
    """One line that names the file."""
    label("a", SQUARE)
    (root / "data.yaml").write_text(text)
    assert said in refused(yolo)


def test_yaml_makes_no_objects(label, root, yolo, monkeypatch, tmp_path):
    """Tags that make objects in other loaders are text here: nothing is run."""
    monkeypatch.chdir(tmp_path)
    label("a", SQUARE)
    (root / "data.yaml").write_text("names: !!python/object/apply:os.system [touch ran]\n")
    assert yolo().task.classes == ("touch ran",)
    assert not (tmp_path / "ran").exists()


def test_places_stay_below_the_root(label, photograph, root, yolo, ids):
    """A place with .. is looked for below the root; what lies outside of it is never read."""
    label("a", SQUARE)
    photograph("../images/outside.png")
    (root / "data.yaml").write_text(f"train: ../../images\n{NAMES}")
    assert ids(yolo()) == ["a"]


def test_one_folder_for_two_splits(label, root, yolo, refused):
    """Validation photographs that are scored as well are a leak."""
    label("a", SQUARE)
    (root / "data.yaml").write_text(f"train: images\nval: images\n{NAMES}")
    assert "1 image is in two splits: images/a.png" in refused(lambda: yolo().cases("train"))


def test_splits_of_some(label, root, yolo, ids, told, refused):
    """Photographs beside the folders of the splits are refused; outside of images they are left out."""
    label("train/a", SQUARE)
    label("b", SQUARE)
    assert "images/b.png is in no folder of train, val or test" in refused(yolo)
    (root / "labels" / "b.txt").unlink()
    (root / "images" / "b.png").rename(root / "preview.png")
    opened = yolo()
    assert ids(opened) == ["a"]
    assert "preview.png is in none of the folders of photographs" in told(opened)


def test_roots_that_are_none(root, photograph, yolo, refused):
    """No photographs, or none with labels."""
    assert "holds no photographs" in refused(yolo)
    photograph("images/a.png")
    assert "none of the 1 photographs" in refused(yolo)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("0123456789.-+ eEnaif_x\t,"), max_size=60))
def test_any_line(text):
    """Whatever a line holds, it is an outline within reach of the image or one of the faults."""
    words = text.split()
    if words:
        line, fault = read_line(words, 1)
        assert (line is None) != (fault is None)
        assert line is None or (np.isfinite(line.points).all() and len(line.points) >= 3)
