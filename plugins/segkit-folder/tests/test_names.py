"""Names of files: accents, letters that are not UTF-8, length."""

from __future__ import annotations

import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from segkit import SegkitError

MASK = np.zeros((6, 9), np.uint8)
MASK[1:4, 2:7] = 1


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_accents_in_either_form(photograph, root, whole, forms):
    """One name in two forms of Unicode is one name, in splits.csv as well; the id is composed."""
    name = "Läsion-é"
    photograph(f"images/{unicodedata.normalize(forms[0], name)}.png")
    photograph(f"masks/{unicodedata.normalize(forms[1], name)}.png", MASK)
    photograph("images/b.png")
    photograph("masks/b.png", MASK)
    (root / "splits.csv").write_text(f"id,split\n{unicodedata.normalize(forms[1], name)},train\nb,val\n")
    assert [case.id for case in whole().cases("train")] == [name]


def test_names_that_are_not_utf_8(pairs, root, whole):
    """Are refused when files are listed, and shown escaped."""
    pairs("a")
    for folder, values in (("images", MASK * 90), ("masks", MASK)):
        with (root / folder / os.fsdecode(b"M\xe4rz.png")).open("wb") as stream:
            Image.fromarray(values).save(stream, "PNG")
    opened = whole()
    with pytest.raises(
        SegkitError, match=r"2 files have names that are not UTF-8, first: images/M\\xe4rz\.png; rename"
    ):
        opened.cases("train")
    assert {problem.file for problem in opened.verify()} == {"images/M\\xe4rz.png", "masks/M\\xe4rz.png"}


def test_names_of_250_letters(pairs, whole, tmp_path):
    """Are read, and their predictions written."""
    name = "x" * 250
    pairs(name)
    opened = whole()
    [case] = opened.cases("train")
    written = opened.write_labels(tmp_path / name, opened.read(case).mask, case.files[0])
    np.testing.assert_array_equal(opened.read_labels(written), MASK)


def test_accents_in_names_of_class_folders(photograph, root, whole):
    """A class's folder in either form of Unicode is the class that classes.toml names."""
    photograph("images/a.png")
    photograph(f"masks/{unicodedata.normalize('NFD', 'Läsion')}/a.png", MASK)
    (root / "classes.toml").write_text('classes = ["Läsion"]', encoding="utf-8")
    assert whole().task.classes == ("Läsion",)
    photograph(f"{unicodedata.normalize('NFD', 'Bilder-ä')}/a.png")
    assert len(whole(images="Bilder-ä").cases("train")) == 1


def test_tables_that_name_files(photograph, root, reader):
    """The names of images or masks are taken for their cases."""
    for id in "ab":
        photograph(f"images/{id}_image.png")
        photograph(f"masks/{id}_mask.png", MASK)
    (root / "splits.csv").write_text("file,split\na_image.png,train\nmasks/b_mask.png,val\n")
    opened = reader()
    assert [case.id for split in ("train", "val") for case in opened.cases(split)] == ["a", "b"]
