"""What every plugin has to pass, on a tiny dataset in the Decathlon's layout."""

import json

import nibabel as nib
import numpy as np

from segkit.testing import plugin_checks


def write(root):
    """Write ten training cases, which the plugin shares out."""
    (root / "imagesTr").mkdir()
    (root / "labelsTr").mkdir()
    for number in range(10):
        image = np.random.default_rng(number).integers(0, 1000, (6, 7, 5)).astype(np.int16)
        label = np.zeros(image.shape, np.uint8)
        label[1:4, 2:5, 1:3] = 1
        label[4, 1, 2] = 2
        for folder, values in (("imagesTr", image), ("labelsTr", label)):
            nib.save(nib.Nifti1Image(values, np.diag([2.0, 1.0, 3.0, 1.0])), root / folder / f"toy_{number:03}.nii.gz")
    labels = {"0": "background", "1": "liver", "2": "spleen"}
    about = {"name": "toy", "labels": labels, "modality": {"0": "MRI"}}
    (root / "dataset.json").write_text(json.dumps(about), encoding="utf-8")


test_plugin = plugin_checks("segkit-msd", samples={"msd": write})
