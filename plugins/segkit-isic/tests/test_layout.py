"""Which challenge year a root holds, and what is said where it holds none."""

import pytest

import segkit
from segkit_isic import layout


@pytest.mark.parametrize("year", layout.YEARS)
def test_year_is_told_by_folders(year, add, reader):
    """Every year's own folder names are enough to know it."""
    for split in layout.YEARS[year]:
        add(split, f"ISIC_{split}", year=year)
    opened = reader()
    assert opened.year == year
    assert [[case.id for case in opened.cases(split)] for split in ("train", "val", "test")] == [
        [f"ISIC_{split}"] if split in layout.YEARS[year] else [] for split in ("train", "val", "test")
    ]


def test_2016_masks_are_capitalised(add, reader):
    """2016 writes _Segmentation where the other years write _segmentation."""
    add("test", "ISIC_7", year="2016", ending="_Segmentation.png")
    assert [case.id for case in reader().cases("test")] == ["ISIC_7"]


def test_2016_has_no_validation(add, reader):
    """A split that the year never had is empty, not an error."""
    add("train", year="2016")
    assert list(reader().cases("val")) == []


def test_two_years_need_a_choice(add, reader):
    """A root with two years is refused until one is chosen."""
    add("train", "ISIC_17", year="2017")
    add("train", "ISIC_18", year="2018")
    with pytest.raises(segkit.SegkitError, match=r"folders of 2017 and 2018.*data.year=2018"):
        reader()
    assert [case.id for case in reader(year="2018").cases("train")] == ["ISIC_18"]


def test_wrong_year_names_what_is_there(add, reader):
    """Asking for a year that is not there says which folder was found instead."""
    add("train", year="2017")
    with pytest.raises(segkit.SegkitError, match=r"no folder of ISIC 2016.*it holds ISIC-2017_Training_Data"):
        reader(year="2016")


def test_missing_root(root, reader):
    """A root that does not exist is named."""
    root.rmdir()
    with pytest.raises(segkit.SegkitError, match="data does not exist; check the path given to --data-root"):
        reader()


def test_root_is_a_file(root, reader):
    """A file is not a root."""
    root.rmdir()
    root.write_text("")
    with pytest.raises(segkit.SegkitError, match="data is not a folder"):
        reader()


def test_empty_root_lists_what_was_looked_for(reader):
    """An empty root is told the folders of all years and where the archives are."""
    with pytest.raises(segkit.SegkitError) as caught:
        reader()
    for name in ("ISBI2016_ISIC_Part1_Training_Data", "ISIC-2017_Training_Data", "ISIC2018_Task1-2_Training_Input"):
        assert name in str(caught.value)
    assert "https://isic-challenge-data.s3.amazonaws.com/2017/ISIC-2017_Training_Data.zip" in caught.value.hint


def test_folder_above_is_suggested(add, root):
    """Giving one of the official folders leads to the folder above it."""
    add()
    with pytest.raises(segkit.SegkitError, match=r"did you mean the folder above it, .*data\?"):
        layout.detect_year(root / "ISIC-2017_Training_Data", "auto")


def test_folder_below_is_suggested(add, root):
    """Giving the folder above the root leads to the root."""
    add()
    with pytest.raises(segkit.SegkitError, match=r"did you mean .*data\?"):
        layout.detect_year(root.parent, "auto")


def test_packed_archive_is_noticed(root, reader):
    """An archive that nobody unpacked is named."""
    (root / "ISIC-2017_Training_Data.zip").write_bytes(b"")
    with pytest.raises(segkit.SegkitError, match=r"unpack ISIC-2017_Training_Data\.zip there first"):
        reader()


def test_renamed_folder_is_guessed(root, reader):
    """A folder whose name is nearly official leads to the official name."""
    (root / "ISIC-2017_Training_Dat").mkdir()
    with pytest.raises(segkit.SegkitError, match="did you mean 'ISIC-2017_Training_Data'"):
        reader()


def test_archive_addresses_of_2018():
    """2018's images serve two tasks and its masks one, as the archives are called."""
    base = "https://isic-challenge-data.s3.amazonaws.com/2018/"
    assert layout.archive_urls("2018")[:2] == [
        base + "ISIC2018_Task1-2_Training_Input.zip",
        base + "ISIC2018_Task1_Training_GroundTruth.zip",
    ]
