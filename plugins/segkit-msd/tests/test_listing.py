"""Pairs by name, channels, and everything a listing can show to be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segkit import SegkitError


def rewrite(root: Path, **changes: object) -> None:
    """Change dataset.json."""
    content = json.loads((root / "dataset.json").read_text()) | changes
    (root / "dataset.json").write_text(json.dumps(content))


def ids(reader, split: str) -> list[str]:
    """The ids of a split."""
    return [case.id for case in reader.cases(split)]


def refused(reader) -> str:
    """What listing the training cases is refused with; verify says the same, file by file."""
    opened = reader()
    with pytest.raises(SegkitError) as caught:
        opened.cases("train")
    assert caught.value.hint
    assert opened.verify()
    return caught.value.message


def test_splits_by_folders(add, root, reader):
    """Tr, Va and Ts are train, val and test; test images without labels are no split, and that is told."""
    for split in ("train", "val", "test"):
        add(split, f"toy_{split}")
    assert [ids(reader(), split) for split in ("train", "val", "test")] == [["toy_train"], ["toy_val"], ["toy_test"]]
    for path in (root / "labelsTs").iterdir():
        path.unlink()
    (root / "labelsTs").rmdir()
    assert ids(reader(), "test") == []
    assert ("left out", "imagesTs: it has no labels") in reader().describe()


def test_cases_that_dataset_json_names(add, root, reader):
    """nnU-Net's "dataset": any names and folders, relative, absolute or of another machine; channels in its order."""
    (first, second), label = add(id="a", channels=2)
    for path, name in ((first, "odd/t2.nii.gz"), (second, "odd/adc.nii.gz"), (label, "odd/truth.nii.gz")):
        (root / "odd").mkdir(exist_ok=True)
        path.rename(root / name)
    (foreign, _), marked = add(id="b", channels=2)
    add(id="left-out", channels=2)
    cases = {
        "one": {"images": ["odd/adc.nii.gz", str(root / "odd" / "t2.nii.gz")], "label": "./odd/truth.nii.gz"},
        "two": {"images": ["D:\\data\\b_0000.nii.gz", "/x/b_0001.nii.gz"], "label": f"/x/{marked.name}"},
    }
    rewrite(root, dataset=cases, channel_names={"0": "ADC", "1": "T2"})
    opened = reader(folds=2)
    found = {case.id: case for split in ("train", "val") for case in opened.cases(split)}
    assert sorted(found) == ["one", "two"]
    assert [path.name for path in found["one"].files] == ["adc.nii.gz", "t2.nii.gz", "truth.nii.gz"]
    assert found["two"].files == (foreign, foreign.with_name("b_0001.nii.gz"), marked)
    image = opened.read(found["one"]).image
    assert (image[0] == image[1] + 1).all()
    assert opened.verify() == []


def test_cases_that_dataset_json_names_and_nobody_has(add, root, reader):
    """A file that is not there, and a channel too few, are named."""
    add(id="a")
    rewrite(root, dataset={"a": {"images": ["imagesTr/gone.nii.gz"], "label": "labelsTr/a.nii.gz"}})
    assert "names is not there: imagesTr/gone.nii.gz" in refused(reader)
    rewrite(root, dataset={"a": {"images": ["imagesTr/a.nii.gz"] * 2, "label": "labelsTr/a.nii.gz"}})
    assert "1 image lacks a channel: a" in refused(reader)


@pytest.mark.parametrize("written", ["{outside}/a.nii.gz", "../outside/a.nii.gz", "imagesTr/../../outside/a.nii.gz"])
def test_names_that_lead_out_of_the_root_are_not_followed(add, root, reader, written):
    """A file elsewhere is refused in a sentence though it is there; a link in the root, somebody's own, is followed."""
    (image,), label = add(id="a")
    add(id="b")
    outside = root.parent / "outside"
    outside.mkdir()
    image.rename(outside / "a.nii.gz")
    rewrite(
        root,
        dataset={
            "one": {"images": [written.format(outside=outside)], "label": f"labelsTr/{label.name}"},
            "two": {"images": ["imagesTr/b.nii.gz"], "label": "labelsTr/b.nii.gz"},
        },
    )
    assert "1 file that dataset.json names is not below the data root: " in refused(reader)
    assert "names is not below the data root" in reader().verify()[0].reason
    (root / "imagesTr" / "a.nii.gz").symlink_to(outside / "a.nii.gz")
    assert reader(folds=2).verify() == []


def test_digits_at_the_end_may_be_the_id(add, reader):
    """amos_0001 is an id where its label says so."""
    add("train", "amos_0001")
    add("val", "amos_0002")
    assert ids(reader(), "train") == ["amos_0001"]


@pytest.mark.parametrize("dialect", ["modality", "channel_names"])
def test_channels_as_files(add, root, reader, dialect):
    """_0000 and _0001 are the channels of one case, in order, in either dialect; ids may end in digits themselves."""
    rewrite(root, **{"modality": {"0": "T1", "1": "T2"}, dialect: {"0": "T1", "1": "T2"}})
    add("train", "brats_0007", channels=2)
    add("val", "brats_0008", channels=2)
    [case] = reader().cases("train")
    assert case.id == "brats_0007"
    assert [path.name for path in case.files] == [
        "brats_0007_0000.nii.gz",
        "brats_0007_0001.nii.gz",
        "brats_0007.nii.gz",
    ]
    image = reader().read(case).image
    assert (image[1] == image[0] + 1).all()


def test_missing_channel(add, root, reader):
    """A case without one of its channels is named."""
    rewrite(root, channel_names={"0": "T1", "1": "T2", "2": "T3"})
    images, _ = add("train", "a", channels=3)
    add("val", "b", channels=3)
    images[1].unlink()
    assert "1 image lacks a channel: imagesTr/a_0000.nii.gz" in refused(reader)


def test_mixed_suffixes(add, reader):
    """.nii and .nii.gz lie in one folder, even image and label of one case."""
    add("train", "a", suffix=".nii")
    add("train", "b", suffix=".nii.gz")
    images, _ = add("train", "c")
    content = images[0].read_bytes()
    images[0].unlink()
    images[0].with_name("c.nii").write_bytes(content)
    add("val", "d")
    assert ids(reader(), "train") == ["a", "b", "c"]
    assert reader().verify() == []


def test_two_files_of_one_id(add, root, reader):
    """a.nii beside a.nii.gz: nobody knows which."""
    add("train", "a")
    add("val", "b")
    add("train", "a", suffix=".nii")
    assert "2 files have the id of another one in their folder, first: imagesTr/a.nii.gz" in refused(reader)


def test_partners_missing(add, reader):
    """Images without labels and labels without images are counted, the first named."""
    add("val", "z")
    add("train", "a")[1].unlink()
    add("train", "b")[0][0].unlink()
    message = refused(reader)
    assert "1 image has no label: imagesTr/a.nii.gz" in message
    assert "1 label has no image: labelsTr/b.nii.gz" in message


def test_one_id_in_two_splits(add, reader):
    """Leakage is an error, whatever the capitals."""
    add("train", "a")
    add("val", "A")
    assert "1 case is in two splits: A" in refused(reader)


def test_ids_that_differ_in_capitals(add, reader):
    """On some systems one prediction would overwrite the other."""
    add("train", "Case_1")
    add("train", "case_1")
    add("val", "b")
    assert "1 id differs from another one in capitals only: case_1" in refused(reader)


def test_dataset_json_with_wrong_folders(add, root, reader):
    """Listed paths count by their names; folders of another machine do no harm."""
    add("train", "a")
    add("train", "b")
    add("val", "c")
    rewrite(root, training=[{"image": "C:\\data\\imagesTr\\a.nii.gz", "label": "x"}, {"image": "/else/b.nii"}])
    assert ids(reader(), "train") == ["a", "b"]


def test_dataset_json_lists_what_is_not_there(add, root, reader):
    """A listed file that no folder holds is an error; a file that is not listed is no case."""
    add("train", "a")
    add("train", "b")
    add("val", "c")
    rewrite(root, training=["./imagesTr/a.nii.gz"])
    assert ids(reader(), "train") == ["a"]
    rewrite(root, training=["./imagesTr/a.nii.gz", "./imagesTr/gone.nii.gz"])
    assert "1 file that dataset.json names is not there: ./imagesTr/gone.nii.gz" in refused(reader)


def test_hidden_and_other_files_are_left_alone(add, root, reader):
    """macOS leaves ._a.nii.gz beside a.nii.gz; tables and notes lie about."""
    add("train", "a")
    add("val", "b")
    for name in ("._a.nii.gz", "notes.txt", ".DS_Store"):
        (root / "imagesTr" / name).write_text("nothing")
    assert ids(reader(), "train") == ["a"]


def test_link_to_nothing(add, reader):
    """A broken link is told as one."""
    images, _ = add("train", "a")
    add("val", "b")
    images[0].unlink()
    images[0].symlink_to("/nowhere.nii.gz")
    assert "1 link leads to no file: imagesTr/a.nii.gz" in refused(reader)


def test_no_folders(root, reader):
    """A root without images says what it should hold."""
    with pytest.raises(SegkitError, match="holds no folder imagesTr; images are in imagesTr, their labels in labelsTr"):
        reader()


def test_empty_folders(add, reader):
    """Folders without a volume are named."""
    images, label = add("train", "a")
    add("val", "b")
    images[0].unlink()
    label.unlink()
    assert "2 folders hold no volume, first: imagesTr" in refused(reader)
