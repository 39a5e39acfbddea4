"""COCO instance files in the layouts that people have them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

SPLITS = ("train", "val", "test")
FAR = [8, 1, 11, 1, 11, 5, 8, 5]
"""Columns 8 to 10, rows 1 to 4."""


@pytest.mark.parametrize(
    ("files", "images"),
    [
        ("annotations/instances_{}.json", "images"),
        ("annotations/instances_{}2017.json", "{}2017"),
        ("{}.json", "images/{}"),
        ("{}/_annotations.coco.json", "{}"),
        ("labels/{}/coco.json", "images/{}"),
    ],
)
def test_splits_of_their_own(write, coco, reader, ids, mask_of, square, told, files, images):
    """COCO's folders, Roboflow's and others: each file is of the split that its name or folder says."""
    for split, word in zip(SPLITS, ("train", "valid" if "_annotations" in files else "val", "test"), strict=True):
        write(files.format(word), coco([f"{split}-1.png"]), images.format(word))
    opened = reader()
    assert [ids(opened, split) for split in SPLITS] == [["train-1"], ["val-1"], ["test-1"]]
    assert np.array_equal(mask_of(opened, "val-1"), square)
    assert "splits: from the annotation files" in told(opened)
    assert not list(opened.verify())


def test_one_file_is_dealt_out(write, coco, reader, ids, told):
    """A single file says no split, whatever its name: its images are shared out, the same each time."""
    write("instances_train.json", coco([f"{n}.png" for n in range(20)]))
    opened = reader()
    parts = [ids(opened, split) for split in SPLITS]
    assert [len(part) for part in parts] == [14, 3, 3]
    assert sorted([id for part in parts for id in part]) == sorted(f"{n}" for n in range(20))
    assert parts == [ids(reader(), split) for split in SPLITS]
    assert parts != [ids(reader(split_seed=1), split) for split in SPLITS]
    assert "15% to validate on, 15% to test on (seed 0)" in told(opened)


def test_folds_and_patients(write, coco, reader, ids, refused):
    """Patients stay together, in shares and in folds; a fold of what files divide is refused."""
    names = [f"{patient}_{shot}" for patient in "abcdef" for shot in (1, 2)]
    write("a.json", coco([f"{name}.png" for name in names]))
    held = [ids(reader(patient=r"(\w)_", fold=fold, folds=3), "val") for fold in range(3)]
    assert sorted(id for part in held for id in part) == names
    assert all(len({id[0] for id in part}) == 2 for part in held)
    write("train.json", coco(["t.png"]))
    write("val.json", coco(["v.png"]))
    both = ("train.json", "val.json")
    told = refused(lambda: reader(fold=0, annotations=both))
    assert "data.fold=0 of 5 folds, but the annotation files already say" in told


def test_files_that_are_meant(write, coco, reader, whole, ids, refused):
    """Files are named below the root or anywhere; several without a split are one dataset, some with one are not."""
    write("a.json", coco(["a.png"]))
    write("b.json", coco(["b.png"]))
    write("train.json", coco(["t.png"]))
    assert ids(whole(annotations=("a.json", "b.json"))) == ["a", "b"]
    assert ids(whole(annotations=("a.json",))) == ["a"]
    assert "a.json does not say whether it is train" in refused(reader)
    assert "data.annotations=z.json: there is no such file" in refused(lambda: reader(annotations=("z.json",)))


def test_other_json_files_are_left_out(write, coco, whole, ids, told):
    """Captions, key points and what is something else beside the instances are named."""
    write("annotations/instances_train2017.json", coco(["a.png"]))
    write("annotations/instances_val2017.json", coco(["b.png"]))
    write("annotations/person_keypoints_train2017.json", coco(["a.png"]), None)
    write("annotations/captions_extra.json", json.dumps({"images": [], "annotations": []}), None)
    write("settings.json", '{"colour": "red"}', None)
    opened = whole()
    assert (ids(opened), ids(opened, "val")) == (["a"], ["b"])
    assert "annotations/captions_extra.json is no COCO instance file" in told(opened)
    assert "annotations/person_keypoints_train2017.json is of the same split as a file instances_..." in told(opened)
    assert "settings.json is no COCO instance file" in told(opened)


def test_panoptic_file_is_told(write, coco, whole, refused):
    """A panoptic file alone is no instance file, and the sentence says where instances would be looked for."""
    write("panoptic.json", coco(["a.png"], [{"segments_info": [], "file_name": "a.png", "image_id": 1}]))
    assert "holds no COCO instance file" in refused(whole)


@pytest.mark.parametrize("file_name", ["a.png", "images/a.png", "./images/a.png", "images\\a.png", "deep/images/a.png"])
def test_names_of_images(write, coco, photograph, whole, ids, file_name):
    """A name is looked for beside the file, below the root and in images, then by its last parts; \\ is /."""
    write("annotations/all.json", coco([file_name]), None)
    photograph("deep/images/a.png" if file_name.startswith("deep") else "images/a.png")
    assert ids(whole()) == ["a"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_that_macos_wrote(write, coco, photograph, whole, ids, form):
    """An accent written with its letter or apart is the same name."""
    other = "NFD" if form == "NFC" else "NFC"
    write("all.json", coco([unicodedata.normalize(form, "März.png")]), None)
    photograph(unicodedata.normalize(other, "images/März.png"))
    assert len(ids(whole())) == 1


def test_the_same_names_in_every_split(write, coco, reader, ids, mask_of):
    """Splits that number their images alike have ids of their own, by folder."""
    for split in SPLITS:
        write(f"{split}/_annotations.coco.json", coco(["1.png", f"{split}.png"]), split)
    opened = reader()
    assert ids(opened, "val") == ["val_1", "val_val"]
    assert len({case.files[0] for split in SPLITS for case in opened.cases(split)}) == 6


def test_a_name_in_two_folders(write, coco, photograph, whole, ids, refused):
    """Where several files have the name, the folder called like the split is meant, or nobody knows."""
    for split in ("train", "val"):
        write(f"annotations/instances_{split}.json", coco(["1.png"]), f"photos/{split}")
    assert (ids(whole()), ids(whole(), "val")) == (["photos_train_1"], ["photos_val_1"])
    assert "1 image's name fits several files: 1.png" in refused(
        lambda: whole(annotations=("annotations/instances_val.json",)).cases("train")
    )
    assert ids(whole(annotations=("annotations/instances_val.json",), images="photos/train")) == ["1"]
    assert "there is no such folder" in refused(lambda: whole(images="gone"))


def test_images_elsewhere(write, coco, whole, ids, mask_of, square, tmp_path, photograph):
    """Images may lie in a folder outside of the root that is named."""
    write("all.json", coco(["a.png"]), None)
    photograph("../elsewhere/a.png")
    opened = whole(images=str(tmp_path / "elsewhere"))
    assert ids(opened) == ["a"]
    assert np.array_equal(mask_of(opened, "a"), square)


def test_what_is_not_used_is_told(write, coco, photograph, whole, told, mask_of, annotation):
    """Images without annotations, files not listed and outlines reaching out are counted, with the first of them."""
    beyond = annotation(1, segmentation=[[6, 1, 99, 1, 99, 3, 6, 3]])
    write("all.json", coco(["a.png", "b.png"], [beyond]))
    photograph("images/c.png")
    photograph("images/._a.png")
    photograph("__MACOSX/images/d.png")
    opened = whole()
    assert "1 image without annotations is background only: images/b.png" in told(opened)
    assert "images/c.png is in no annotation file" in told(opened)
    assert "images/._a.png litter" in told(opened)
    assert "__MACOSX/images/d.png litter" in told(opened)
    assert "1 outline reaches out of its image and is cut off there: all.json, annotation 1" in told(opened)
    assert not mask_of(opened, "b").any()
    assert np.argwhere(mask_of(opened, "a"))[:, 1].max() == 11


def test_classes_by_id(write, coco, whole, told, mask_of, square, annotation):
    """Classes are in the order of their ids, whatever these are; unused ones are kept and told."""
    categories = [{"id": 90, "name": "late"}, {"id": 7, "name": " early "}, {"id": 1000, "name": "never"}]
    write("all.json", coco(["a.png"], [annotation(1, 90)], categories))
    opened = whole()
    assert opened.task.classes == ("early", "late", "never")
    assert "classes: 1 early, 2 late, 3 never" in told(opened)
    assert "unused: 2 of 3 classes have no outline: early, never" in told(opened)
    assert np.array_equal(mask_of(opened, "a"), square * 2)


def test_some_classes(write, coco, whole, told, mask_of, square, annotation, refused):
    """Classes that are asked for are learnt in that order; outlines of others are background, and told."""
    other = annotation(1, 3, [FAR], id=2)
    write("all.json", coco(["a.png"], [annotation(1, 2), other], ("a", "b", "c")))
    opened = whole(classes=("c", "a"))
    assert opened.task.classes == ("c", "a")
    mask = mask_of(opened, "a")
    assert mask[2, 9] == 1
    assert not (mask * square).any()
    assert "1 annotation of a class that was not asked for is background: all.json, annotation 1" in told(opened)
    assert "no class 'lesoin'" in refused(lambda: whole(classes=("lesoin",)))
    assert "names 'a' twice" in refused(lambda: whole(classes=("a", "a")))


def test_roboflows_group(write, coco, whole, told):
    """The category that only groups the others, and that nothing is of, is no class."""
    categories = [
        {"id": 0, "name": "skin-study", "supercategory": "none"},
        {"id": 1, "name": "lesion", "supercategory": "skin-study"},
    ]
    write("train/_annotations.coco.json", coco(["a.png"], None, categories), "train")
    opened = whole()
    assert opened.task.classes == ("lesion",)
    assert "groups: no classes, since nothing is of them: skin-study" in told(opened)


def test_files_that_number_classes_differently(write, coco, reader, told, mask_of, square):
    """A file's ids are its own: classes are matched by name, and it is told."""
    write("train.json", coco(["a.png"], None, [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]))
    write("val.json", coco(["b.png"], None, [{"id": 1, "name": "y"}, {"id": 2, "name": "x"}]))
    opened = reader()
    assert opened.task.classes == ("x", "y")
    assert np.array_equal(mask_of(opened, "a"), square)
    assert np.array_equal(mask_of(opened, "b"), square * 2)
    assert "matched by name" in told(opened)


def test_too_many_classes(write, coco, whole, refused):
    """More classes than a label map holds are refused, with the way out."""
    write("all.json", coco(["a.png"], None, tuple(f"c{n}" for n in range(255))))
    assert "255 classes, at most 254" in refused(whole)
    assert len(whole(classes=("c1", "c2")).task.classes) == 2


def test_parts_of_one_instance_and_run_lengths(write, coco, whole, mask_of, square, annotation):
    """Parts are joined; run lengths are read as a list and as COCO's compressed string."""
    far = np.zeros((8, 12), np.uint8)
    far[1:5, 8:11] = 1
    string = coco_mask.encode(np.asfortranarray(far))["counts"].decode()
    flat = np.concatenate([[0], far.T.ravel(), [2]]).astype(int)
    lengths = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(flat))])).tolist()
    write(
        "all.json",
        coco(
            ["a.png", "b.png", "c.png"],
            [
                annotation(1, segmentation=[[2, 1, 6, 1, 6, 5, 2, 5], FAR]),
                annotation(2, segmentation={"counts": string, "size": [8, 12]}, iscrowd=1),
                annotation(3, segmentation={"counts": lengths, "size": [8, 12]}, iscrowd=1),
            ],
        ),
    )
    opened = whole()
    assert np.array_equal(mask_of(opened, "a"), square + far)
    assert np.array_equal(mask_of(opened, "b"), far)
    assert np.array_equal(mask_of(opened, "c"), far)


def test_crowds(write, coco, whole, mask_of, told, annotation):
    """A crowd is of its class, or counts for nothing where no other outline is; either way it is told."""
    crowd = annotation(1, segmentation=[[0, 0, 12, 0, 12, 8, 0, 8]], iscrowd=1, id=5)
    write("all.json", coco(["a.png"], [annotation(1, 2), crowd], ("a", "b")))
    ignoring = whole(crowd="ignore")
    assert np.unique(mask_of(ignoring, "a")).tolist() == [2, 255]
    assert "1 region is a crowd (iscrowd=1): all.json, annotation 5" in told(ignoring)
    assert np.unique(mask_of(whole(overlap="area"), "a")).tolist() == [1, 2]


@pytest.mark.parametrize("policy", ["last", "area"])
def test_overlap_of_classes(write, coco, whole, mask_of, refused, annotation, policy):
    """Pixels of two classes are refused, or the later outline's, or the smaller one's; of one class they are joined."""
    small, big = annotation(1, 1, [[2, 1, 5, 1, 5, 4, 2, 4]]), annotation(1, 2, [[0, 0, 9, 0, 9, 8, 0, 8]], id=2)
    same = annotation(2, 1), annotation(2, 1, [[3, 2, 9, 2, 9, 7, 3, 7]], id=4)
    write("all.json", coco(["a.png", "b.png"], [small, big, *same], ("lesion", "skin")))
    message = refused(lambda: mask_of(whole(), "a"))
    assert "all.json, images/a.png, annotation 2 of class skin overlaps with class lesion in 9 pixels" in message
    assert "data.overlap=area" in message
    assert [problem.file for problem in whole().verify()] == ["all.json, images/a.png, annotation 2"]
    mask = mask_of(whole(overlap=policy), "a")
    assert int((mask == 1).sum()) == (9 if policy == "area" else 0)
    assert int((mask > 0).sum()) == 72
    assert mask_of(whole(), "b").sum() == 16 + 30 - 9


def test_outlines_that_mark_nothing(write, coco, whole, annotation):
    """An outline beside its image, or thinner than a pixel, is named by verify; so is one that marks everything."""
    write(
        "all.json",
        coco(
            ["a.png", "b.png", "c.png"],
            [
                annotation(1, segmentation=[[50, 1, 60, 1, 60, 5]]),
                annotation(2, segmentation=[[2, 1.1, 6, 1.1, 6, 1.2, 2, 1.2]]),
                annotation(2, id=9),
                annotation(3, segmentation=[[0, 0, 12, 0, 12, 8, 0, 8]]),
            ],
        ),
    )
    assert [f"{problem.file} {problem.reason}" for problem in whole().verify()] == [
        "all.json, images/a.png 1 of 1 outlines are of no pixel (outside of the image, or thinner than one), first: "
        "annotation 1",
        "all.json, images/b.png 1 of 2 outlines are of no pixel (outside of the image, or thinner than one), first: "
        "annotation 2",
        "all.json, images/c.png marks every pixel as lesion",
    ]


def test_boxes_that_were_written_as_outlines(write, coco, whole, told, annotation):
    """Where every outline is a rectangle along the axes, it is told."""
    write("all.json", coco(["a.png"]))
    assert "all are upright rectangles" in told(whole())
    write("all.json", coco(["a.png"], [annotation(1), annotation(1, segmentation=[[0, 0, 5, 1, 2, 6]], id=2)]))
    assert "rectangles" not in told(whole())


def test_nothing_for_training(write, coco, reader, refused):
    """Files of other splits alone lack the one to train on, which is named as it would be called."""
    for split in ("val", "test"):
        write(f"annotations/instances_{split}2017.json", coco([f"{split}.png"]))
    assert "annotations/instances_train2017.json" in refused(lambda: reader().cases("train"))
    assert [problem.file for problem in reader().verify()] == ["annotations/instances_train2017.json"]


def test_grey_photographs(write, coco, whole, root):
    """Grey photographs alone make one channel."""
    from PIL import Image

    write("all.json", coco(["a.png"]))
    Image.open(root / "images/a.png").convert("L").save(root / "images/a.png")
    assert whole().task.in_channels == 1


def test_root_that_is_none(tmp_path, refused):
    """A root that is not there is told, and one that is of another kind."""
    from segkit_coco.coco import CocoReader
    from segkit_coco.params import CocoParams

    assert "is not a folder" in refused(lambda: CocoReader(tmp_path / "gone", CocoParams()))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").touch()
    assert "--data yolo" in refused(lambda: CocoReader(Path(tmp_path), CocoParams()))
