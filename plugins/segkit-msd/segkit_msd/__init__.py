"""Any dataset in the Medical Segmentation Decathlon or nnU-Net raw layout."""

from __future__ import annotations

__version__ = "0.1.0"

from dataclasses import dataclass

import segkit

MODES = {"slices": 2, "slab": 2, "patches": 3}
"""How volumes can be trained on; the first that an architecture supports is the default."""


@dataclass(frozen=True)
class MsdParams:
    """What can be set of a dataset in the Decathlon's layout."""

    fold: int | None = segkit.param(
        None, "Cross-validation fold that is scored, from 0; none: the data's validation split, or fold 0.", min=0
    )
    folds: int = segkit.param(5, "How many folds the training cases are dealt out to.", min=2, max=100)
    fold_seed: int = segkit.param(0, "Seed of the folds.", min=0, max=2**31 - 1)
    patient: str | None = segkit.param(
        None, "Regular expression whose first group is the patient in a case's id, such as '(\\w+)_scan'."
    )


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the dataset."""
    return [
        segkit.Dataset(
            name="msd",
            factory="segkit_msd.reader:MsdReader",
            summary="Volumes in the layout of the Medical Segmentation Decathlon or of nnU-Net's raw data.",
            params=MsdParams,
            modes=MODES,
            homepage="http://medicaldecathlon.com/",
            reference="Antonelli et al. 2022, The Medical Segmentation Decathlon, doi:10.1038/s41467-022-30695-9",
        )
    ]
