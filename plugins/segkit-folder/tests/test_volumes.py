"""NIfTI pairs in folders."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from segkit import SegkitError

IMAGE = np.random.default_rng(0).integers(0, 900, (4, 5, 3)).astype(np.int16)
LABEL = (IMAGE > 600).astype(np.uint8)


def test_volumes(volume, whole):
    """Pairs of volumes are read turned to RAS, with classes found; 0 and 255 are one class."""
    volume("images/a.nii.gz", IMAGE)
    volume("masks/a_seg.nii", LABEL * 255)
    opened = whole()
    assert (opened.task.spatial_dims, opened.task.classes) == (3, ("foreground",))
    assert opened.modes == ("slices", "slab", "patches")
    [case] = opened.cases("train")
    sample = opened.read(case)
    assert np.array_equal(sample.image[0], IMAGE[::-1].transpose(2, 1, 0))
    assert np.array_equal(sample.mask, LABEL[::-1].transpose(2, 1, 0))
    assert sample.spacing == (3, 2, 1)
    assert opened.read_geometry(case) == (sample.shape, sample.spacing)


def test_mask_per_class(volume, whole):
    """TotalSegmentator writes one file per structure: a folder per class is the same the other way round."""
    volume("images/a.nii.gz", IMAGE)
    volume("masks/liver/a.nii.gz", LABEL)
    volume("masks/spleen/a.nii.gz", 1 - LABEL)
    opened = whole()
    assert opened.task.classes == ("liver", "spleen")
    mask = opened.read(opened.cases("train")[0]).mask
    assert np.array_equal(mask, np.where(LABEL, 1, 2)[::-1].transpose(2, 1, 0))


def test_grids_differ(volume, whole):
    """A label on another grid than its image is refused, and told by verify."""
    volume("images/a.nii.gz", IMAGE)
    volume("masks/a.nii.gz", LABEL, np.diag([-1.0, 2, 4, 1]))
    opened = whole()
    with pytest.raises(SegkitError, match=r"masks/a\.nii\.gz lies on another grid than images/a\.nii\.gz: spacing"):
        opened.read(opened.cases("train")[0])
    assert [problem.file for problem in opened.verify()] == ["masks/a.nii.gz"]


def test_predictions_lie_over_the_image(volume, whole, tmp_path):
    """What is written of a volume is NIfTI on the image's own grid."""
    path = volume("images/a.nii.gz", IMAGE)
    volume("masks/a.nii.gz", LABEL)
    opened = whole()
    mask = opened.read(opened.cases("train")[0]).mask
    written = opened.write_labels(tmp_path / "a", mask, path)
    assert np.array_equal(np.asanyarray(nib.load(written).dataobj), LABEL)
    assert np.array_equal(nib.load(written).affine, nib.load(path).affine)
    assert np.array_equal(opened.read_labels(written), mask)


def test_mode_follows_the_files(volume, pairs, root, monkeypatch, tmp_path):
    """The first mode that fits is slices for volumes and images for photographs; the other is a usage error."""
    from segkit.config import Layer
    from segkit.discovery import Registry
    from segkit.errors import UsageError
    from segkit.planning.plan import make_plan

    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    for id in "abcdefgh":
        volume(f"images/{id}.nii.gz", IMAGE)
        volume(f"masks/{id}.nii.gz", LABEL)
    said = {"components.arch": "unet", "components.data": "folder", "data.root": str(root)}
    assert make_plan([Layer("flags", said)], Registry.discover(), {}).config.data.mode == "slices"
    with pytest.raises(UsageError, match="has no mode 'images'; its modes: slices"):
        make_plan([Layer("flags", {**said, "data.mode": "images"})], Registry.discover(), {})
