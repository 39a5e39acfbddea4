"""Images and labels of NIfTI files as segkit takes them, turned to RAS, and label maps written back."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header

from segkit import UnusableFileError
from segkit.files import write_whole
from segkit_nifti.files import Nifti, open_nifti, read_header
from segkit_nifti.grid import Grid, check_same_grid, grid_of

WHOLE = 1e-3
"""How far a label stored as a float may be from a whole number."""
LARGEST_LABEL = 2**31
REPLACE = "a mark for no value? replace it, such as by the value of air, and write the file anew"
COMPRESSION = 6
ABSURD = 1e18
"""Magnitude whose square float32 no longer holds: no measurement, but a mark for "no value", such as -3.4e38."""
DROWNED = 30_000
"""Of an image whose values reach this many times further than 99.8 % of them, 65,536 stored steps keep two."""
LOOKED_AT = 200_000
"""Voxels, evenly spread, that are looked at for that."""
TEXTS = ("data_type", "descrip", "aux_file", "db_name", "intent_name")
"""Free texts of a header, which may say who was scanned, when and where."""


def read_image(
    paths: Sequence[Path], names: Sequence[str], channels: int | None, whose: str = "the dataset's images have"
) -> tuple[np.ndarray, Grid]:
    """Read an image: one file per channel, or one file whose fourth dimension is the channels.

    Args:
        channels: how many there have to be; None: as many as there are.
        whose: who says how many, for messages.

    Returns:
        (C, D, H, W), int16 where all values are whole numbers that it holds, else float32; and its grid.

    Raises:
        UnusableFileError: names the file and what is wrong with it.
    """
    files = [open_nifti(path, name) for path, name in zip(paths, names, strict=True)]
    first = files[0]
    grid = grid_of(first.header, first.name)
    for file in files[1:]:
        check_same_grid(grid, first.name, grid_of(file.header, file.name), file.name)
    found = [file.voxels.shape[3] for file in files]
    wanted = channels if channels is not None else sum(found)
    if len(files) > 1 and max(found) > 1:
        raise UnusableFileError(
            files[found.index(max(found))].name, "has four dimensions, and is one of several channels", "give one form"
        )
    if sum(found) != wanted:
        more = sum(found) > wanted
        raise UnusableFileError(
            first.name,
            f"has {_counted(sum(found), 'volume')}, {whose} {_counted(wanted, 'channel')}",
            "a time series? choose one volume of it" if more else "give every channel, in one file or one file each",
        )
    values = [image_values(file) for file in files]
    volumes = [
        grid_of(file.header, file.name).to_volume(part[..., index])
        for file, part in zip(files, values, strict=True)
        for index in range(part.shape[3])
    ]
    return np.stack(volumes), grid


def image_values(file: Nifti) -> np.ndarray:
    """Return voxels (X, Y, Z, C) scaled as the header says, int16 or float32; raises UnusableFileError."""
    slope, intercept = scaling(file)
    voxels = file.voxels
    whole = voxels.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer()
    if whole:
        low, high = (int(value) * int(slope) + int(intercept) for value in (voxels.min(), voxels.max()))
        if min(low, high) >= -32768 and max(low, high) <= 32767:
            scaled = voxels if (slope, intercept) == (1, 0) else voxels.astype(np.int64) * int(slope) + int(intercept)
            return scaled.astype(np.int16)
    with np.errstate(over="ignore", invalid="ignore"):
        wide = voxels if (slope, intercept) == (1, 0) else voxels.astype(np.float64) * slope + intercept
        values: np.ndarray = wide.astype(np.float32)
    check_values(values, file.name)
    return values


def check_values(values: np.ndarray, name: str) -> None:
    """Raise UnusableFileError where float32 values are no measurements, or drown in a few that are none."""
    for odd, what in ((~np.isfinite(values), "NaN or infinite"), (np.abs(values) > ABSURD, f"beyond {ABSURD:g}")):
        bad = int(np.count_nonzero(odd))
        if bad:
            count = "1 voxel that is" if bad == 1 else f"{bad:,} voxels that are"
            raise UnusableFileError(name, f"has {count} {what}", REPLACE)
    looked_at = values.reshape(-1)[:: max(1, values.size // LOOKED_AT)]
    low, high = (float(bound) for bound in np.percentile(looked_at, (0.1, 99.9)))
    least, most = float(values.min()), float(values.max())
    if high > low and most - least > DROWNED * (high - low):
        raise UnusableFileError(
            name, f"has values from {least:.4g} to {most:.4g}, nearly all of them from {low:.4g} to {high:.4g}", REPLACE
        )


def scaling(file: Nifti) -> tuple[float, float]:
    """Return slope and intercept of a file, 1 and 0 where it gives none: a slope of 0 or NaN, for nibabel and ITK too.

    Raises:
        UnusableFileError: one is infinite or the intercept alone NaN, or there is an intercept and no slope: ITK then
            adds it, nibabel and the standard do not.
    """
    slope, intercept = (float(file.header[name]) for name in ("scl_slope", "scl_inter"))
    none = slope == 0 or np.isnan(slope)
    if none and (intercept == 0 or np.isnan(intercept)):
        return 1.0, 0.0
    if none or not np.isfinite([slope, intercept]).all():
        raise UnusableFileError(
            file.name,
            f"has a damaged scaling (slope {slope:g}, intercept {intercept:g})",
            "write it anew: slope 1 and intercept 0 where its voxels are what they say",
        )
    return slope, intercept


def read_label(path: Path, name: str | None = None) -> tuple[np.ndarray, Grid]:
    """Read a label map.

    Returns:
        (D, H, W) uint8, or int64 where it has labels outside 0 to 255; and its grid.

    Raises:
        UnusableFileError: it has several volumes, or values that are no whole numbers.
    """
    file = open_nifti(path, name)
    if file.voxels.shape[3] != 1:
        raise UnusableFileError(
            file.name, f"has {file.voxels.shape[3]} volumes, a label map one", "write one number per voxel and class"
        )
    slope, intercept = scaling(file)
    voxels = file.voxels[..., 0]
    if voxels.dtype.kind == "f" or (slope, intercept) != (1, 0):
        with np.errstate(over="ignore", invalid="ignore"):
            voxels = voxels.astype(np.float64) * slope + intercept
        voxels = _whole(voxels, file.name)
    elif int(voxels.max()) > LARGEST_LABEL:  # of unsigned 64 bits int64 would make a negative number
        raise UnusableFileError(file.name, f"has the label {int(voxels.max())}", "labels are small whole numbers")
    fits = int(voxels.min()) >= 0 and int(voxels.max()) <= 255
    grid = grid_of(file.header, file.name)
    return grid.to_volume(voxels.astype(np.uint8 if fits else np.int64)), grid


def _whole(values: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        rounded: np.ndarray = np.rint(values)
        odd = ~((np.abs(values - rounded) <= WHOLE) & (np.abs(values) <= LARGEST_LABEL))
    if odd.any():
        found = ", ".join(f"{value:.4g}" for value in np.unique(values[odd])[:3])
        raise UnusableFileError(
            name, f"has labels that are not whole numbers: {found}", "resample label maps by nearest neighbour"
        )
    return rounded


def labels_in(labels: np.ndarray) -> list[int]:
    """Return the labels but 0 that a label map holds, in rising order."""
    quick = labels.dtype == np.uint8
    found = np.flatnonzero(np.bincount(labels.ravel())) if quick else np.unique(labels)
    return [int(label) for label in found if label]


def check_labels(labels: np.ndarray, classes: int, name: str, hint: str) -> None:
    """Raise UnusableFileError where a label map has labels outside 0 to `classes`."""
    found = np.array(labels_in(labels), np.int64)
    outside = found[(found < 0) | (found > classes)]
    if outside.size:
        listed = ", ".join(str(label) for label in outside[:5]) + (", ..." if outside.size > 5 else "")
        raise UnusableFileError(name, f"has labels outside 0 to {classes}: {listed}", hint)


def write_label(stem: Path, labels: np.ndarray, like: Path) -> Path:
    """Write a label map as `stem`.nii.gz in the orientation, grid, affine and header codes of another file.

    Byte order, units, qform, sform and their codes are the reference's; type and scaling are those of labels, display
    range, free texts and extensions are left out (they may name a patient). Equal labels make equal files.

    Args:
        labels: (D, H, W) as `read_label` gives them, 0 to 255.
        like: the file whose grid it is, usually the image that was segmented.

    Raises:
        UnusableFileError: `like` cannot be read, or has another grid.
    """
    return _write(stem, labels.astype(np.uint8), like, "the labels have")


def write_map(stem: Path, values: np.ndarray, like: Path) -> Path:
    """Write numbers (D, H, W), such as a heat map, as float32 the same way; raises what `write_label` raises."""
    return _write(stem, values.astype(np.float32), like, "the map has")


def _write(stem: Path, values: np.ndarray, like: Path, what: str) -> Path:
    header = read_header(like).copy()
    grid = grid_of(header, like.name)
    if values.shape != grid.shape:
        raise UnusableFileError(
            like.name,
            f"has a grid of {grid.shape} voxels, {what} {values.shape}",
            "give the image that it is of",
        )
    voxels = grid.to_file(values).astype(values.dtype.newbyteorder(header.endianness))
    _describe(header, voxels.shape, values.dtype)
    content = bytes(header.binaryblock) + b"\0\0\0\0" + voxels.tobytes(order="F")
    target = stem.with_name(f"{stem.name}.nii.gz")
    packed = gzip.compress(content, COMPRESSION, mtime=0)
    write_whole(target, lambda stream: stream.write(packed))
    return target


def _describe(header: Nifti1Header | Nifti2Header, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Make an image's header that of one volume of labels or numbers on its grid."""
    pixdim = header["pixdim"].copy()
    header.set_data_shape(shape)
    header["pixdim"] = pixdim
    header.set_data_dtype(dtype)
    header["vox_offset"] = int(header["sizeof_hdr"]) + 4
    header["scl_slope"], header["scl_inter"] = 1, 0
    header["cal_min"], header["cal_max"] = 0, 0
    header["slice_duration"], header["toffset"] = 0, 0
    for text in set(TEXTS) & set(header.keys()):
        header[text] = b""


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
