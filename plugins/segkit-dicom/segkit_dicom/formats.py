"""DICOM files outside of a dataset: which of them are one image, and predictions written beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from segkit import Sample, UnusableFileError
from segkit.data.label_png import read_labels, write_labels
from segkit.data.origin import Origin
from segkit_dicom.headers import LISTED, holds_image, read_header, text
from segkit_dicom.identity import digest, identity_of, salt
from segkit_dicom.nifti_out import write_volume
from segkit_dicom.prediction import write_fractions, write_plane_seg, write_seg_of
from segkit_dicom.series import by_series, key_of, listed, read_sample, stack_of, with_broken
from segkit_dicom.stacks import Stack
from segkit_nifti.files import SUFFIXES, stem_of
from segkit_nifti.reader import VolumeReader


class DicomFiles:
    """What `segkit.data.dataset.LabelFiles` asks of a format; NIfTI files are read as VolumeReader reads them."""

    suffixes = SUFFIXES
    formats: Mapping[str, str] = MappingProxyType({"nifti": ".nii.gz", "dicom-seg": ".dcm", "dicom-labelmap": ".dcm"})

    plane_formats: Mapping[str, str] = MappingProxyType({"png": ".png", "dicom-seg": ".dcm", "dicom-labelmap": ".dcm"})

    @classmethod
    def is_image(cls, path: Path) -> bool:
        """Whether a file is a DICOM image; folders are looked into, for they may hold several series."""
        return holds_image(path)

    @classmethod
    def gather(cls, paths: Sequence[Path], channels: int) -> Sequence[tuple[str | None, tuple[Path, ...]]]:
        """Tell which files are one image: those of one series, called by a digest that names nobody."""
        others = [path for path in paths if stem_of(path.name) is not None]
        own = [path for path in paths if stem_of(path.name) is None]
        images = list(VolumeReader.gather(others, channels)) if others else []
        secret = salt() if own else b""
        read = list(zip(own, listed(own), strict=True))
        series = by_series([file for _, file in read if not isinstance(file, UnusableFileError)])
        whole, alone_broken = with_broken(series, [path for path, file in read if isinstance(file, UnusableFileError)])
        images += [(None, (path,)) for path in alone_broken]
        for uid, files in series.items():
            header = files[0].header
            alone = "" if uid == text(header, "SeriesInstanceUID") else text(header, "SOPInstanceUID")
            images.append(
                (digest(key_of(header) + alone, secret), (*(file.path for file in files), *whole.get(uid, ())))
            )
        return images

    @classmethod
    def identify(cls, files: Sequence[Path]) -> Mapping[str, str]:
        """Return patient, study and series of an image's files, nothing of NIfTI; raises UnusableFileError."""
        if stem_of(files[0].name) is not None:
            return {}  # called as its file
        return identity_of(read_header(files[0], LISTED), salt())

    @classmethod
    def open_file(cls, path: Path) -> Sample:
        """Read one file: a slice, a multi-frame volume or a photograph; raises UnusableFileError."""
        return cls.open_files([path], 1)

    @classmethod
    def open_files(cls, paths: Sequence[Path], channels: int) -> Sample:
        """Read a series turned to RAS, or a photograph; raises UnusableFileError."""
        if stem_of(paths[0].name) is not None:
            return VolumeReader.open_files(paths, channels)
        sample = read_sample(paths)
        if sample.image.ndim == 3 and len(sample.image) == 1 < channels:  # a grey photograph beside coloured ones
            return replace(sample, image=np.repeat(sample.image, channels, axis=0))
        return sample

    @classmethod
    def write_labels(cls, stem: Path, labels: np.ndarray, like: Path) -> Path:
        """Write a label map (D, H, W) in RAS as `stem`.nii.gz on the grid of the series that a file belongs to."""
        if labels.ndim == 2:
            return write_plane(stem, labels)
        if stem_of(like.name) is not None:
            return VolumeReader.write_labels(stem, labels, like)
        return write_volume(stem, labels.astype(np.uint8), series_around(like).grid.affine)

    @classmethod
    def write_labels_as(cls, form: str, stem: Path, labels: np.ndarray, origin: Origin) -> Path:
        """Write a label map (D, H, W) in RAS as NIfTI, or as one DICOM SEG object that refers to the image's files.

        One of a photograph (H, W) becomes a palette PNG or a SEG object.

        Raises:
            UnusableFileError: the image is no series of DICOM, to which a SEG object could refer.
        """
        first = origin.files[0]
        if form == "png":
            return write_plane(stem, labels)
        if form == "nifti":
            if origin.affine is None:
                raise UnusableFileError(first.name, "has no place in a patient", "write its prediction as it is usual")
            return write_volume(stem, labels.astype(np.uint8), origin.affine)
        if stem_of(first.name) is not None:
            raise UnusableFileError(first.name, "is NIfTI: there is no DICOM to refer to", "leave out --format")
        if labels.ndim == 2:
            return write_plane_seg(
                stem.with_name(f"{stem.name}.dcm"), labels, origin, labelmap=form == "dicom-labelmap"
            )
        return write_seg_of(stem.with_name(f"{stem.name}.dcm"), labels, origin, labelmap=form == "dicom-labelmap")

    @classmethod
    def write_probabilities_as(cls, form: str, stem: Path, values: np.ndarray, origin: Origin) -> Sequence[Path]:
        """Write a fractional SEG object per class of probabilities (K', *S); none beside NIfTI and PNG."""
        if form in ("nifti", "png") or stem_of(origin.files[0].name) is not None:
            return []
        return write_fractions(stem, values, origin)

    @classmethod
    def write_map(cls, stem: Path, values: np.ndarray, like: Path) -> Path:
        """Write numbers (D, H, W) in RAS as `stem`.nii.gz in float32; otherwise as `write_labels`."""
        if stem_of(like.name) is not None:
            return VolumeReader.write_map(stem, values, like)
        return write_volume(stem, values.astype(np.float32), series_around(like).grid.affine)

    @classmethod
    def read_labels(cls, path: Path) -> np.ndarray:
        """Read a label map that was written as NIfTI, (D, H, W) turned to RAS, or as PNG."""
        return read_labels(path) if path.suffix == ".png" else VolumeReader.read_labels(path)


def write_plane(stem: Path, labels: np.ndarray) -> Path:
    """Write a label map (H, W) as `stem`.png."""
    path = stem.with_name(f"{stem.name}.png")
    write_labels(path, labels)
    return path


def series_around(path: Path) -> Stack:
    """Return the stack of the series that a file belongs to, as far as it lies in the same folder."""
    own = read_header(path, LISTED)
    beside = [other for other in sorted(path.parent.iterdir()) if other != path and holds_image(other)]
    files = {path: own}
    for file in listed(beside):
        if isinstance(file, UnusableFileError):
            continue
        if text(file.header, "SeriesInstanceUID") == text(own, "SeriesInstanceUID"):
            files[file.path] = file.header
    return stack_of(files)
