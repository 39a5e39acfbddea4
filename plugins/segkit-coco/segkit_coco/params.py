"""What can be set of the components of segkit-coco: imported where somebody asks, not to list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import segkit
from segkit_folder.params import DealtParams


@dataclass(frozen=True)
class OutlineFiles:
    """How photographs with outlines are read."""

    classes: tuple[str, ...] = segkit.param(
        (), "Names of the classes to learn, in this order; none: all of the file, in the order of their ids."
    )
    overlap: Literal["refuse", "last", "area"] = segkit.param(
        "refuse",
        "Whose pixels are those where outlines of different classes overlap: nobody's (an error), those of the one "
        "that the file names last, or of the smaller one.",
    )
    orientation: Literal["size", "upright", "stored"] = segkit.param(
        "size",
        "What outlines on a photograph that EXIF turns were drawn on: what the width and height in the file fit, the "
        "upright photograph, or the stored pixels.",
    )
    patient: str | None = segkit.param(
        None, "Regular expression whose first group is the patient in a case's id, such as '(\\w+)_image'."
    )


@dataclass(frozen=True)
class OutlineParams(DealtParams, OutlineFiles):
    """What can be set of photographs with outlines, whatever the format."""


@dataclass(frozen=True)
class CocoParams(OutlineParams):
    """What can be set of COCO instance files."""

    annotations: tuple[str, ...] = segkit.param(
        (), "Annotation files, such as train.json,val.json; none: those that are found in the data root."
    )
    images: str | None = segkit.param(
        None, "Folder below which the files' names are looked up; none: they are looked for in the data root."
    )
    crowd: Literal["class", "ignore"] = segkit.param(
        "class", "Regions with iscrowd=1: of their class, or pixels that count for nothing."
    )


@dataclass(frozen=True)
class YoloParams(OutlineParams):
    """What can be set of YOLO segmentation labels."""

    yaml: str | None = segkit.param(
        None, "YAML file that names classes and splits; none: data.yaml in the data root, where there is one."
    )
