"""pydicom's own test files are read as pydicom and ITK read them, or refused in a sentence."""

from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.pixels.utils import pixel_array

from segkit import UnusableFileError
from segkit_dicom.headers import holds_image
from segkit_dicom.series import read_sample

FOLDER = Path(pydicom.__file__).parent / "data"

LOSSY = {
    *("JPGExtended.dcm", "SC_jpeg_no_color_transform.dcm", "SC_jpeg_no_color_transform_2.dcm", "SC_rgb_jpeg.dcm"),
    *("SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+n1.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm"),
    *("SC_rgb_jpeg_app14_dcmd.dcm", "SC_rgb_jpeg_lossy_gdcm.dcm"),
}
"""JPEG with loss: its decoders round differently."""
DEEP = {"SC_rgb_rle_16bit.dcm": 8, "SC_rgb_rle_32bit.dcm": 24}
"""Colours that become those of 8 bits, and how many bits they lose; of RLE ITK takes bytes for other colours."""


def by_itk(path):
    """Values that ITK reads of a file; None where it cannot."""
    try:
        return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    except RuntimeError:
        return None


@pytest.mark.full
def test_every_file_is_read_or_refused():
    """No traceback; what is read has the values that ITK has, apart from the order of axes and grey of MONOCHROME1."""
    counts, differing = Counter(), []
    for path in sorted(FOLDER.rglob("*")):
        if not path.is_file() or path.suffix in (".py", ".pyc", ".json", ".txt", ".zip") or not holds_image(path):
            continue
        try:
            image = read_sample([path]).image
        except UnusableFileError as error:
            counts["refused" if path.name in str(error) and error.hint else "refused without name or hint"] += 1
            continue
        other = by_itk(path)
        if other is None:
            counts["read, by ITK not"] += 1
        elif np.allclose(np.sort(image, axis=None), np.sort(other, axis=None), atol=1e-3):
            counts["as ITK"] += 1
        else:
            differing.append(path.name)
            shown = np.moveaxis(image, 0, -1) if image.shape[0] == 3 else image[0]
            if path.name in DEEP:
                kept = pixel_array(pydicom.dcmread(path)) >> DEEP[path.name]
                assert np.array_equal(shown, kept)
            elif path.name in LOSSY:
                assert np.abs(shown.astype(int) - other[0].astype(int)).max() <= 2
    if not counts:
        pytest.skip("this pydicom brings no test files")
    assert {*counts} <= {"as ITK", "refused", "read, by ITK not"}
    assert counts["as ITK"] > 40
    assert {*differing} <= {*LOSSY, *DEEP}
