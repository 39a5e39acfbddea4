"""ISIC skin lesion segmentation (2016, 2017, 2018 Task 1)."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return the ISIC dataset."""
    return [
        segkit.Dataset(
            name="isic",
            factory="segkit_isic.reader:IsicReader",
            summary="Skin lesions in dermoscopy photographs, ISIC challenge 2016, 2017 and 2018 Task 1.",
            params="segkit_isic.params:IsicParams",
            modes={"images": 2},
            configs={"report": "segkit_isic:configs/report.toml"},
            homepage="https://challenge.isic-archive.com/data/",
            reference="Codella et al. 2018, Skin Lesion Analysis Toward Melanoma Detection, arXiv:1710.05006",
        )
    ]


@segkit.hookimpl
def segkit_commands() -> dict[str, str]:
    """Return the command that writes what the challenge's scorer takes."""
    return {"isic-submission": "segkit_isic.submission:isic_submission"}
