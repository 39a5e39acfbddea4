"""Any size through a network that divides its grid."""

import numpy as np
import pytest
import torch

from segkit.padding import crop, pad_to_multiple


@pytest.mark.parametrize(("shape", "multiple"), [((5, 9), 4), ((8, 8), 8), ((3, 5, 7), 2), ((5, 6, 7), (1, 4, 8))])
def test_padding_is_numpy_s_edge_padding(shape, multiple) -> None:
    """At the end of each axis, to the next multiple; cropping gives the image back."""
    images = torch.rand(2, 3, *shape)
    multiples = (multiple,) * len(shape) if isinstance(multiple, int) else multiple
    missing = [(0, -side % wanted) for side, wanted in zip(shape, multiples, strict=True)]
    padded = pad_to_multiple(images, multiple)
    np.testing.assert_array_equal(padded.numpy(), np.pad(images.numpy(), [(0, 0), (0, 0), *missing], mode="edge"))
    assert torch.equal(crop(padded, shape), images)


def test_what_fits_is_left_as_it_is() -> None:
    """The same tensor, so that graphs have no needless step."""
    images = torch.rand(1, 1, 8, 16)
    assert pad_to_multiple(images, 8) is images
