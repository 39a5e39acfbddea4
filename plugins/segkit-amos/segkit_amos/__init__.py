"""AMOS22: 15 abdominal organs in CT and MR."""

from __future__ import annotations

__version__ = "0.1.0"

import segkit

MODES = {"slices": 2, "slab": 2, "patches": 3}


@segkit.hookimpl
def segkit_datasets() -> list[segkit.Dataset]:
    """Return AMOS22."""
    return [
        segkit.Dataset(
            name="amos",
            factory="segkit_amos.reader:AmosReader",
            summary="15 abdominal organs in CT and MR, AMOS challenge 2022.",
            params="segkit_amos.params:AmosParams",
            modes=MODES,
            homepage="https://zenodo.org/records/7262581",
            reference="Ji et al. 2022, AMOS: A Large-Scale Abdominal Multi-Organ Benchmark, arXiv:2206.08023",
        )
    ]
