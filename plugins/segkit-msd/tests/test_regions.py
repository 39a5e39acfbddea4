"""nnU-Net's regions: classes made of several labels."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

from segkit import IGNORE


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
