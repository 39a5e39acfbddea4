"""Images larger than memory: TIFF, OME-TIFF, OME-Zarr and slides, with masks or polygons."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the dataset."""
    return [
        segkit.Dataset(
            name="large",
            factory="segkit_large.reader:LargeReader",
            summary="Images larger than memory, in folders: TIFF, OME-Zarr or slides, with masks or QuPath's polygons.",
            params="segkit_large.params:LargeParams",
            modes={"tiles": 2},
            homepage="https://qupath.readthedocs.io/",
        )
    ]
