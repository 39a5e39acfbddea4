"""Stores of volumes: what lies in them, what is found again, and the parts that are drawn from them."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from segkit import Case, Sample, SegkitError, Task
from segkit.data.batches import Batches
from segkit.data.normalize import Normalization, make_normalization
from segkit.data.parts import patch_parts, slice_parts
from segkit.data.store import store_key
from segkit.data.verify import verify
from segkit.data.volume_build import PER_LABEL
from segkit.data.volume_layout import VolumeLayout, median_spacing
from segkit.data.volume_store import VolumeStore, open_volume_store
from segkit.data.working_grid import working_shape
from segkit.settings import Augment, Data

SHAPES = ((5, 12, 14), (9, 16, 12), (7, 20, 20))
OWN = VolumeLayout(spacing=(1.0, 1.0, 1.0))


def volumes(dtype: type = np.int16, channels: int = 1, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> dict:
    """Three volumes of different shapes; voxel values tell their place, label 2 is one voxel."""
    random = np.random.default_rng(0)
    samples = {}
    for number, shape in enumerate(SHAPES):
        values = random.normal(100 * number, 50, (channels, *shape))
        image = np.clip(values, *((0, 255) if dtype == np.uint8 else (-900, 900)))
        mask = np.zeros(shape, np.uint8)
        mask[2:4, 3:9, 3:9], mask[1, 1, 1], mask[0, :2] = 1, 2, 255
        samples[f"case-{number}"] = Sample(image.astype(dtype), mask, spacing, np.eye(4))
    return samples


def test_a_header_that_would_take_all_memory():
    """Resampled to the spacing of the run, a volume has its bounds; what is small stays so, whatever the spacing."""
    with pytest.raises(SegkitError, match=r"voxels of 100 x 100 x 100 mm would become 5000 x 5000 x 5000 of 1 x 1 x 1"):
        working_shape((50, 50, 50), (100, 100, 100), (1, 1, 1))
    assert working_shape((50, 50, 50), (100, 100, 100), (100, 100, 100)) == (50, 50, 50)
    assert working_shape((1000, 512, 512), (1, 0.7, 0.7), (0.7, 0.7, 0.7)) == (1429, 512, 512)


@pytest.fixture
def make_volumes(array_reader, tmp_path):
    """A function that stores samples and returns the opened store."""

    def make(samples: dict, layout: VolumeLayout = OWN, **options) -> VolumeStore:
        first = next(iter(samples.values())).image
        reader = array_reader(samples, Task(len(first), ("block", "dot"), 3))
        cases = [Case(name) for name in samples]
        return open_volume_store(reader, "arrays", cases, layout, folder=tmp_path / "stores", workers=2, **options)

    return make


@pytest.mark.parametrize(("dtype", "unit"), [(np.int16, 1), (np.float32, 1), (np.uint8, 255)])
def test_it_holds_every_volume_on_its_own_shape(make_volumes, dtype, unit):
    """At its own spacing a volume is the file's, within the recorded rounding error; masks are exact."""
    samples = volumes(dtype, channels=2)
    store = make_volumes(samples)
    assert store.was_built
    for index, sample in enumerate(samples.values()):
        assert store.cases[index].size == sample.shape
        np.testing.assert_allclose(store.values(index), sample.image / unit, atol=store.rounding_error + 1e-4)
        np.testing.assert_array_equal(store.mask(index), sample.mask)
    assert not make_volumes(samples).was_built


def test_slices_have_one_size_and_each_case_its_depth(make_volumes):
    """Axial slices are resized, none is dropped or mixed with another."""
    store = make_volumes(volumes(), VolumeLayout(size=(10, 8)))
    assert [case.size for case in store.cases] == [(5, 10, 8), (9, 10, 8), (7, 10, 8)]
    assert store.cases[0].working_spacing == pytest.approx((1.0, 1.2, 1.75))


def test_patches_lie_at_the_spacing_asked_for(make_volumes):
    """Both grids span the same extent; thick slices are taken as they are."""
    samples = volumes(spacing=(4.0, 1.0, 1.0))
    store = make_volumes(samples, VolumeLayout(spacing=(8.0, 0.5, 2.0)))
    assert [case.size for case in store.cases] == [(2, 24, 7), (4, 32, 6), (4, 40, 10)]
    coarse = VolumeLayout(spacing=(4.0, 1.0, 1.0))
    assert coarse.coarse == 0
    twice = make_volumes(samples, VolumeLayout(spacing=(2.0, 0.5, 0.5)))
    # Every plane is there twice, not two planes mixed.
    np.testing.assert_array_equal(twice.image(0)[:, 0::2], twice.image(0)[:, 1::2])


def test_layouts_have_stores_of_their_own(make_volumes, array_reader):
    """Another size or spacing is another store; slices and slabs share one, patches of any size too."""
    samples = volumes()
    reader, cases = array_reader(samples, Task(1, ("block", "dot"), 3)), [Case(name) for name in samples]
    layouts = [OWN, VolumeLayout(size=(8, 8)), VolumeLayout(size=(8, 9)), VolumeLayout(spacing=(1.0, 1.0, 2.0))]
    keys = {store_key(reader, "arrays", cases, layout.to_dict(), None) for layout in layouts}
    assert len(keys) == len(layouts)
    assert all(VolumeLayout.from_dict(layout.to_dict()) == layout for layout in layouts)


def test_moments_are_of_the_whole_volume_on_its_own_grid(make_volumes):
    """Not of the resized one, and "dataset" is that of all voxels of all cases."""
    samples = volumes()
    store = make_volumes(samples, VolumeLayout(size=(8, 8)))
    for index, sample in enumerate(samples.values()):
        (mean,), (std,) = store.moments(index, "image")
        assert (mean, std) == (pytest.approx(sample.image.mean()), pytest.approx(sample.image.std()))
    every = np.concatenate([sample.image.ravel() for sample in samples.values()])
    mean, std = store.channel_moments()
    np.testing.assert_allclose([mean[0], std[0]], [every.mean(), every.std()])


def test_foreground_is_noted_by_label(make_volumes):
    """Places on the working grid and values on the own one; ignored voxels are neither."""
    samples = volumes()
    store = make_volumes(samples)
    for index, sample in enumerate(samples.values()):
        assert store.labels(index) == [1, 2]
        for label in (1, 2):
            np.testing.assert_array_equal(store.foreground(index, label), np.flatnonzero(sample.mask == label))
    values, weights = store.foreground_values()
    every = np.concatenate([sample.image[0][np.isin(sample.mask, (1, 2))] for sample in samples.values()])
    np.testing.assert_array_equal(np.sort(values[:, 0]), np.sort(every))
    assert (weights == 1).all()


def test_of_many_voxels_a_part_is_noted_that_stands_for_all(make_volumes):
    """No more than a limit of each label; the weights add up to the voxels there are."""
    mask = np.ones((4, 50, 60), np.uint8)
    image = np.random.default_rng(0).normal(0, 9, (1, 4, 50, 60)).astype(np.float32)
    store = make_volumes({"a": Sample(image, mask, (1.0, 1.0, 1.0))})
    values, weights = store.foreground_values()
    assert len(values) == len(store.foreground(0, 1)) == PER_LABEL
    assert weights.sum() == pytest.approx(mask.size)
    assert make_normalization(Data(normalization="ct"), store).mean[0] == pytest.approx(0, abs=0.5)


def test_a_volume_without_a_mask_is_refused(make_volumes):
    """Training needs one for every image; the error names the case."""
    samples = volumes()
    samples["case-1"] = Sample(samples["case-1"].image, None, (1.0, 1.0, 1.0))
    with pytest.raises(SegkitError, match="case case-1 has no mask"):
        make_volumes(samples)


def test_median_spacing_is_per_axis_and_needs_all():
    """The middle of three per axis, rounded to a micrometre; unknown where one is."""
    assert median_spacing([(1, 2, 3), (2, 1, 3), (5.00004, 9, 3)]) == (2, 2, 3)
    assert median_spacing([(1, 2, 3), None]) is None


def batches(store, parts, **changes) -> Batches:
    """Batches of parts, not normalised and not augmented where not said otherwise."""
    options = {"batch_size": 4, "seed": 0, "augment": None, "normalization": Normalization("unit"), "workers": 0}
    return Batches(store, parts=parts, device=torch.device("cpu"), **(options | changes))


def test_every_slice_comes_once(make_volumes):
    """All 21 slices in order, each what the volume has there."""
    store = make_volumes(volumes(channels=2), VolumeLayout(size=(12, 12)))
    found = torch.cat(
        [batch.images for batch in batches(store, slice_parts(store, slab=1, per_case=None, foreground=0)).epoch(0)]
    )
    expected = np.concatenate([store.values(index).swapaxes(0, 1) for index in range(3)])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_slab_has_the_neighbours_of_its_slice(make_volumes):
    """Slice by slice, each with all its channels; the ends are repeated; the mask is the middle slice's."""
    store = make_volumes(volumes(channels=2), VolumeLayout(size=(12, 12)))
    (batch,) = batches(store, slice_parts(store, slab=5, per_case=None, foreground=0), batch_size=21).epoch(0)
    assert batch.images.shape == (21, 10, 12, 12)
    values = store.values(0)
    for level in range(5):
        for position, offset in enumerate(range(-2, 3)):
            neighbour = values[:, min(max(level + offset, 0), 4)]
            np.testing.assert_allclose(batch.images[level, 2 * position : 2 * position + 2], neighbour, rtol=1e-6)
        np.testing.assert_array_equal(batch.masks[level], store.mask(0)[level])


@pytest.mark.parametrize("kind", ["image", "body"])
def test_a_part_is_normalised_by_its_whole_volume(make_volumes, kind):
    """Slices of one case share the case's mean and deviation."""
    store = make_volumes(volumes(), VolumeLayout(size=(12, 12)))
    parts = slice_parts(store, slab=3, per_case=None, foreground=0)
    (batch,) = batches(store, parts, batch_size=21, normalization=Normalization(kind)).epoch(0)
    (mean,), (std,) = store.moments(1, kind)
    np.testing.assert_allclose(batch.images[5 + 4, 1], (store.values(1)[0, 4] - mean) / std, atol=1e-5)


def test_patches_stay_inside_and_small_volumes_in_the_middle(make_volumes):
    """Padding is 0 in the normalised image and 255 in the mask; all else is the volume's."""
    store = make_volumes(volumes())
    parts = patch_parts(store, (8, 16, 16), per_case=2, foreground=0.5, spacing=None)
    (batch,) = batches(store, parts, batch_size=6, normalization=Normalization("image")).epoch(0)
    (mean,), (std,) = store.moments(0, "image")
    values = (store.values(0)[0] - mean) / std  # 5 x 12 x 14 in 8 x 16 x 16
    np.testing.assert_allclose(batch.images[0, 0, 1:6, 2:14, 1:15], values, atol=1e-5)
    np.testing.assert_array_equal(batch.masks[0, 1:6, 2:14, 1:15], store.mask(0))
    outside = torch.ones(8, 16, 16, dtype=torch.bool)
    outside[1:6, 2:14, 1:15] = False
    assert (batch.images[0, 0][outside] == 0).all()
    assert (batch.masks[0][outside] == 255).all()


def test_patches_are_centred_on_the_foreground_as_often_as_asked(make_volumes):
    """With share 1 every patch holds a foreground label, each label equally often; with 0 patches lie anywhere."""
    store = make_volumes(volumes())
    parts = patch_parts(store, (2, 2, 2), per_case=100, foreground=1, spacing=None)
    found = [parts.take(0, 0, index).mask for index in range(parts.count)]
    assert all(np.isin(mask, (1, 2)).any() for mask in found)
    assert 0.35 < np.mean([2 in mask for mask in found]) < 0.65
    anywhere = patch_parts(store, (2, 2, 2), per_case=100, foreground=0, spacing=None)
    assert np.mean([np.isin(anywhere.take(0, 0, index).mask, (1, 2)).any() for index in range(300)]) < 0.4


@pytest.mark.parametrize("mode", ["slices", "patches"])
def test_parts_depend_on_seed_epoch_and_index_alone(make_volumes, mode):
    """Any number of workers, any batch size and any first sample give the same samples; other epochs give others."""
    store = make_volumes(volumes(), OWN if mode == "patches" else VolumeLayout(size=(8, 8)))
    parts = (
        patch_parts(store, (4, 8, 8), per_case=4, foreground=0.5, spacing=(1.0, 1.0, 2.0))
        if mode == "patches"
        else slice_parts(store, slab=3, per_case=4, foreground=0.5)
    )
    changing = Augment(flip=0.5, warp=0.7, rotation=30, tilt=20, scale=0.2, shift=0.1, brightness=0.2, contrast=0.2)
    options = {"augment": changing, "normalization": Normalization("body")}

    def samples(epoch: int, start: int = 0, **more) -> torch.Tensor:
        return torch.cat([batch.images for batch in batches(store, parts, **(options | more)).epoch(epoch, start)])

    reference = samples(1)
    assert len(reference) == 12
    assert torch.equal(samples(1, workers=3), reference)
    assert torch.equal(samples(1, batch_size=12), reference)
    assert torch.equal(samples(1, start=5), reference[5:])
    assert not torch.equal(samples(2), reference)
    assert not torch.equal(samples(1, seed=1), reference)


def test_changed_contents_are_found_by_the_store(array_reader, tmp_path):
    """`data verify --deep` compares files with the hashes of a volume store too: equal length and time, other bytes."""
    samples = volumes()
    cases = []
    for name in samples:
        path = tmp_path / f"{name}.bin"
        path.write_bytes(name.encode())
        cases.append(Case(name, files=(path,)))

    class Reader(array_reader):
        def cases(self, split):
            return cases if split == "train" else []

        def verify(self, progress):
            return []

    reader, stores = Reader(samples, Task(1, ("block", "dot"), 3)), tmp_path / "stores"
    open_volume_store(reader, "p:arrays", cases, OWN, folder=stores, workers=1)

    def problems():
        return verify(reader, "p:arrays", tmp_path, lambda *_: None, deep=True, stores=stores)

    assert problems() == []
    changed = cases[1].files[0]
    moment = changed.stat().st_mtime_ns
    changed.write_bytes(b"CASE-1")
    os.utime(changed, ns=(moment, moment))
    assert [problem.file for problem in problems()] == ["case-1.bin"]
