"""What is fuzzed of volumes: the list of a dataset in the Decathlon's layout, and its NIfTI files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from mutate import spoiled_bytes, spoiled_json
from targets import Target, as_bytes

from segkit.data.check import check_sample
from segkit_msd.params import MsdParams
from segkit_msd.reader import MsdReader

WHOLE = {
    "name": "spheres",
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "a": 1, "b": 2},
    "numTraining": 2,
    "file_ending": ".nii.gz",
    "training": [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in "xy"],
}


def make_dataset(folder: Path) -> None:
    """Write two small volumes with their labels and dataset.json."""
    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    for place, data in (("imagesTr", values), ("labelsTr", (values % 3).astype(np.uint8))):
        (folder / place).mkdir(parents=True)
        for name in "xy":
            nibabel.save(nibabel.Nifti1Image(data, np.diag([1.0, 1.0, 2.0, 1.0])), folder / place / f"{name}.nii.gz")
    (folder / "dataset.json").write_text(json.dumps(WHOLE))


def read_all(folder: Path) -> None:
    """Read every case that is listed; what is read is checked against the contract."""
    reader: Any = MsdReader(folder, MsdParams(folds=2))
    assert reader.task.classes
    for split in ("train", "val", "test"):
        for case in reader.cases(split):
            sample = reader.read(case)
            check_sample(sample, case, reader.task, "msd")
            assert sample.image.shape[0] == reader.task.in_channels
            assert sample.mask is None or sample.mask.shape == sample.image.shape[1:]


def dataset_lists(folder: Path) -> Target:
    """dataset.json."""
    make_dataset(folder)

    def take(data: bytes) -> None:
        (folder / "dataset.json").write_bytes(data)
        read_all(folder)

    return Target("dataset.json", spoiled_json(WHOLE).map(as_bytes), take)


def volumes(folder: Path) -> Target:
    """A NIfTI image, spoiled inside its compression and around it."""
    make_dataset(folder)
    path = folder / "imagesTr" / "x.nii.gz"
    whole = path.read_bytes()
    inside = spoiled_bytes([gzip.decompress(whole)]).map(lambda data: gzip.compress(data, 1))

    def take(data: bytes) -> None:
        path.write_bytes(data)
        read_all(folder)

    return Target("NIfTI images", inside | spoiled_bytes([whole]), take)


def volume_targets(place: Path) -> list[Target]:
    """Prepare both in an empty folder."""
    return [dataset_lists(place / "lists"), volumes(place / "volumes")]
