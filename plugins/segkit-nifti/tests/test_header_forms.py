"""Every form of header that people have, by the thousand: read as it truly is or refused, and told where it lies."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from header_forms import UNITS, Form, draw, pixdim_of, quaternion_of, sform_of, write

from segkit import UnusableFileError
from segkit_nifti.grid import Grid
from segkit_nifti.volumes import read_image

UNUSABLE = ("absent", "zeros", "NaN", "absurd", "far", "sheared", "negative code")
"""Sforms that say no spacing; a sheared one says lengths that are no distances."""


def truth(form: Form) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the image (D, H, W) and the spacing (3,) that a careful person reads; None where that cannot be known.

    It is told by what was put into the header, not by the header: three claims, of which pixdim is the one that all
    libraries know.
    """
    slope, intercept = form.scaling
    image = form.volume * slope + intercept if np.isfinite(slope) and slope else form.volume
    unknown = form.sform == form.qform == "absent"
    order = [2, 1, 0] if unknown else np.argsort(form.orientation[0])[::-1]
    factor = UNITS[form.unit][1]
    pixdim = np.abs(np.array(pixdim_of(form, factor)) / factor)[order]
    stated = np.isfinite(pixdim) & (pixdim > 0)
    own = np.linalg.norm(sform_of(form)[:3, :3], axis=0)[order]
    qform = (
        form.qform in ("right", "not quite a unit", "moved", "mirrored")
        and stated.all()
        and quaternion_of(form)[2] != 2
    )
    if form.sform in UNUSABLE:
        return (image, pixdim) if stated.all() and form.qform != "NaN" else None
    if np.allclose(own[stated], pixdim[stated], rtol=1e-2):
        return image, own
    return (image, pixdim) if qform else None


def read(form: Form, folder: Path) -> tuple[np.ndarray, Grid] | UnusableFileError:
    """Read a form's file, or return what it is refused with."""
    path = write(form, folder)
    try:
        image, grid = read_image([path], [path.name], 1)
    except UnusableFileError as error:
        return error
    return image[0], grid


def judge(form: Form, folder: Path) -> str:
    """Return "right", "told" (right, with a remark), "refused", or what is wrong."""
    found = read(form, folder)
    if isinstance(found, UnusableFileError):
        sound = found.message.startswith("a.nii") and "\n" not in str(found) and found.hint
        return "refused" if sound else f"refused with {found}"
    image, grid = found
    known = truth(form)
    if known is None:
        return f"read though nobody can know it: {grid.spacing}"
    kinds = {remark.kind for remark in grid.remarks}
    if not np.allclose(grid.spacing, known[1], rtol=1e-2):
        return f"spacing {grid.spacing}, truly {known[1]}"
    if not np.array_equal(image.astype(np.float64), known[0]) and not (kinds & {"none"}):
        return "voxels lie elsewhere"
    return "told" if kinds else "right"


def judged(seed: int, count: int, folder: Path) -> Counter[str]:
    """Judge some forms; those that are wrong are printed whole."""
    source = random.Random(seed)
    verdicts: Counter[str] = Counter()
    for _ in range(count):
        form = draw(source)
        verdict = judge(form, folder)
        if verdict not in ("right", "told", "refused"):
            print(verdict, form)
            verdict = "wrong"
        verdicts[verdict] += 1
    return verdicts


def test_some_forms(tmp_path):
    """Of 300 forms none is read wrongly, and all three verdicts occur."""
    verdicts = judged(0, 300, tmp_path)
    assert verdicts["wrong"] == 0
    assert min(verdicts["right"], verdicts["told"], verdicts["refused"]) > 20


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1, 11))
def test_many_forms(seed, tmp_path):
    """The same of 10,000."""
    assert judged(seed, 1000, tmp_path)["wrong"] == 0
