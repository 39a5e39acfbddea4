"""A case as the network is shown it, and the choice between a reader's two ways."""

import numpy as np
import pytest
from PIL import Image

from segkit import Case, Sample, SegkitError, Task
from segkit.data.reading import read_at
from segkit.data.store import open_store

TASK = Task(3, ("lesion",))


class Quick:
    """A reader that has its own way to the working grid."""

    reader_version = 1
    task = TASK

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def read(self, case: Case) -> Sample:
        raise AssertionError("the whole image was read")

    def read_resized(self, case: Case, size: tuple[int, ...]) -> Sample:
        return self.sample


def test_without_a_way_of_its_own_it_is_read_and_resampled(noise, array_reader):
    """The image as Pillow resizes it; mask and shape are the case's own."""
    samples = noise(1, (20, 30))
    (whole,) = samples.values()
    found = read_at(array_reader(samples, TASK), Case("case-00"), (8, 16), "arrays")
    for plane, expected in zip(found.image, whole.image, strict=True):
        np.testing.assert_array_equal(
            plane, np.asarray(Image.fromarray(expected).resize((16, 8), Image.Resampling.BILINEAR))
        )
    assert found.mask is whole.mask
    assert found.shape == (20, 30)


def test_a_readers_own_way_fills_the_store(tmp_path):
    """Image as given, mask resampled here, and the case's own shape kept."""
    image = np.random.default_rng(0).integers(0, 256, (3, 8, 16), dtype=np.uint8)
    mask = np.kron(np.eye(4, 8, dtype=np.uint8), np.ones((8, 8), np.uint8))
    reader = Quick(Sample(image, mask, grid=(32, 64)))
    # The whole image is read for its digest alone.
    reader.read = lambda case: Sample(np.zeros((3, 32, 64), np.uint8), mask)
    store = open_store(reader, "quick", [Case("a")], (8, 16), folder=tmp_path, workers=1)
    np.testing.assert_array_equal(store.images([0])[0], image)
    np.testing.assert_array_equal(store.masks([0])[0], mask[2::4, 2::4])
    assert store.cases[0].shape == (32, 64)


@pytest.mark.parametrize(
    ("shape", "grid", "said"),
    [
        ((3, 8, 15), (32, 64), r"gave an image of \(8, 15\)"),
        ((3, 32, 64), None, "a grid of None"),
        ((3, 8, 16), (32, 63), "the mask's size 32x64 differs from the image's 32x63"),
        ((1, 8, 16), (32, 64), "1 channels"),
    ],
)
def test_a_wrong_result_of_it_is_named(shape, grid, said):
    """Another grid than asked for, none told, a mask that does not fit: dataset and case are named."""
    reader = Quick(Sample(np.zeros(shape, np.uint8), np.zeros((32, 64), np.uint8), grid=grid))
    with pytest.raises(SegkitError, match=rf"dataset quick, case a.*{said}"):
        read_at(reader, Case("a"), (8, 16), "quick")
