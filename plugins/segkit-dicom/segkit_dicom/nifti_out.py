"""Volumes in RAS written as NIfTI, which is what predictions and heat maps of a series become."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from nibabel.nifti1 import Nifti1Image

from segkit.files import write_whole

COMPRESSION = 6


def write_volume(stem: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    """Write values (D, H, W) as `stem`.nii.gz, axes in the order X, Y, Z; equal values make equal files.

    Args:
        affine: (4, 4) from D, H and W to mm in RAS.
    """
    image = Nifti1Image(np.ascontiguousarray(values.transpose(2, 1, 0)), affine[:, [2, 1, 0, 3]])
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    content = gzip.compress(image.to_bytes(), COMPRESSION, mtime=0)
    target = stem.with_name(f"{stem.name}.nii.gz")
    write_whole(target, lambda stream: stream.write(content))
    return target
