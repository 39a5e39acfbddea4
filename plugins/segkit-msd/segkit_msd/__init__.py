"""Any dataset in the Medical Segmentation Decathlon or nnU-Net raw layout."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit

MODES = {"slices": 2, "slab": 2, "patches": 3}
"""How volumes can be trained on; the first that an architecture supports is the default."""


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the dataset."""
    return [
        segkit.Dataset(
            name="msd",
            factory="segkit_msd.reader:MsdReader",
            summary="Volumes in the layout of the Medical Segmentation Decathlon or of nnU-Net's raw data.",
            params="segkit_msd.params:MsdParams",
            modes=MODES,
            homepage="http://medicaldecathlon.com/",
            reference="Antonelli et al. 2022, The Medical Segmentation Decathlon, doi:10.1038/s41467-022-30695-9",
        )
    ]
