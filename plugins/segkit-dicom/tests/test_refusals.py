"""What is no one volume is refused in a sentence with the series' description and a file's name."""

import numpy as np
import pytest
from series_files import CORONAL, slices, voxels, write

from segkit import UnusableFileError
from segkit_dicom.headers import read_file, read_header, read_without_pixels_yet
from segkit_dicom.params import DicomParams
from segkit_dicom.reader import DicomReader
from segkit_dicom.seg_out import Segment, write_seg
from segkit_dicom.series import read_sample


def place(one, number, value):
    """Move a slice along one axis."""
    position = list(one.ImagePositionPatient)
    position[number] = value
    one.ImagePositionPatient = position


def missing(found):
    """Take a slice out of the middle."""
    del found[2]


def doubled(found):
    """A slice is there twice, as another object."""
    place(found[3], 2, found[2].ImagePositionPatient[2])


def copied(found):
    """A file was copied."""
    found[3].SOPInstanceUID = found[2].SOPInstanceUID


def uneven(found):
    """A slice lies a little aside."""
    place(found[2], 2, found[2].ImagePositionPatient[2] + 0.7)


def tilted(found):
    """Each slice is shifted along its columns, as with a tilted gantry."""
    for number, one in enumerate(found):
        place(one, 1, one.ImagePositionPatient[1] + 0.8 * number)


def turned(found):
    """One slice has another orientation."""
    found[1].ImageOrientationPatient = [float(value) for axis in CORONAL for value in axis]


def coarser(found):
    """One slice has larger pixels."""
    found[1].PixelSpacing = [1.4, 1.8]


def smaller(found):
    """One slice has fewer rows."""
    found[1].Rows = 5
    found[1].PixelData = found[1].PixelData[: 5 * 7 * 2]


def acquired_twice(found):
    """Every slice is there twice, of two acquisitions."""
    for one, other in zip(found[:3], found[3:], strict=True):
        other.ImagePositionPatient, other.AcquisitionNumber = one.ImagePositionPatient, 2


def cut_off(found):
    """A file ends within its pixels."""
    found[2].PixelData = found[2].PixelData[:40]


def elsewhere(found):
    """A slice is of another frame of reference."""
    found[2].FrameOfReferenceUID = "1.2.3"


def nowhere(found):
    """A slice does not say where it lies."""
    del found[2].ImagePositionPatient


KINDS = {
    missing: "lacks 1 slice",
    doubled: "is there twice",
    copied: "is the same object",
    uneven: "unevenly spaced",
    tilted: "tilted gantry",
    turned: "localizer",
    coarser: "another spacing",
    smaller: "another size",
    acquired_twice: "2 acquisitions",
    cut_off: "cut off",
    elsewhere: "frame of reference",
    nowhere: "does not say where it lies",
}


@pytest.mark.parametrize("spoil", KINDS, ids=lambda spoil: spoil.__name__)
def test_spoiled_series_is_refused(tmp_path, spoil):
    """Each fault has its own words; the sentence names the series and a file of it."""
    found = slices(voxels((6, 6, 7)))
    spoil(found)
    paths = write(tmp_path, found)
    with pytest.raises(UnusableFileError) as caught:
        read_sample(paths)
    told = str(caught.value)
    assert KINDS[spoil] in told
    assert "thorax 3mm" in told
    assert any(path.name in told for path in paths)
    assert caught.value.hint
    assert "QUIXOTIC" not in told


@pytest.mark.parametrize("spoil", KINDS, ids=lambda spoil: spoil.__name__)
def test_the_other_series_go_on(tmp_path, spoil):
    """As a dataset: the spoiled series is told once, with its description and a file, by the run and by verify."""
    for number in range(4):
        found = slices(voxels((6, 6, 7)), patient=f"P{number}")
        write_seg(tmp_path / f"m{number}.dcm", found, np.ones((6, 6, 7), np.uint8), [Segment("liver")])
        if number == 2:
            spoil(found)
        write(tmp_path / f"p{number}", found)
    reader = DicomReader(tmp_path, DicomParams(val=0.0, test=0.0))
    assert len(reader.cases("train")) == 3
    assert all(reader.read(case).mask.any() for case in reader.cases("train"))
    told = [remark for remark in reader.remarks() if "not used" in remark]
    assert len(told) == 1
    assert "thorax 3mm" in told[0]
    assert ".dcm" in told[0]
    assert "QUIXOTIC" not in told[0]
    [problem] = reader.verify()
    assert problem.hint


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5"])
def test_wrong_transfer_syntax_is_refused(tmp_path, syntax):
    """Plain pixels in a file that says they are compressed are refused."""
    [path] = write(tmp_path, slices(voxels((1, 6, 7))))
    content = path.read_bytes()
    # The group's length goes before the syntax, padded to the same length.
    old = b"1.2.840.10008.1.2.1\0"
    new = syntax.encode().ljust(22 if len(syntax) > 20 else 20, b"\0")
    spoilt = content.replace(len(old).to_bytes(2, "little") + old, len(new).to_bytes(2, "little") + new, 1)
    grown = len(new) - len(old)
    length = int.from_bytes(content[140:144], "little") + grown
    path.write_bytes(spoilt[:140] + length.to_bytes(4, "little") + spoilt[144:])
    with pytest.raises(UnusableFileError, match="transfer syntax"):
        read_sample([path])


@pytest.mark.parametrize("share", np.linspace(0.02, 0.99, 25))
def test_cut_off_file_is_refused_wherever_it_ends(tmp_path, share):
    """A file that ends anywhere before its end is refused, and its series with it."""
    paths = write(tmp_path, slices(voxels()))
    content = paths[0].read_bytes()
    paths[0].write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UnusableFileError, match=paths[0].name):
        read_sample(paths)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_cut_off_pixels_that_are_read_later_are_refused(tmp_path, share):
    """A slice of 8 KB, whose pixels are read when the volume is filled: refused by its length, before that."""
    paths = write(tmp_path, slices(voxels((3, 64, 64)) % 3000))
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UnusableFileError) as caught:
        read_sample(paths)
    assert paths[1].name in str(caught.value)
    assert "cut off" in str(caught.value)
    assert "QUIXOTIC" not in str(caught.value)


@pytest.mark.parametrize("seed", range(40))
def test_changed_bytes_are_read_or_refused_in_words(tmp_path, seed):
    """Wherever bytes of a right file are others, nothing but a sentence with its name comes out of reading it."""
    draw = np.random.default_rng(seed)
    [path] = write(tmp_path, slices(voxels((1, 6, 7))))
    content = bytearray(path.read_bytes())
    for place in draw.integers(128, len(content), 3):
        content[place] = draw.choice([0, 255, draw.integers(256), content[place] ^ 1])
    path.write_bytes(content)
    for read in (read_header, read_file, read_without_pixels_yet, lambda path: read_sample([path])):
        told = ""
        try:
            read(path)
        except UnusableFileError as error:
            told = str(error)
        assert not told or path.name in told
        assert "QUIXOTIC" not in told


def test_a_number_of_half_its_bytes_is_refused_in_words(tmp_path):
    """pydicom has an error of its own for it, which is none of Python's usual ones."""
    [path] = write(tmp_path, slices(voxels((1, 6, 7))))
    rows = b"\x28\x00\x10\x00US\x02\x00\x06\x00"
    content = path.read_bytes()
    assert rows in content
    path.write_bytes(content.replace(rows, rows[:6] + b"\x01\x00\x06"))
    with pytest.raises(UnusableFileError, match=path.name):
        read_sample([path])


def test_a_transfer_syntax_that_is_none_is_refused(tmp_path):
    """It says how the rest is to be read: nothing is guessed."""
    [path] = write(tmp_path, slices(voxels((1, 6, 7))))
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0", 1))
    for read in (read_header, read_without_pixels_yet):
        with pytest.raises(UnusableFileError, match="transfer syntax that is none"):
            read(path)
