"""People's own images and masks: photographs or NIfTI pairs in folders."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit

MODES = {"images": 2, "slices": 2, "slab": 2, "patches": 3}


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the dataset."""
    return [
        segkit.Dataset(
            name="folder",
            factory="segkit_folder.reader:FolderReader",
            summary="Images and masks of one's own, in folders: PNG, JPEG and TIFF, or NIfTI.",
            params="segkit_folder.params:FolderParams",
            modes=MODES,
        )
    ]
