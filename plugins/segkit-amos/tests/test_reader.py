"""Organs, modalities, the table, and files in AMOS's layout."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segkit import SegkitError
from segkit_amos.organs import AS_WRITTEN, ORGANS, check_order, organ_of


def ids(reader, split: str) -> list[str]:
    """The ids of a split."""
    return [case.id for case in reader.cases(split)]


def test_organs():
    """There are 15, in the order of the labels; AMOS's own spellings mean the right ones."""
    assert len(set(ORGANS)) == 15
    assert (ORGANS[0], ORGANS[5], ORGANS[7], ORGANS[14]) == ("spleen", "liver", "aorta", "prostate/uterus")
    assert [organ_of(AS_WRITTEN.get(organ, organ)) for organ in ORGANS] == list(ORGANS)
    spelt = ["Gall_Bladder", "oesophagus", "arota", "postcava", "kidney_right", "prostate_uterus", "spleen2"]
    assert [organ_of(name) for name in spelt] == [
        "gallbladder",
        "esophagus",
        "aorta",
        "inferior vena cava",
        "right kidney",
        "prostate/uterus",
        None,
    ]


def test_other_labels_are_refused():
    """Another organ under a label is an error, an odd spelling is none."""
    check_order(["spleeen", *ORGANS[1:]])
    with pytest.raises(SegkitError, match=r"gives label 1 to 'liver', AMOS spleen; .*--data msd"):
        check_order(["liver", *ORGANS[1:]])
    with pytest.raises(SegkitError, match="gives label 16 to 'heart', AMOS has 15"):
        check_order([*ORGANS, "heart"])


def test_modalities(add, reader):
    """Ids up to 500 are CT, those above MR; CT alone is normalised by its own scale."""
    for ending, number in (("Tr", 1), ("Tr", 500), ("Tr", 501), ("Va", 507)):
        add(ending, number)
    assert ids(reader(), "train") == ["amos_0001", "amos_0500", "amos_0501"]
    assert ids(reader(modality="ct"), "train") == ["amos_0001", "amos_0500"]
    assert ids(reader(modality="ct"), "val") == []
    assert ids(reader(modality="mr"), "train") == ["amos_0501"]
    assert ids(reader(modality="mr"), "val") == ["amos_0507"]
    assert [case.meta["modality"] for case in reader().cases("train")] == ["CT", "CT", "MR"]
    assert reader(modality="ct").recipe["data.normalization"] == "ct"
    assert reader().recipe["data.normalization"] == reader(modality="mr").recipe["data.normalization"] == "body"
    assert ("scans", "2 CT, 2 MR (modality both)") in reader().describe()


def test_dataset_json_is_not_needed(add, root, reader):
    """The organs are known; where dataset.json is there it must not contradict them."""
    add("Tr", 1)
    add("Va", 2)
    assert reader().task.classes == ORGANS
    labels = {str(label): name for label, name in enumerate(["background", *ORGANS[::-1]])}
    (root / "dataset.json").write_text(json.dumps({"labels": labels, "modality": {"0": "CT"}}))
    with pytest.raises(SegkitError, match="gives label 1 to 'prostate/uterus', AMOS spleen"):
        reader()


def test_folder_of_the_archive(add, root, tmp_path):
    """The archive holds a folder amos22: the root may be that folder or the one above."""
    from segkit_amos.params import AmosParams
    from segkit_amos.reader import AmosReader

    add("Tr", 1)
    add("Va", 2)
    (tmp_path / "above").mkdir()
    root.rename(tmp_path / "above" / "amos22")
    assert ids(AmosReader(tmp_path / "above", AmosParams()), "train") == ["amos_0001"]


def test_table(add, root, reader):
    """The table's sex, age, scanner and site go with the case; dates of birth stay where they are."""
    add("Tr", 4)
    add("Va", 600)
    head = "amos_id,Patient's Sex,Patient's Age,Patient's Birth Date,Manufacturer's Model Name,Site"
    text = f"{head}\n4,F,061Y,19600101,Aquilion ONE,LGCH\n"
    (root / "labeled_data_meta_0000_0599.csv").write_text(text, encoding="utf-8-sig")
    [case] = reader().cases("train")
    wanted = {"sex": "F", "age": "061Y", "scanner": "Aquilion ONE", "site": "LGCH", "modality": "CT", "images": 1}
    assert dict(case.meta) == wanted
    (root / "labeled_data_meta_0000_0599.csv").write_text("id,sex\n4,F\n")
    with pytest.raises(SegkitError, match=r"labeled_data_meta_0000_0599\.csv has a row without a number"):
        reader()


def test_label_of_no_organ(add, reader):
    """Label 16 is none of AMOS's."""
    add("Tr", 1, highest=16)
    add("Va", 2)
    with pytest.raises(SegkitError, match=r"labelsTr/amos_0001\.nii\.gz has labels outside 0 to 15: 16"):
        reader().read(reader().cases("train")[0])


def test_real_volumes(mini):
    """amos-mini: a CT in RAS and an MR in LPS, their organs; the unlabelled test scan is told, not listed."""
    from segkit_amos.params import AmosParams
    from segkit_amos.reader import AmosReader

    opened = AmosReader(mini, AmosParams())
    assert [ids(opened, split) for split in ("train", "val", "test")] == [["amos_0001"], ["amos_0507"], []]
    assert ("left out", "imagesTs: it has no labels") in opened.describe()
    assert opened.verify() == []
    [case] = opened.cases("val")
    found = np.bincount(opened.read(case).mask.ravel(), minlength=16)[1:]
    assert [ORGANS[label] for label in np.flatnonzero(found == 0)] == ["esophagus", "bladder", "prostate/uterus"]
