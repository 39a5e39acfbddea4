"""Photographs with outlines: COCO instance files, and YOLO segmentation labels."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the datasets."""
    return [
        segkit.Dataset(
            name="coco",
            factory="segkit_coco.coco:CocoReader",
            summary="Photographs with outlines in COCO instance files, as annotation tools export them.",
            params="segkit_coco.params:CocoParams",
            homepage="https://cocodataset.org/#format-data",
        ),
        segkit.Dataset(
            name="yolo",
            factory="segkit_coco.yolo:YoloReader",
            summary="Photographs with outlines in YOLO segmentation labels.",
            params="segkit_coco.params:YoloParams",
            homepage="https://docs.ultralytics.com/datasets/segment/",
        ),
    ]
