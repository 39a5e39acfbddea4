"""Where a file's voxels lie: of sform and qform the one that agrees with pixdim, or a refusal.

What others do where these disagree, as their sources say (2026):

- nibabel 5 (`Nifti1Header.get_best_affine`): the sform where its code is not 0, else the qform, else voxels along the
  axes with x flipped. Spacing is the length of the affine's columns; pixdim is not compared.
- ITK 5.4 (`NiftiImageIO::SetImageIOOrientationFromNIfTI`), SimpleITK and MONAI's ITKReader with it: spacing is
  pixdim, always. Directions are the sform's where it is orthonormal and either alone, of code 1, or equal to the qform;
  else the qform's. Without codes: LPS.
- nifticlib, which ITK reads with (`nifti_quatern_to_mat44`): a quaternion longer than 1 is scaled to 1, qfac is -1
  where pixdim[0] is below 0, else 1.

ACDC is the known case: its sform has no spacing, its qform and pixdim have it (issue 18). A form counts here where the
lengths of its columns are those of pixdim: both libraries then give one spacing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.orientations import aff2axcodes
from nibabel.volumeutils import shape_zoom_affine

from segkit import UnusableFileError
from segkit.data.remarks import Remark
from segkit_nifti.forms import Form, pixdim_of, qform_of, sform_of

AGREE = 0.01
"""Spacings are the same where they differ by no more than this share."""
SAME_PLACE = 0.5
"""Grids are the same where no corner is further apart than this share of the smallest voxel side."""
SCANNER = 1
"""Code of a form that leads to the scanner's own axes; higher ones lead to another scan's or an atlas's."""
WRITE_ANEW = "write it anew with one spacing: SimpleITK keeps pixdim, nibabel the sform"
ONE_FORM = "set the code of the wrong one to 0, such as with nibabel: image.header['sform_code'] = 0"


@dataclass(frozen=True)
class Placement:
    """The affine (4, 4) of the file's index order that counts, in mm, and what is to be told of the choice."""

    affine: np.ndarray
    remarks: tuple[Remark, ...] = ()


def place(header: Any, shape: tuple[int, int, int], name: str) -> Placement:
    """Take the form that agrees with pixdim.

    Args:
        header: a nibabel header, unchecked.
        shape: (X, Y, Z).

    Raises:
        UnusableFileError: nothing agrees, or two forms do and turn the voxels differently.
    """
    pixdim = pixdim_of(header, len(header.get_data_shape()))
    sform, qform = sform_of(header), qform_of(header, pixdim, shape)
    if sform is None and qform is None:
        return without_forms(pixdim, shape, name)
    if sform is None or qform is None:
        form = sform or qform
        assert form is not None
        return alone(form, pixdim, shape, name)
    if (sform.shear or qform.fault) and not is_registered(sform, qform):
        return alone(sform, pixdim, shape, name, qform)
    if sform.fault or not agree(sform.spacing, pixdim):
        if not sform.fault and (np.asarray(header["pixdim"][1:4]) == 1).all():
            # What a new header holds, and the qform with it: somebody may have set the sform alone.
            raise UnusableFileError(name, f"has {two_spacings(sform, pixdim)}", WRITE_ANEW)
        if not sform.fault and not np.array_equal(sform.affine[:3, :3], np.eye(3)):
            check_axes(sform, qform, name)  # a bare identity says nothing of the axes either
        wrong = sform.fault or f"says {lengths(sform.spacing)}"
        told = f"has an sform that {wrong}: its qform is taken, {lengths(qform.spacing)} as pixdim says"
        return Placement(qform.affine, (Remark("sform", told),))
    return together(sform, qform, shape, name)


def is_registered(sform: Form, qform: Form) -> bool:
    """Whether the sform leads elsewhere than the scanner, such as to an atlas, and the qform is the scan's own grid."""
    return sform.code > SCANNER and qform.code == SCANNER and not qform.fault


def alone(
    form: Form, pixdim: np.ndarray, shape: tuple[int, int, int], name: str, beside: Form | None = None
) -> Placement:
    """Take the only form, or the only one that is of use `beside` another."""
    other = "" if beside is None else f", and {article(beside)} that {beside.fault or 'has right angles'}"
    if form.shear:
        raise UnusableFileError(
            name,
            f"has a sheared affine, two voxel axes {form.shear:.1f} degrees off a right angle: its spacing is no "
            "distance",
            "resample it to a rectangular grid (a tilted gantry: dcm2niix does it while it converts)",
        )
    if form.fault:
        raise UnusableFileError(name, f"has {article(form)} that {form.fault}{other}", WRITE_ANEW)
    if not agree(form.spacing, pixdim):
        also = ", and no qform" if beside is None else other
        raise UnusableFileError(name, f"has {two_spacings(form, pixdim)}{also}", WRITE_ANEW)
    remarks = []
    if beside is not None:
        remarks.append(Remark("qform", f"has {article(beside)} that {beside.fault}: its {form.name} is taken"))
    if (np.isnan(pixdim) & (np.array(shape) > 1)).any():
        told = f"has a pixdim without spacing: that of its {form.name} is taken, {lengths(form.spacing)}"
        remarks.append(Remark("pixdim", told))
    return Placement(form.affine, tuple(remarks))


def together(sform: Form, qform: Form, shape: tuple[int, int, int], name: str) -> Placement:
    """Take the sform of two forms with one spacing, and tell where they lie apart."""
    apart = corner_distance(sform.affine, qform.affine, shape)
    if apart <= SAME_PLACE * float(sform.spacing.min()):
        return Placement(sform.affine)
    check_axes(sform, qform, name)
    told = f"has an sform and a qform with corners up to {apart:.3g} mm apart: its sform is taken"
    return Placement(sform.affine, (Remark("apart", told),))


def check_axes(sform: Form, qform: Form, name: str) -> None:
    """Raise UnusableFileError where the forms turn the voxels differently.

    nibabel takes the sform, ITK that of a scanner and the qform beside any other.
    """
    axes = ["".join(aff2axcodes(form.affine)) for form in (sform, qform)]
    if axes[0] != axes[1]:
        raise UnusableFileError(
            name, f"has an sform that says {axes[0]} and a qform that says {axes[1]} of one grid", ONE_FORM
        )


def without_forms(pixdim: np.ndarray, shape: tuple[int, int, int], name: str) -> Placement:
    """Place voxels by pixdim alone, as nibabel does: left to the right in the file (LAS), its centre at 0."""
    single = np.array(shape) == 1
    if (np.isnan(pixdim) & ~single).any():
        raise UnusableFileError(name, "has neither sform nor qform nor a spacing in pixdim", "write it anew with them")
    affine = shape_zoom_affine(shape, np.where(np.isnan(pixdim), 1.0, pixdim), x_flip=True)
    told = "has neither sform nor qform: nobody knows its left and right, it is taken as LAS, as nibabel does"
    return Placement(affine, (Remark("none", told),))


def agree(spacing: np.ndarray, pixdim: np.ndarray) -> bool:
    """Whether a form's spacing is pixdim's, wherever pixdim says anything."""
    with np.errstate(over="ignore"):
        return not bool((np.abs(spacing - pixdim) > AGREE * np.minimum(spacing, pixdim)).any())


def corner_distance(first: np.ndarray, second: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return mm between the corners that are furthest apart in two placements (4, 4) of one grid."""
    corners = np.array([[*corner, 1] for corner in np.ndindex(2, 2, 2)], np.float64)
    corners[:, :3] *= np.array(shape) - 1
    return float(np.linalg.norm((corners @ (first - second).T)[:, :3], axis=1).max())


def two_spacings(form: Form, pixdim: np.ndarray) -> str:
    """Name both."""
    return f"two spacings: {lengths(form.spacing)} in its {form.name}, {lengths(pixdim)} in its pixdim"


def article(form: Form) -> str:
    """A form's name with its article."""
    return f"{'an' if form.name[0] == 's' else 'a'} {form.name}"


def lengths(spacing: np.ndarray) -> str:
    """A spacing in words."""
    return "x".join("?" if np.isnan(length) else f"{length:.4g}" for length in spacing) + " mm"
