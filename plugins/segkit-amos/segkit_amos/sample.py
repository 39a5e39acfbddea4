"""Write the generated sample: phantoms in the folders of AMOS22."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, ornt_transform

import segkit
from segkit.files import write_json, write_text, write_whole
from segkit_amos.organs import AS_WRITTEN, ORGANS
from segkit_amos.phantom import draw

CASES = {"Tr": {"ct": 9, "mr": 3}, "Va": {"ct": 3, "mr": 1}}
"""Scans of imagesTr and of imagesVa."""
FIRST_ID = {("Tr", "ct"): 451, ("Va", "ct"): 481, ("Tr", "mr"): 9001, ("Va", "mr"): 9101}
"""Ids that no scan of AMOS22 has, CT up to 500 as there."""
ORIENTATIONS = ("RAS", "LPS")
SCANNER_CODE = 1
DESCRIPTION = "GENERATED SAMPLE, not scans of patients: ellipsoids drawn by segkit-amos"

README = """GENERATED SAMPLE, not scans of patients.

Written by segkit-amos {version} with sample_seed {seed}: {counts}.
Ellipsoids with noise imitate abdominal organs in CT and MR, so that segkit can be tried without downloading anything.
Scores on them say nothing about any patient, and must not be compared with scores on AMOS22.

The real data (24 GB): segkit data download amos, or https://zenodo.org/records/7262581
"""


def write_sample(root: Path, seed: int) -> None:
    """Write training and validation scans into the empty folder `root`; equal seeds write equal files."""
    listed: dict[str, list[dict[str, str]]] = {"Tr": [], "Va": []}
    for number, (ending, wanted) in enumerate(CASES.items()):
        for kind in ("images", "labels"):
            (root / f"{kind}{ending}").mkdir()
        for place, (modality, count) in enumerate(wanted.items()):
            for index in range(count):
                name = f"amos_{FIRST_ID[ending, modality] + index:04d}.nii.gz"
                scan = draw(np.random.default_rng((seed, number, place, index)), modality)
                turn = ORIENTATIONS[index % len(ORIENTATIONS)]
                write_volume(root / f"images{ending}" / name, scan.image, scan.affine, turn)
                write_volume(root / f"labels{ending}" / name, scan.label, scan.affine, turn)
                listed[ending].append({"image": f"./images{ending}/{name}", "label": f"./labels{ending}/{name}"})
    write_json(root / "dataset.json", description(listed))
    counts = f"{len(listed['Tr'])} training and {len(listed['Va'])} validation scans"
    write_text(root / "README.txt", README.format(version=segkit.__version__, seed=seed, counts=counts))


def description(listed: dict[str, list[dict[str, str]]]) -> dict[str, object]:
    """What dataset.json holds, organs spelt as AMOS spells them."""
    names = ["background", *(AS_WRITTEN.get(organ, organ) for organ in ORGANS)]
    return {
        "name": "AMOS, generated sample",
        "description": DESCRIPTION,
        "labels": {str(label): name for label, name in enumerate(names)},
        "modality": {"0": "CT"},
        "numTraining": len(listed["Tr"]),
        "numTest": 0,
        "training": listed["Tr"],
        "validation": listed["Va"],
        "test": [],
    }


def write_volume(path: Path, voxels: np.ndarray, affine: np.ndarray, orientation: str) -> None:
    """Write voxels (X, Y, Z) in RAS as NIfTI in another orientation; equal voxels write equal files."""
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(tuple(orientation)))
    image = nib.Nifti1Image(voxels, affine).as_reoriented(turn)
    image.header.set_xyzt_units("mm", "sec")
    image.set_qform(image.affine, SCANNER_CODE)
    image.set_sform(image.affine, SCANNER_CODE)
    image.header["descrip"] = b"generated sample"
    packed = gzip.compress(image.to_bytes(), 4, mtime=0)
    write_whole(path, lambda stream: stream.write(packed))
