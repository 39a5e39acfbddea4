"""DICOM SEG objects written of label maps: references, frame of reference, coded segments, who made them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

import segkit
from segkit.files import write_whole

CATEGORY = Code("85756007", "SCT", "Tissue")
GENERIC = ("SCT", "85756007", "Tissue")
"""What a segment is called whose class has no code: something of the body."""
FAMILY = Code("123109", "DCM", "Artificial Intelligence")
STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")


@dataclass(frozen=True)
class Segment:
    """How a class is described.

    Attributes:
        code: scheme, value and meaning of its type; None: a generic one.
    """

    name: str
    code: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class Maker:
    """What made a label map.

    Attributes:
        checkpoint: SHA-256 of the weights.
    """

    name: str = "segkit"
    version: str = segkit.__version__
    checkpoint: str = ""


def write_seg(
    path: Path,
    sources: Sequence[Any],
    labels: np.ndarray,
    segments: Sequence[Segment],
    maker: Maker | None = None,
    *,
    labelmap: bool = False,
    uid: str | None = None,
) -> Path:
    """Write labels as one SEG object that refers to the files that it was made of.

    Args:
        sources: the series' datasets, in the order of its slices; or the one dataset of several frames.
        labels: (slices, rows, columns) uint8 in the sources' own orientation and order; or (classes, slices, rows,
            columns) of 0 and 1 where classes overlap; or probabilities (slices, rows, columns) of one class in
            float32, which become 256 steps of a fractional object.
        segments: a description of each label, from 1 on.
    """
    maker = maker or Maker()
    identification = AlgorithmIdentificationSequence(
        name=maker.name[:64],
        family=FAMILY,
        version=maker.version[:64],
        source="segkit",
        parameters={"checkpoint sha256": maker.checkpoint} if maker.checkpoint else None,
    )
    described = [
        SegmentDescription(
            segment_number=number,
            segment_label=segment.name[:64],
            segmented_property_category=STRUCTURE if segment.code else CATEGORY,
            segmented_property_type=Code(*((segment.code or GENERIC)[place] for place in (1, 0, 2))),
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=identification,
        )
        for number, segment in enumerate(segments, start=1)
    ]
    fractional = labels.dtype.kind == "f"
    pixels = labels if labels.ndim == 3 else np.moveaxis(labels, 0, -1)
    content = "PROBABILITIES" if fractional else "SEGMENTATION"
    kind = "FRACTIONAL" if fractional else "LABELMAP" if labelmap else "BINARY"
    found = Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(np.clip(pixels, 0, 1) if fractional else pixels.astype(np.uint8)),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(entropy_srcs=[uid, "series"]) if uid else generate_uid(),
        series_number=1000,
        sop_instance_uid=uid or generate_uid(),
        instance_number=1,
        manufacturer="segkit",
        manufacturer_model_name="segkit",
        software_versions=segkit.__version__,
        device_serial_number="0",
        content_label=content,
        series_description=f"{content.lower()} by segkit, for research, not for diagnosis",
        omit_empty_frames=not fractional and bool(labels.any()),
    )
    if "FrameOfReferenceUID" not in found:  # of a photograph, which lies nowhere: the standard asks how it is held
        found.PatientOrientation = sources[0].get("PatientOrientation")
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    write_whole(path, lambda file: file.write(stream.getvalue()))
    return path
