from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from segkit import Sample
from segkit.data.batches import Batches
from segkit.data.normalize import Normalization
from segkit.settings import Augment

EVERYTHING = Augment(flip=0.5, transpose=0.5, warp=0.7, rotation=180, scale=0.3, brightness=0.2, contrast=0.2)
UNIT = Normalization("unit")


@pytest.fixture
def store(make_store, noise):
    """Twenty-one images of 16 x 16."""
    return make_store(noise(21, (16, 16)), (16, 16))


def batches(store, **changes):
    options = {
        "batch_size": 4, "seed": 0, "augment": EVERYTHING, "normalization": Normalization("image"),
        "device": torch.device("cpu"), "workers": 0,
    }  # fmt: skip
    return Batches(store, **(options | changes))


def whole(iterator):
    """Images, masks and indices of all batches, one after the other."""
    seen = list(iterator)
    parts = ([batch.images for batch in seen], [batch.masks for batch in seen])
    return torch.cat(parts[0]), torch.cat(parts[1]), np.concatenate([batch.indices for batch in seen])


def equal(first, second):
    return all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(first, second, strict=True))


def test_every_sample_comes_once_and_the_last_batch_is_smaller(store):
    """Six steps of at most four for twenty-one samples, in a new order every epoch."""
    loader = batches(store)
    first, second = (list(loader.epoch(epoch)) for epoch in (0, 1))
    assert [len(batch.indices) for batch in first] == [4, 4, 4, 4, 4, 1]
    assert loader.steps == 6
    orders = [np.concatenate([batch.indices for batch in epoch]) for epoch in (first, second)]
    for order in orders:
        assert sorted(order) == list(range(21))
    assert not np.array_equal(*orders)


def test_without_augmentation_the_store_comes_as_it_is(store):
    """In its order, divided by 255, masks with 0 and 255 untouched."""
    images, masks, indices = whole(batches(store, augment=None, normalization=UNIT).epoch(3))
    assert indices.tolist() == list(range(21))
    np.testing.assert_array_equal(images, store.images(range(21)).astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(masks, store.masks(range(21)))


def test_types_and_layout(store):
    """float32 channels last, int64 masks."""
    for augment in (None, EVERYTHING):
        batch = next(batches(store, augment=augment).epoch(0))
        assert batch.images.dtype == torch.float32
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert batch.masks.dtype == torch.int64
        assert batch.images.shape == (4, 3, 16, 16)
        assert batch.masks.shape == (4, 16, 16)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_number_of_workers_changes_nothing(store, workers):
    """Bit for bit what the main thread alone produces."""
    assert equal(whole(batches(store, workers=workers).epoch(2)), whole(batches(store).epoch(2)))


def test_seed_and_epoch_decide(store):
    """The same again for the same seed and epoch, something else for another."""
    reference = whole(batches(store).epoch(2))
    assert equal(reference, whole(batches(store).epoch(2)))
    assert not torch.equal(reference[0], whole(batches(store).epoch(3))[0])
    assert not torch.equal(reference[0], whole(batches(store, seed=1).epoch(2))[0])


def test_the_batch_size_does_not_change_samples(store):
    """Order and changes are a sample's own."""
    assert equal(whole(batches(store, batch_size=21).epoch(1)), whole(batches(store).epoch(1)))


def test_an_epoch_resumes_at_any_step(store):
    """From sample 16 on, exactly what an undisturbed epoch gives there; nothing after the last."""
    undisturbed = list(batches(store).epoch(1))
    resumed = list(batches(store, workers=2).epoch(1, start=16))
    assert len(resumed) == 2
    for before, after in zip(undisturbed[4:], resumed, strict=True):
        assert torch.equal(before.images, after.images)
        assert np.array_equal(before.indices, after.indices)
    assert list(batches(store).epoch(1, start=21)) == []


def test_a_failing_worker_surfaces_with_its_cause(store, monkeypatch):
    """The exception of the thread is the one the training sees."""
    cause = OSError("the disk is gone")

    def fail(indices):
        raise cause

    monkeypatch.setattr(store, "images", fail)
    with pytest.raises(OSError, match="the disk is gone") as raised:
        next(batches(store, workers=2).epoch(0))
    assert raised.value is cause


def test_threads_end_with_the_iterator(store):
    """An epoch left in the middle leaves no thread behind."""
    iterator = batches(store, workers=2).epoch(0)
    next(iterator)
    iterator.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("segkit-data")]


@pytest.mark.parametrize("shape", [(16, 16), (4, 8, 8)])
def test_float_images_come_in_their_own_unit(make_store, shape):
    """Within the recorded rounding error of what was read, not clamped by augmentation; volumes as well."""
    random = np.random.default_rng(0)
    samples = {
        f"case-{index}": Sample(random.normal(-300, 900, (2, *shape)).astype(np.float32), np.zeros(shape, np.uint8))
        for index in range(5)
    }
    store = make_store(samples, shape)
    expected = np.stack([sample.image for sample in samples.values()])
    plain = whole(batches(store, augment=None, normalization=UNIT).epoch(0))[0]
    np.testing.assert_allclose(plain, expected, atol=store.rounding_error * 1.01)
    images, _, indices = whole(batches(store, augment=Augment(brightness=0.5), normalization=UNIT).epoch(0))
    shift = images.numpy() - expected[indices]
    assert np.ptp(shift, axis=tuple(range(1, shift.ndim))).max() < 4 * store.rounding_error
    assert np.abs(shift).max() <= 0.5 + 2 * store.rounding_error
