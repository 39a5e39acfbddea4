"""Which of sform, qform and pixdim counts where they disagree; SimpleITK and nibabel as independent readers."""

from __future__ import annotations

import random
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from header_forms import Form, draw, write

from segkit import UnusableFileError
from segkit_nifti.volumes import read_image

SOUND = Form(volume=np.arange(60).reshape(3, 4, 5), orientation=((0, 1, 2), (-1, -1, 1)))
"""LPS at 1.4 x 1.4 x 10 mm, as ACDC lies."""
READ = {
    "all agree": ({}, ""),
    "sform alone": ({"qform": "absent"}, ""),
    "qform alone": ({"sform": "absent"}, ""),
    "ACDC: an sform without spacing": ({"sform": "no spacing"}, "sform that says 1x1x1 mm: its qform is taken"),
    "an sform that nobody filled in": ({"sform": "identity"}, "sform that says 1x1x1 mm: its qform is taken"),
    "another sform": ({"sform": "twice as large"}, "sform that says 2.8x2.8x20 mm: its qform is taken"),
    "an sform of zeros": ({"sform": "zeros"}, "sform that has an axis of no length: its qform is taken"),
    "an sform with NaN": ({"sform": "NaN"}, "sform that holds NaN or infinities: its qform is taken"),
    "an absurd sform": ({"sform": "absurd"}, "its qform is taken, 1.4x1.4x10 mm as pixdim says"),
    "an sform far away": ({"sform": "far"}, "sform that begins 1e+30 mm away: its qform is taken"),
    "an atlas's sheared sform": ({"sform": "sheared", "sform_code": 4}, "sform that is sheared by"),
    "an atlas's place": ({"sform": "moved", "sform_code": 4}, "corners up to 69.3 mm apart: its sform is taken"),
    "a qform elsewhere": ({"qform": "moved"}, "corners up to 43.3 mm apart: its sform is taken"),
    "a quaternion a little long": ({"sform": "absent", "qform": "not quite a unit"}, ""),
    "a qfac of 0": ({"sform": "absent", "qfac": "0 for 1"}, ""),
    "no rotation beside an sform": ({"qform": "no rotation"}, "qform that is no rotation: its sform is taken"),
    "a negative pixdim": ({"pixdim": "negative"}, ""),
    "no pixdim beside an sform": ({"pixdim": "zero", "qform": "absent"}, "pixdim without spacing: that of its sform"),
    "metres": ({"unit": "m"}, "counts in metres: its voxels are 1.4x1.4x10 mm"),
    "micrometres": ({"unit": "um"}, "counts in micrometres: its voxels are 1.4x1.4x10 mm"),
    "no unit": ({"unit": "unknown"}, ""),
    "a unit that nobody knows": ({"unit": "code 5"}, ""),
}
REFUSED = {
    "sform and pixdim, and no qform": (
        {"sform": "no spacing", "qform": "absent"},
        "has two spacings: 1x1x1 mm in its sform, 1.4x1.4x10 mm in its pixdim, and no qform",
    ),
    "sform and pixdim, and a broken qform": ({"sform": "no spacing", "qform": "no rotation"}, "a qform that is no"),
    "a pixdim that nobody filled in": ({"pixdim": "ones"}, "1.4x1.4x10 mm in its sform, 1x1x1 mm in its pixdim"),
    "mirrored forms": ({"qform": "mirrored"}, "has an sform that says LPS and a qform that says RPS of one grid"),
    "mirrored forms, an atlas's": ({"sform": "mirrored", "sform_code": 4}, "says RPS and a qform that says LPS"),
    "a sheared scan": ({"sform": "sheared", "sform_code": 1}, "has a sheared affine"),
    "a sheared sform alone": ({"sform": "sheared", "qform": "absent"}, "has a sheared affine"),
    "no rotation alone": ({"sform": "absent", "qform": "no rotation"}, "has a qform that is no rotation"),
    "no spacing anywhere": ({"sform": "absent", "pixdim": "zero"}, "a qform that has no spacing"),
    "NaN in both": ({"sform": "NaN", "qform": "NaN"}, "has an sform that holds NaN"),
    "a code below 0 alone": ({"sform": "negative code", "qform": "absent"}, "has an sform that has the code -1"),
    "absurd in both": ({"lengths": (1e30, 1e30, 1e30)}, "has voxels of 1e+30x1e+30x1e+30 mm: no scan has"),
    "smaller than light": ({"lengths": (1e-9, 1e-9, 1e-9)}, "has voxels of 1e-09x1e-09x1e-09 mm: no scan has"),
    "mm that are called metres": ({"lengths": (1400.0, 1400.0, 10000.0), "unit": "m"}, "(it counts in metres)"),
    "neither form nor spacing": ({"sform": "absent", "qform": "absent", "pixdim": "NaN"}, "has neither sform nor"),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_read_as_it_truly_is(kind, tmp_path):
    """One thing is odd: spacing and orientation are the true ones, and what was chosen is told."""
    changes, told = READ[kind]
    form = replace(SOUND, **changes)
    path = write(form, tmp_path)
    image, grid = read_image([path], [path.name], 1)
    assert grid.spacing == pytest.approx((10, 1.4, 1.4), rel=1e-3)
    assert np.array_equal(image[0], form.volume)
    assert told in " ".join(remark.text for remark in grid.remarks)
    assert bool(told) == bool(grid.remarks)


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_the_way_out(kind, tmp_path):
    """What cannot be known is one sentence that names the file and both readings."""
    changes, said = REFUSED[kind]
    path = write(replace(SOUND, **changes), tmp_path)
    with pytest.raises(UnusableFileError) as caught:
        read_image([path], [path.name], 1)
    assert said in caught.value.message
    assert caught.value.message.startswith("a.nii ")
    assert caught.value.hint


def test_without_forms(tmp_path):
    """Only pixdim is known: spacing in the file's order, sides as nibabel takes them, and told."""
    form = replace(SOUND, sform="absent", qform="absent")
    path = write(form, tmp_path)
    image, grid = read_image([path], [path.name], 1)
    assert grid.spacing == pytest.approx((10, 1.4, 1.4))
    assert np.array_equal(image[0], nib.as_closest_canonical(nib.load(path)).get_fdata().transpose(2, 1, 0))
    assert "nobody knows its left and right" in grid.remarks[0].text


def agrees_with(readers: list[object], seed: int, count: int, folder) -> int:
    """Compare what is read without a remark with other readers; returns how many files that were."""
    source, compared = random.Random(seed), 0
    for _ in range(count):
        # Neither library counts in the header's unit throughout, and mended codes are this reader's own.
        form = replace(draw(source), unit="mm", pixdim="right", qfac="right", packing="plain", sform_code=1)
        path = write(form, folder)
        try:
            image, grid = read_image([path], [path.name], 1)
        except UnusableFileError:
            continue
        others = [] if grid.remarks else [found for reader in readers if (found := reader(path)) is not None]
        compared += bool(others)
        for spacing, volume in others:
            assert grid.spacing == pytest.approx(spacing, rel=1e-2), form
            assert np.allclose(image[0], volume), form
    return compared


def by_nibabel(path):
    """Spacing and volume (D, H, W) in RAS; None of what nibabel does not read, such as a quaternion a little long."""
    try:
        image = nib.as_closest_canonical(nib.load(path))
    except ValueError:
        return None
    return image.header.get_zooms()[::-1], image.get_fdata().transpose(2, 1, 0)


def by_itk(path):
    """Spacing and volume (D, H, W) in RAS; None of what ITK does not read."""
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "RAS")
    except RuntimeError:
        return None
    return image.GetSpacing()[::-1], sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("reader", [by_nibabel, by_itk])
def test_what_is_not_told_is_what_others_read(reader, tmp_path):
    """Where nothing is told, nibabel and ITK read the same voxels at the same spacing."""
    assert agrees_with([reader], 1, 150, tmp_path) > 20


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2, 6))
def test_many_are_what_others_read(seed, tmp_path):
    """The same of 2,000 files."""
    assert agrees_with([by_nibabel, by_itk], seed, 500, tmp_path) > 80
