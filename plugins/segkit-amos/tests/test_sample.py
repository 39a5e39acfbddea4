"""The generated phantom: in AMOS's layout, labelled as generated, and arranged as people are."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segkit_amos.organs import ORGANS
from segkit_amos.params import AmosParams
from segkit_amos.phantom import draw
from segkit_amos.reader import AmosReader

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def test_reader_takes_it_for_amos(sample):
    """CT and MR, training and validation, no problem in any file, all organs nearly everywhere."""
    opened = AmosReader(sample, AmosParams())
    assert {split: len(opened.cases(split)) for split in ("train", "val", "test")} == {"train": 12, "val": 4, "test": 0}
    assert opened.verify() == []
    marked = [np.unique(opened.read(case).mask).tolist() for case in opened.cases("val")]
    assert all(set(labels) >= set(range(16)) - {4} for labels in marked)


def test_it_says_what_it_is(sample):
    """Every file that people read says that it is generated."""
    assert (sample / "README.txt").read_text().startswith("GENERATED SAMPLE, not scans of patients.")
    assert "GENERATED SAMPLE" in json.loads((sample / "dataset.json").read_text())["description"]
    for path in sample.glob("*Va/*.nii.gz"):
        assert nib.load(path).header["descrip"].tobytes().startswith(b"generated sample")


def test_orientations_and_spacing(sample):
    """Two orientations, slices thicker than pixels are wide, and no two grids alike."""
    headers = [nib.load(path) for path in sorted(sample.glob("imagesTr/*.nii.gz"))]
    assert {nib.aff2axcodes(image.affine) for image in headers} == {("R", "A", "S"), ("L", "P", "S")}
    spacings = [image.header.get_zooms() for image in headers]
    assert all(across > 1.5 * along for along, _, across in spacings)
    assert len(set(spacings)) == len(headers)


def test_equal_seeds_draw_equal_scans():
    """Seed and modality decide; noise is drawn anew for every other seed."""
    first, again, other = (draw(np.random.default_rng(seed), "mr") for seed in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.label, again.label)
    assert not np.array_equal(first.image[..., 0], other.image[..., 0])


def test_ct_is_in_hounsfield_units(sample):
    """Air is near -1000, the liver near 110, the bladder near water, in every CT."""
    opened = AmosReader(sample, AmosParams(modality="ct"))
    for case in opened.cases("val"):
        read = opened.read(case)
        assert abs(np.median(read.image[0, :, :3, :3]) + 1000) < 15
        assert abs(np.median(read.image[0][read.mask == 1 + ORGANS.index("liver")]) - 108) < 30
        assert abs(np.median(read.image[0][read.mask == 1 + ORGANS.index("bladder")])) < 35


def centres(mask: np.ndarray) -> dict[str, np.ndarray]:
    """The centre of each organ as a share of the volume: from below, from behind, from the left."""
    found = {name: np.argwhere(mask == label) for label, name in enumerate(ORGANS, 1)}
    return {name: places.mean(axis=0) / mask.shape for name, places in found.items() if len(places)}


def test_organs_lie_as_in_people(sample):
    """Wherever two organs are clearly apart in a real label volume, they lie the same way round in the phantom."""
    real = SHARED / "amos-label-0013" / "amos_0013.nii.gz"
    if not real.is_file():
        pytest.skip("../shared/data/amos-label-0013 is not here")
    wanted = centres(AmosReader.read_labels(real))
    opened = AmosReader(sample, AmosParams())
    found = centres(opened.read(opened.cases("train")[0]).mask)
    compared = 0
    for first in found:
        for second in found:
            for axis in range(3):
                apart = wanted[first][axis] - wanted[second][axis]
                if apart > 0.15:
                    compared += 1
                    assert found[first][axis] > found[second][axis], (first, second, axis)
    assert compared > 50
