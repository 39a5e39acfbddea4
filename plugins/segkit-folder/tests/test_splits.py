"""Splits from a table or by seeded shares, patients kept together."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit import Case, SegkitError, UsageError
from segkit_folder.splits import share_out


def ids(reader, split: str) -> list[str]:
    """The ids of a split."""
    return [case.id for case in reader.cases(split)]


@settings(max_examples=50, deadline=None)
@given(
    patients=st.lists(st.integers(1, 4), min_size=1, max_size=20),
    val=st.sampled_from([0.0, 0.1, 0.3, 0.6]),
    test=st.sampled_from([0.0, 0.15, 0.6]),
    seed=st.integers(0, 99),
)
def test_shares(patients, val, test, seed):
    """Every case is in one split, no patient in two, each share above 0 has one, and the order changes nothing."""
    cases = [Case(f"p{n}_{m}", group=f"p{n}") for n, count in enumerate(patients) for m in range(count)]
    least = {
        part: max(1, round(share * len(patients))) if share else 0 for part, share in (("val", val), ("test", test))
    }
    if sum(least.values()) >= len(patients):
        with pytest.raises(SegkitError, match="cannot be shared out"):
            share_out(cases, val, test, seed)
        return
    parts = share_out(cases, val, test, seed)
    assert parts == share_out(cases[::-1], val, test, seed)
    assert sorted(case.id for part in parts.values() for case in part) == sorted(case.id for case in cases)
    groups = {split: {case.group for case in part} for split, part in parts.items()}
    assert sum(len(found) for found in groups.values()) == len(patients)
    assert groups["train"]
    assert {part: len(groups[part]) for part in least} == least


def test_patients_stay_together(pairs, reader):
    """`data.patient` names the patient in an id."""
    pairs(*(f"{patient}_{shot}" for patient in "abcdefgh" for shot in (1, 2, 3)))
    opened = reader(patient=r"(\w)_")
    for split in ("train", "val", "test"):
        assert all(ids(opened, split).count(f"{id[0]}_1") == 1 for id in ids(opened, split))
    assert ("patients", "8, with up to 3 images") in opened.describe()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_table(pairs, root, reader, delimiter):
    """splits.csv gives splits and patients; ids with a suffix, any capitals, a BOM and Excel's separators are read."""
    pairs("a", "b", "c", "d")
    rows = [
        ("Image", "Split", "Patient"),
        ("a.png", "train", "x"),
        ("B", "training", "x"),
        ("c", "valid", "y"),
        ("d", "test", ""),
    ]
    text = "".join(delimiter.join(row) + "\r\n" for row in rows)
    (root / "splits.csv").write_text(text, encoding="utf-8-sig")
    opened = reader()
    assert [ids(opened, split) for split in ("train", "val", "test")] == [["a", "b"], ["c"], ["d"]]
    assert [case.group for case in opened.cases("train")] == ["x", "x"]
    assert ("splits", "from splits.csv") in opened.describe()
    assert opened.dealt_splits == ()


def test_table_of_patients_alone(pairs, root, reader):
    """Without a column of splits the shares are dealt out by the table's patients."""
    pairs(*"abcdefgh")
    (root / "splits.csv").write_text("id,patient\n" + "".join(f"{id},{n // 2}\n" for n, id in enumerate("abcdefgh")))
    opened = reader(val=0.25, test=0)
    assert len(opened.cases("val")) == 2
    assert len({case.group for case in opened.cases("val")}) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,age\na,3\n", "has the columns name, age"),
        ("", "has the columns of none"),
        ("id,split\na,train\nb,val\nz,val\n", "names the case 'z', which is not there"),
        ("id,split\na,train\nb,val\na,val\n", "names the case a twice"),
        ("id,split\na,train\n", "does not name 1 of 2 cases, first: b"),
        ("id,split\na,train\nb,holdout\n", "has the split 'holdout'"),
    ],
)
def test_tables_that_cannot_be_meant(pairs, root, reader, text, said):
    """One line that names the file, what is wrong and the way out."""
    pairs("a", "b")
    (root / "splits.csv").write_text(text)
    with pytest.raises(SegkitError, match=rf"^splits\.csv {said}") as caught:
        reader()
    assert caught.value.hint


def test_what_a_link_leads_to_is_not_quoted(pairs, root, reader, tmp_path):
    """A stranger's folder may link to any file of whoever looks at it; the table's columns are not those of that."""
    pairs("a", "b")
    (tmp_path / "own").write_text("nobody's business,age\n")
    (root / "splits.csv").symlink_to(tmp_path / "own")
    with pytest.raises(SegkitError, match=r"^splits\.csv has the columns of another table") as caught:
        reader()
    assert "business" not in str(caught.value)


def test_given_table_must_be_there(pairs, reader, tmp_path):
    """A file that was asked for and is missing is no reason to go on without."""
    pairs("a", "b")
    with pytest.raises(SegkitError, match=r"gone\.csv does not exist; check the path"):
        reader(splits=str(tmp_path / "gone.csv"))


@pytest.mark.parametrize("kind", ["a folder", "a pipe or a device", "larger than the 268 MB"])
def test_a_table_is_a_file_of_bounded_size(pairs, reader, root, kind):
    """Nothing waits at a pipe, and no memory is filled from a file that is no table."""
    pairs("a", "b")
    place = root.parent / "table.csv"
    if kind == "a folder":
        place.mkdir()
    elif "pipe" in kind:
        os.mkfifo(place)
    else:
        with place.open("wb") as stream:
            stream.truncate(256 * 2**20 + 1)
    with pytest.raises(SegkitError, match=rf"table\.csv is {kind}"):
        reader(splits=str(place))


def test_folds_take_every_case_once(pairs, reader):
    """Three folds of two patients each are disjoint and cover all; there is no test split."""
    pairs(*(f"{patient}_{shot}" for patient in "abcdef" for shot in (1, 2)))
    held = []
    for fold in range(3):
        opened = reader(patient=r"(\w)_", fold=fold, folds=3)
        assert len(ids(opened, "val")) == 4
        assert len({id[0] for id in ids(opened, "val")}) == 2
        assert sorted(ids(opened, "val") + ids(opened, "train")) == sorted(opened.pairs)
        assert not ids(opened, "test")
        held += ids(opened, "val")
    assert sorted(held) == sorted(opened.pairs)


def test_a_fold_of_cases_whose_splits_are_said_is_refused(pairs, root, reader):
    """The error names the file that says them."""
    pairs("a", "b")
    (root / "splits.csv").write_text("id,split\na,train\nb,val\n")
    with pytest.raises(UsageError, match=r"data.fold=0, but splits.csv already say"):
        reader(fold=0)


def test_too_few_patients(pairs, reader):
    """Two images cannot be trained, validated and tested on."""
    pairs("a", "b")
    with pytest.raises(SegkitError, match="2 patients cannot be shared out: 1 to validate on, 1 to test on"):
        reader()


BODY = "id,split\na,train\nb,val\n"


@pytest.mark.parametrize(
    "content",
    [
        BODY.encode("utf-8-sig"),
        BODY.replace("\n", "\r\n").encode(),
        BODY.replace("\n", "\r").encode(),
        BODY.replace(",", ";").encode("utf-8-sig"),
        BODY.replace(",", "\t").encode("utf-16"),
        b"sep=;\r\n" + BODY.replace(",", ";").replace("\n", "\r\n").encode(),
        b'"sep=;"\n' + BODY.replace(",", ";").encode(),
        b"\n\n" + BODY.replace("\n", "\n\n").encode() + b"\n\n",
        b",,\n" + BODY.encode() + b",,\n,,,,\n;;;\n",
        BODY.replace("\n", ",,,\n").encode(),
        BODY.replace("\n", ",,\n").replace("id,split", "id,split,,notes").encode(),
        b'"id","split"\n"a","train"\n"b","val"\n',
        b" id , split \n a , train \n b\xc2\xa0, val \n",
        b"file,split\nimages\\a.png,train\nC:\\data\\images\\b.PNG,val\n",
        b"file,split\nimages/a.png,train\n./images/b.png,val\n",
        b'id,split,notes\na,train,"two\nlines, a comma"\nb,val,\n',
        b"split;id\ntrain;a\nval;b",
    ],
)
def test_tables_as_spreadsheets_write_them(pairs, root, reader, content):
    """Byte order marks, separators, blank and stray rows, line ends, quotes, trailing columns, paths of Windows."""
    pairs("a", "b")
    (root / "splits.csv").write_bytes(content)
    opened = reader()
    assert (ids(opened, "train"), ids(opened, "val")) == (["a"], ["b"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,split\na,train\n,val\nb,val\n", r"splits\.csv, line 3 names no case; fill in its id"),
        (b"id,split\na,train\nb,\n", r"splits\.csv has the split ''"),
        (b"id,split\na,train\nM\xe4rz,val\n", r"is not written in UTF-8; save it as CSV UTF-8"),
        (
            b"id,split\na,train\nbb,val\n",
            r"names the case 'bb', which is not there; take its row out \(did you mean 'b'",
        ),
    ],
)
def test_tables_that_are_broken_name_the_line(pairs, root, reader, content, said):
    """One line with the way out."""
    pairs("a", "b")
    (root / "splits.csv").write_bytes(content)
    with pytest.raises(SegkitError, match=said):
        reader()


def test_annotated_classes(root, pairs, whole):
    """A column says which classes were looked for; empty, or all of them, is what a case is otherwise."""
    mask = np.zeros((6, 9), np.uint8)
    mask[:3] = 1
    pairs("a", "b", "c", mask=mask)
    (root / "classes.toml").write_text('classes = ["liver", "spleen"]')
    (root / "splits.csv").write_text("id,split,annotated\na,train,liver\nb,train,\nc,train,spleen | liver\n")
    opened = whole()
    assert {case.id: case.annotated for case in opened.cases("train")} == {"a": ("liver",), "b": None, "c": None}
    assert dict(opened.describe())["annotated"] == "1 of 3 cases for some of the classes only"
    (root / "splits.csv").write_text("id,annotated\na,liver\nb,lever\nc,\n")
    with pytest.raises(SegkitError, match="says that b was annotated for 'lever'") as caught:
        whole()
    assert "liver, spleen" in caught.value.hint


def test_a_class_without_a_mask_is_empty_or_was_not_looked_for(photograph, whole):
    """As the setting says; a case with all masks is annotated for all."""
    for id, names in (("a", ("hair", "lesion")), ("b", ("lesion",))):
        photograph(f"images/{id}.png")
        for number, name in enumerate(names):
            mask = np.zeros((6, 9), np.uint8)
            mask[3 * number : 3 * number + 2] = 255
            photograph(f"masks/{name}/{id}.png", mask)
    assert {case.annotated for case in whole().cases("train")} == {None}
    found = {case.id: case.annotated for case in whole(missing="unannotated").cases("train")}
    assert found == {"a": None, "b": ("lesion",)}
