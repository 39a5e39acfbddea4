"""Small folders as people really have them, whose right answers are known (issue 18); read in place, not copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segkit import SegkitError
from segkit_folder.params import FolderParams
from segkit_folder.reader import FolderReader

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not there")


def opened(name: str, **params: object) -> FolderReader:
    """Open one of the folders."""
    return FolderReader(CASES / name, FolderParams(**params))


def shares(reader: FolderReader, label: int = 1) -> dict[str, float]:
    """The share of a label by case, to four places."""
    cases = [case for split in ("train", "val", "test") for case in reader.cases(split)]
    return {case.id: round(float(np.mean(reader.read(case).mask == label)), 4) for case in cases}


def known(text: str) -> dict[str, float]:
    """The shares of c0, c1, ... as the README lists them."""
    return {f"c{number}": float(share) for number, share in enumerate(text.split())}


def problems(reader: FolderReader) -> dict[str, str]:
    """What verify tells, by file."""
    return {problem.file: problem.reason for problem in reader.verify()}


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("m_rgb_jpeg", {}, "0.1253 0.1237 0.1247 0.1253 0.1243 0.1240 0.1243 0.1237"),
        ("x_cf_rgbjpeg", {}, "0.1253 0.1237 0.1247 0.1253 0.1243 0.1240"),
        ("x_smooth", {"threshold": 128.0}, "0.1227 0.1247 0.1243 0.1230 0.1243 0.1247 0.1240 0.1247"),
        ("m_mixed_encoding", {}, "0.1253 0.1237 0.1247 0.1253 0.1243 0.1240 0.1243 0.1237"),
    ],
)
def test_masks_of_one_class(name, params, expected):
    """Colour JPEG, one folder per class, interpolated with a threshold, 0/1 among 0/255."""
    reader = opened(name, **params)
    assert len(reader.task.classes) == 1
    assert shares(reader) == known(expected)


def test_m_mixed_encoding_is_told():
    """0/1 among 0/255 is one class, and a remark names a file."""
    assert "masks/c0.png and 3 more do not" in opened("m_mixed_encoding").remarks()[0]


def test_m_rgba_white():
    """Paint on a transparent layer is refused with the way out, and not called empty or full."""
    with pytest.raises(SegkitError, match=r"masks/c0\.png is a mask that is partly transparent; save it without"):
        opened("m_rgba_white")


def test_x_smooth_without_a_threshold():
    """Interpolated masks name the setting that makes them usable."""
    told = problems(opened("x_smooth"))
    assert len(told) == 8
    assert all(reason.startswith("has values of no class: ") for reason in told.values())
    reader = opened("x_smooth")
    with pytest.raises(SegkitError, match=r"--set data\.threshold=128"):
        reader.read(reader.cases("train")[0])


def test_m_palette_unordered():
    """The same colour is the same class in every file."""
    from PIL import Image

    reader = opened("m_palette_unordered")
    for split in ("train", "val", "test"):
        for case in reader.cases(split):
            pixels = np.asarray(Image.open(case.files[1]).convert("RGB"))
            labels = reader.read(case).mask
            for label, (name, colour) in enumerate(reader.classes.values.items(), 1):
                shown = np.array([colour >> 16, colour >> 8 & 255, colour & 255])
                np.testing.assert_array_equal(labels == label, (pixels == shown).all(-1), err_msg=name)


def test_p_deep():
    """16 bits per channel are refused, file by file, and none is cut to 8."""
    told = problems(opened("p_deep"))
    assert len(told) == 6
    assert all("16" in reason for reason in told.values())


def test_l_bmp():
    """BMP is read like the others."""
    assert len(shares(opened("l_bmp"))) == 10
    assert not problems(opened("l_bmp"))


def test_l_litter_classes():
    """What NAS and Mac leave behind is no class and no image, and every file of it is told."""
    from segkit.data.inventory import LITTER, inventory_of

    reader = opened("l_litter_classes")
    assert reader.task.classes == ("hair", "lesion")
    cases = [case for split in ("train", "val", "test") for case in reader.cases(split)]
    inventory = inventory_of(reader, cases, reader.root)
    assert (len(inventory.used), len(inventory.left_out)) == (18, 20)
    assert {problem.reason for problem in inventory.left_out} == {LITTER}


def test_l_same():
    """Splits that number alike are taken, their ids made distinct."""
    reader = opened("l_same")
    assert [len(reader.cases(split)) for split in ("train", "val", "test")] == [6, 3, 3]
    assert reader.cases("val")[0].id == "val-0001"
    assert not problems(reader)


def test_l_csv():
    """The table is read; the patient whom it has in two splits is told by verify, as a run refuses it."""
    from segkit.data.verify import verify

    reader = opened("l_csv")
    assert [len(reader.cases(split)) for split in ("train", "val")] == [4, 2]
    [problem] = verify(reader, "folder", reader.root, lambda *_: None)
    assert problem.file == "images/c4.png"
    assert problem.reason == "is of patient anna in split val, who is in split train too: case c0"


def test_n_nfd():
    """A name composed and its mask's decomposed are one."""
    reader = opened("n_nfd")
    assert "Läsion-é" in shares(reader)
    assert not problems(reader)
