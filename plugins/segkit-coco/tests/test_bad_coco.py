"""Annotation files that are broken, wrong or hostile: one sentence each, never a traceback."""

from __future__ import annotations

import json
import random

import pytest

from segkit import SegkitError

NAN = float("nan")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"images": [], "annotations": [', "all.json is damaged or cut short: it is not JSON"),
        ('{"images": [' + "[" * 100_000, "nested too deeply"),
        ('{"images": 1, "annotations": 2, "categories": ' + "9" * 5000 + "}", "all.json is damaged or cut short"),
        ("\udcff", "not written in UTF-8"),
        ("[]", "all.json is no COCO instance file"),
        ("null", "all.json is no COCO instance file"),
        ('{"images": {}, "annotations": [], "categories": []}', "all.json is no COCO instance file"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}', "all.json lists no images"),
        ('{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []}', "lists no categories"),
    ],
)
def test_files_that_are_none(root, whole, refused, text, said):
    """What is no COCO instance file is told with the place or the reason."""
    (root / "all.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert said in refused(lambda: whole(annotations=("all.json",)))


@pytest.mark.parametrize(
    ("part", "entries", "said"),
    [
        ("images", [{"id": 1}], 'image 0 needs an "id" and a "file_name"'),
        ("images", ["a.png"], 'image 0 needs an "id" and a "file_name"'),
        ("images", [{"id": [1], "file_name": "a.png"}], 'image 0 needs an "id"'),
        ("images", [{"id": 1, "file_name": 7}], 'image 0 needs an "id" and a "file_name"'),
        ("images", [{"id": NAN, "file_name": "a.png"}], 'image 0 needs an "id"'),
        ("images", [{"id": 7, "file_name": "a.png"}, {"id": 7, "file_name": "b.png"}], "gives the image id 7 twice"),
        ("categories", [{"id": 1}], 'category 0 needs an "id" and a "name"'),
        ("categories", [{"id": True, "name": "a"}], 'category 0 needs an "id"'),
        ("categories", [{"id": 1, "name": "a\x1b[31m"}], 'category 0 needs an "id" and a "name"'),
        ("categories", [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], "gives the category id 1 twice"),
        ("categories", [{"id": 1, "name": "a"}, {"id": 2, "name": "a "}], "gives the name 'a' to two categories"),
        ("annotations", [3], "annotation 0 is no object"),
    ],
)
def test_entries_without_which_nothing_is_known(write, coco, whole, refused, part, entries, said):
    """Images and categories without what they are known by stop at once."""
    write("all.json", {**coco(["a.png"]), part: entries}, None)
    assert said in refused(whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": 99}, "1 annotation is of an image that is not listed: all.json, annotation 1"),
        ({"image_id": {"x": 1}}, "1 annotation is of an image that is not listed"),
        ({"category_id": 99}, "1 annotation is of a category that is not listed"),
        ({"segmentation": []}, "has boxes only: none of its 1 annotations has an outline"),
        ({"segmentation": None}, "has boxes only"),
        ({"segmentation": [[1, 1, 5, 5]]}, "1 outline has fewer than 3 points: all.json, annotation 1"),
        ({"segmentation": [[]]}, "1 outline has fewer than 3 points"),
        ({"segmentation": [[1, 1, 5, 5, 1, 5, 2]]}, "is no list of numbers"),
        ({"segmentation": [1, 1, 5, 5, 1, 5]}, "is no list of numbers"),
        ({"segmentation": [[[1, 1], [5, 5], [1, 5]]]}, "is no list of numbers"),
        ({"segmentation": [["1", "1", "5", "5", "1", "5"]]}, "is no list of numbers"),
        ({"segmentation": [[1, 1, 5, None, 1, 5]]}, "is no list of numbers"),
        ({"segmentation": [[1, 1, [5], 5, 1, 5]]}, "is no list of numbers"),
        ({"segmentation": "polygon"}, "is no list of numbers"),
        ({"segmentation": [[NAN, 1, 5, 5, 1, 5]]}, "has a coordinate that is no place"),
        ({"segmentation": [[float("inf"), 1, 5, 5, 1, 5]]}, "has a coordinate that is no place"),
        ({"segmentation": [[1e300, 1, 5, 5, 1, 5]]}, "has a coordinate that is no place"),
        ({"segmentation": [[10**40, 1, 5, 5, 1, 5]]}, "a whole number of more than 64 bits"),
        ({"segmentation": [[2**63 - 1, 1, 5, 5, 1, 5]]}, "has a coordinate that is no place"),
        ({"segmentation": {"counts": "1", "size": [8]}}, "run lengths are not of the form"),
        ({"segmentation": {"counts": 5, "size": [8, 12]}}, "run lengths are not of the form"),
        ({"segmentation": {"counts": [1.5], "size": [8, 12]}}, "run lengths are not of the form"),
        ({"segmentation": {"counts": [96], "size": [1e12, 12]}}, "run lengths are not of the form"),
        ({"segmentation": {"size": [8, 12]}}, "run lengths are not of the form"),
    ],
)
def test_annotations_that_cannot_be_used(write, coco, annotation, whole, refused, change, said):
    """Each is counted with the first of its kind, by the listing and by verify."""
    write("all.json", coco(["a.png"], [{**annotation(1), **change}]))
    assert said in refused(lambda: whole().cases("train"))


def test_verify_names_every_annotation(write, coco, annotation, whole, refused):
    """The listing counts, verify lists; a box among outlines is refused, since it would be learnt as background."""
    boxes = [annotation(1, segmentation=[], id=number) for number in (7, 8)]
    write("all.json", coco(["a.png"], [annotation(1), *boxes]))
    assert "2 annotations have a box and no outline, first: all.json, annotation 7" in refused(
        lambda: whole().cases("train")
    )
    assert [problem.file for problem in whole().verify()] == ["all.json, annotation 7", "all.json, annotation 8"]


@pytest.mark.parametrize(
    ("counts", "said"),
    [([1, 2], "cover 3 pixels, the image has 96"), ([99, -3], "negative"), ("1\x1b", "have the character '\\x1b'")],
)
def test_run_lengths_that_do_not_fit(write, coco, annotation, whole, mask_of, refused, counts, said):
    """What shows only when it is drawn names the annotation."""
    write("all.json", coco(["a.png"], [annotation(1, segmentation={"counts": counts, "size": [8, 12]})]))
    assert said in refused(lambda: mask_of(whole(), "a"))
    assert said in next(iter(whole().verify())).reason
    write("all.json", coco(["a.png"], [annotation(1, segmentation={"counts": [100], "size": [10, 10]})]))
    assert "run lengths for 10x10 pixels, its image 12x8" in refused(lambda: mask_of(whole(), "a"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../secret.png", "leads out of the folder: ../secret.png"),
        ("images/../../secret.png", "leads out of the folder"),
        ("..\\secret.png", "leads out of the folder"),
        ("/etc/secret.png", "leads out of the folder"),
        ("C:\\secret.png", "leads out of the folder"),
        ("\\\\server\\share\\secret.png", "leads out of the folder"),
        ("gone.png", "1 image that is listed is not there: gone.png in all.json"),
        ("x" * 100_000 + ".png", "1 image that is listed is not there"),
        (".", "leads out of the folder"),
    ],
)
def test_names_of_images(write, coco, whole, refused, photograph, name, said):
    """Names that leave the folder are refused whatever lies there, and so are images that are gone."""
    photograph("../secret.png")
    write("all.json", coco([name]), None)
    message = refused(lambda: whole().cases("train"))
    assert said in message
    assert len(message) < 400


def test_images_listed_twice(write, coco, whole, reader, refused):
    """One file under two ids has its annotations divided; one file in two splits is a leak."""
    write("all.json", coco(["a.png", "a.png"]))
    assert "1 image is listed twice: images/a.png in all.json" in refused(lambda: whole().cases("train"))
    write("train.json", coco(["a.png"]))
    write("val.json", coco(["a.png"]))
    both = ("train.json", "val.json")
    assert "1 image is in two splits: images/a.png" in refused(lambda: reader(annotations=both).cases("train"))


def test_sizes(write, coco, whole, mask_of, refused):
    """A size that the photograph does not have is refused, or one that is none; without any it is the photograph's."""
    content = coco(["a.png"])
    content["images"][0].update(width=24, height=16)
    write("all.json", content)
    assert "images/a.png is 12x8, its annotations are for 24x16 pixels" in refused(lambda: mask_of(whole(), "a"))
    for width in (-3, 0, "12", NAN, 1e30, 12.5, [12]):
        content["images"][0].update(width=width, height=8)
        write("all.json", content)
        assert "1 image has a width or height that is none" in refused(lambda: whole().cases("train"))
    content["images"][0].update(width=12.0, height=8)
    write("all.json", content)
    assert mask_of(whole(), "a").any()
    del content["images"][0]["width"], content["images"][0]["height"]
    write("all.json", content)
    assert mask_of(whole(), "a").any()


WRONG = (None, True, -1, 2**70, 1e308, NAN, "", "x\n\x1b", [], [[]], {}, {"id": 1}, [1, 2], "1")


def test_any_value_anywhere(write, coco, annotation, whole):
    """Whatever value stands anywhere in the file, it is read or refused in one line."""
    rng = random.Random(0)
    refusals = 0
    for _ in range(300):
        content = json.loads(json.dumps(coco(["a.png", "b.png"], None, ("x", "y"))))
        for _ in range(rng.randint(1, 2)):
            place: dict | list = content
            while True:
                key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
                below = place[key]
                if not isinstance(below, (dict, list)) or not below or rng.random() < 0.2:
                    place[key] = rng.choice(WRONG)
                    break
                place = below
        write("all.json", json.dumps(content), None)
        line = one_line(lambda: read_all(whole(annotations=("all.json",))))
        assert "\n" not in line.replace("x\n\x1b", "")
        refusals += bool(line)
    assert refusals > 100


def read_all(opened) -> None:
    """Look at a dataset as commands do."""
    opened.verify()
    for case in opened.cases("train"):
        opened.read(case)


def one_line(use) -> str:
    """What something is refused with, empty where it is not."""
    try:
        use()
    except SegkitError as error:
        return str(error)
    return ""
