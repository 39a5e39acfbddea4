"""Folders of large images: pairs, classes, splits, and image and mask that do not lie on each other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from segkit import SegkitError, UnusableFileError, UsageError
from segkit.data.large_array import LargeArray
from segkit_large.pairs import find_pairs
from segkit_large.reader import LargeReader


def read(reader: LargeReader, id: str = "a"):
    """Read a case of the training split."""
    return reader.read(next(case for case in reader.cases("train") if case.id == id))


def test_a_pair_is_opened_and_not_read(pair, opened, drawn: SimpleNamespace) -> None:
    """Image and mask are arrays of which parts are read, with the spacing of the file in mm."""
    pair("a", mask=drawn.square() * 255, resolution=0.5)
    sample = read(opened())
    assert isinstance(sample.image, LargeArray)
    assert isinstance(sample.mask, LargeArray)
    assert sample.spacing == pytest.approx((0.0005, 0.0005))
    assert np.array_equal(np.asarray(sample.mask), drawn.square())
    assert opened().task.classes == ("foreground",)


def test_classes_of_masks(pair, opened, drawn: SimpleNamespace) -> None:
    """One value is one class; several need their names, and values beyond the names are told."""
    two = drawn.square()
    two[100:120] = 2
    pair("a", mask=two)
    with pytest.raises(UnusableFileError, match="holds the values 1 and 2 besides 0") as told:
        np.asarray(read(opened()).mask)
    assert "data.classes" in told.value.hint
    assert np.array_equal(np.asarray(read(opened(classes=("one", "two"))).mask), two)
    with pytest.raises(UnusableFileError, match="holds the value 2, and 1 classes are named"):
        np.asarray(read(opened(classes=("one",))).mask)


def test_classes_of_polygons(pair, opened, drawn: SimpleNamespace) -> None:
    """Every class of the polygons, or those that are named; a name that no polygon has is told."""
    first = drawn.feature(drawn.ring((10, 10), (50, 10), (50, 50)), name="stroma")
    second = drawn.feature(drawn.ring((60, 60), (90, 60), (90, 90)), name="tumour")
    pair("a", shapes=drawn.collection(first, second))
    assert opened().task.classes == ("stroma", "tumour")
    assert set(np.unique(np.asarray(read(opened(classes=("tumour",))).mask))) == {0, 1}
    with pytest.raises(SegkitError, match="names 'tumor', and no polygon is of it"):
        opened(classes=("tumor",))


def test_polygons_that_count_for_nothing(pair, opened, drawn: SimpleNamespace) -> None:
    """What is to be ignored and the field of view are no classes; names that are none of theirs are told."""
    cell = drawn.feature(drawn.ring((10, 10), (50, 10), (50, 50)), name="cell")
    field = drawn.feature(drawn.ring((0, 0), (90, 0), (90, 90), (0, 90)), name="Region*")
    pair("a", shapes=drawn.collection(cell, field))
    reader = opened(field_of_view=("Region*",))
    assert reader.task.classes == ("cell",)
    assert set(np.unique(np.asarray(read(reader).mask))) == {0, 1, 255}
    assert reader.verify() == []
    with pytest.raises(SegkitError, match=r"data\.ignore names 'Region', and no polygon .*did you mean 'Region"):
        opened(ignore=("Region",))
    with pytest.raises(UsageError, match=r"data\.classes names 'cell', which is not to count"):
        opened(ignore=("cell",), classes=("cell",))


def test_masks_name_no_polygons(pair, opened) -> None:
    """Masks of pixels have 255 for what does not count: a class of polygons would never be asked for."""
    pair("a")
    with pytest.raises(UsageError, match=r"data\.ignore names polygons") as told:
        opened(ignore=("Ignore*",))
    assert "255" in told.value.hint


def test_tolerance_where_micrometres_are_known(pair, opened) -> None:
    """Surfaces are compared within 2 micrometres where files say theirs, within the metric's own pixel elsewhere."""
    pair("a", resolution=0.5)
    assert opened().recipe["metric.nsd.tolerance"] == (0.002,)
    pair("a")
    assert "metric.nsd.tolerance" not in opened().recipe


def test_micrometres_that_differ(pair, opened) -> None:
    """An image and a mask of different micrometres per pixel are not of each other."""
    pair("a", resolution=(0.5, 0.25))
    with pytest.raises(UnusableFileError, match=r"a\.tif has pixels of 0.25 x 0.25 .*, its image .* 0.5 x 0.5"):
        read(opened())


def test_sizes_and_channels_that_differ(root: Path, pair, opened, drawn: SimpleNamespace) -> None:
    """A mask of another size, an image of other channels, a mask of colours: each is told with its file."""
    pair("a")
    pair("b", mask=drawn.square((150, 221)))
    with pytest.raises(UnusableFileError, match=r"150x221 pixels, its image .* 150x220"):
        read(opened(), "b")
    tifffile.imwrite(root / "images" / "b.tif", drawn.colours()[..., 0], metadata=None)
    with pytest.raises(UnusableFileError, match="has 1 channels, the first image 3"):
        read(opened(), "b")
    tifffile.imwrite(root / "masks" / "a.tif", drawn.colours(), photometric="rgb", metadata=None)
    with pytest.raises(UnusableFileError, match="label map"):
        read(opened())


def test_what_lies_in_the_folders_is_accounted_for(root: Path, pair, opened) -> None:
    """Images without masks and masks without images are faults; other files are left out with the reason."""
    pair("a")
    (root / "images" / "notes.txt").write_text("hello")
    assert [*opened().left_out] == [root / "images" / "notes.txt"]
    (root / "masks" / "a.tif").rename(root / "masks" / "b.tif")
    assert [fault.one for fault in find_pairs(root).faults] == ["image has no label", "label has no image"]
    with pytest.raises(SegkitError, match="image has no label"):
        opened().cases("train")


def test_splits_of_a_table(root: Path, pair, opened) -> None:
    """splits.csv says which case is for what, and of which patient."""
    for name in "abc":
        pair(name)
    (root / "splits.csv").write_text("id,split,patient\na,train,p\nb,val,q\nc,test,q\n")
    reader = opened()
    assert [[case.id for case in reader.cases(split)] for split in ("train", "val", "test")] == [["a"], ["b"], ["c"]]
    assert reader.cases("test")[0].group == "q"


def test_verify_reads_to_the_last_row(root: Path, pair, opened, drawn: SimpleNamespace) -> None:
    """A file cut short and a mask of nothing are found without training."""
    pair("a", mask=np.zeros_like(drawn.square()))
    pair("b")
    data = (root / "images" / "b.tif").read_bytes()
    (root / "images" / "b.tif").write_bytes(data[: len(data) - 9000])
    problems = {problem.file: problem.reason for problem in opened().verify()}
    assert problems["masks/a.tif"] == "marks no pixel"
    assert "cut short" in problems["images/b.tif"]


def test_predictions_are_pyramids_that_come_back(tmp_path: Path, root: Path, pair) -> None:
    """A label map is written as tiled TIFF with coarser levels and the image's micrometres, and read again."""
    pair("a", resolution=0.5)
    labels = np.random.default_rng(0).integers(0, 3, (1300, 2100)).astype(np.uint8)
    path = LargeReader.write_labels(tmp_path / "a", labels, root / "images" / "a.tif")
    assert np.array_equal(np.asarray(LargeReader.read_labels(path)), labels)
    with tifffile.TiffFile(path) as file:
        levels = file.series[0].levels
        assert [level.shape for level in levels] == [(1300, 2100), (650, 1050), (325, 525)]
        assert np.array_equal(levels[1].asarray(), labels[::2, ::2])
        assert file.pages[0].tags["XResolution"].value[0] / file.pages[0].tags["XResolution"].value[1] == 20000  # type: ignore[union-attr]
