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


def test_channels_in_files_of_their_own(volume, whole):
    """_0000 and _0001 beside one mask are one image of two channels, and predicted as such."""
    for id in "ab":
        volume(f"images/{id}_0000.nii.gz", IMAGE)
        second = volume(f"images/{id}_0001.nii", IMAGE + 1)
        volume(f"masks/{id}_seg.nii.gz", LABEL)
    opened = whole()
    assert [case.id for case in opened.cases("train")] == ["a", "b"]
    assert opened.task.in_channels == 2
    image = opened.read(opened.cases("train")[0]).image
    assert np.array_equal(image[1], image[0] + 1)
    assert opened.verify() == []
    assert opened.gather(sorted(second.parent.iterdir()), 2)[0][0] == "a"


def test_a_channel_that_one_case_lacks(volume, whole):
    """The case is named; what most cases have is what is wanted."""
    for name in ("a_0000", "a_0001", "b_0000", "b_0001", "c_0000", "d_0001", "e_0000", "e_0001"):
        volume(f"images/{name}.nii.gz", IMAGE)
    for id in "abcde":
        volume(f"masks/{id}.nii.gz", LABEL)
    with pytest.raises(SegkitError, match=r"2 images lack a channel, first: images/c_0000\.nii\.gz"):
        whole().cases("train")


@pytest.mark.parametrize("masks", [("scan_0000", "scan_0001"), ("scan_0000_seg", "scan_0001_seg")])
def test_numbers_that_are_ids(masks, volume, whole):
    """Where masks have the whole name it is no channel."""
    for name, mask in zip(("scan_0000", "scan_0001"), masks, strict=True):
        volume(f"images/{name}.nii.gz", IMAGE)
        volume(f"masks/{mask}.nii.gz", LABEL)
    opened = whole()
    assert [case.id for case in opened.cases("train")] == ["scan_0000", "scan_0001"]
    assert opened.task.in_channels == 1


def test_a_class_that_only_validation_has(volume, whole):
    """Verify names a mask that has it."""
    for folder in ("train", "val"):
        volume(f"{folder}/images/{folder}.nii.gz", IMAGE)
        volume(f"{folder}/masks/{folder}.nii.gz", LABEL * (1 if folder == "train" else 2))
    told = {problem.file: problem.reason for problem in whole().verify()}
    assert told == {"val/masks/val.nii.gz": "has class class-2, which no training case has: it cannot be learnt"}


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
