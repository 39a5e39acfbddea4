"""nnU-Net's regions: classes made of several labels."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segkit import IGNORE, SegkitError


def describe(root: Path, **content: object) -> None:
    """Write dataset.json."""
    (root / "dataset.json").write_text(json.dumps({"modality": {"0": "MR"}, **content}), encoding="utf-8")


REGIONS = {"background": 0, "whole tumor": [1, 2], "core": 2, "ignore": 3}


def test_regions_are_planes_of_their_labels(root, add, reader):
    """They overlap, what is ignored is so in all, and the order is the file's."""
    label = np.random.default_rng(0).integers(0, 4, (4, 5, 3)).astype(np.uint8)
    describe(root, labels=REGIONS, regions_class_order=[1, 2], channel_names={"0": "MR"})
    for number in range(5):
        add(id=f"toy_{number}", channels=1, label=label)
    opened = reader()
    assert opened.task.overlapping
    assert opened.task.classes == ("whole tumor", "core")
    case = opened.cases("train")[0]
    labels = np.asarray(nib.as_closest_canonical(nib.load(case.files[-1])).dataobj).transpose(2, 1, 0)
    mask = opened.read(case).mask
    for plane, values in zip(mask, ([1, 2], [2]), strict=True):
        assert np.array_equal(plane, np.where(labels == 3, IGNORE, np.isin(labels, values)))
    assert dict(opened.describe())["classes"] == "1 whole tumor (1 + 2), 2 core (2), which overlap"


def test_labels_outside_and_unheld_ones_are_told(root, add, reader):
    """A label that no region names is refused with its file, one that no file holds is told by verify."""
    describe(root, labels={"background": 0, "whole": [1, 2, 3], "core": [2, 3]})
    for number in range(5):
        add(id=f"toy_{number}")
    told = [problem.reason for problem in reader().verify() if problem.file == "dataset.json"]
    assert told == [f"makes {name!r} of the label 3, which no file holds" for name in ("whole", "core")]
    describe(root, labels={"background": 0, "whole": [1]})
    assert "has labels outside 0 to 1: 2" in reader().verify()[0].reason


def test_an_empty_region_is_refused(root, add, reader):
    """And one of what is no label; the file and the class are named."""
    add(id="toy_0")
    for made_of, told in (([], "'core' is made of [], not of labels"), ([0, 2], "is made of the background 0 too")):
        describe(root, labels={"background": 0, "whole": [1, 2], "core": made_of})
        with pytest.raises(SegkitError) as caught:
            reader()
        assert "dataset.json" in caught.value.message
        assert told in caught.value.message


def test_cases_say_what_they_were_annotated_for(root, add, reader):
    """By id; one that is not named was looked at whole. What is no class is told."""
    labels = {"background": 0, "liver": 1, "spleen": 2}
    describe(root, labels=labels, annotated={"toy_0": ["liver"], "toy_1": ["spleen", "liver"]})
    for number in range(5):
        add(id=f"toy_{number}")
    opened = reader()
    found = {case.id: case.annotated for split in ("train", "val") for case in opened.cases(split)}
    assert found == {"toy_0": ("liver",), **{f"toy_{number}": None for number in range(1, 5)}}
    for annotated in ({"toy_0": ["lever"]}, {"toy_0": []}, ["toy_0"]):
        describe(root, labels=labels, annotated=annotated)
        with pytest.raises(SegkitError, match=r"dataset\.json.*annotated"):
            reader()
