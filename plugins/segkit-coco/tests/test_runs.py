"""Run lengths, against the library that wrote the format."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from segkit_coco.runs import decode


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 200), st.integers(1, 60)),
    share=st.sampled_from([0.0, 0.002, 0.1, 0.5, 0.97, 1.0]),
)
def test_masks_of_all_kinds(seed, shape, share):
    """Compressed strings and lists of lengths give the mask back, long runs and none among them."""
    mask = np.random.default_rng(seed).random(shape) < share
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert np.array_equal(decode(encoded["counts"].decode(), shape), mask)
    flat = np.concatenate([[0], mask.T.ravel(), [2]]).astype(int)
    changes = np.flatnonzero(np.diff(flat))
    lengths = np.diff(np.concatenate([[0], changes])).tolist()
    if sum(lengths) == mask.size:
        assert np.array_equal(decode(lengths, shape), mask)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([3, 4], "cover 7 pixels, the image has 96"),
        ([100, -4], "have a negative length"),
        ([96, 10**30], "cover"),
        ([], "cover 0 pixels"),
        ("", "cover 0 pixels"),
        ("oooooooooooooo", "have a number that is too long"),
        ("o", "end within a number"),
        ("\x1b[31m", "have the character '\\x1b'"),
        ("1é", "have the character 'é'"),
        ("0" * 5000, "cover 0 pixels"),
    ],
)
def test_lengths_that_cannot_be(counts, said):
    """Every wrong string or list is refused in words that follow "its run lengths"."""
    with pytest.raises(ValueError, match=r"have|cover|end") as caught:
        decode(counts, (8, 12))
    assert str(caught.value).startswith(said)
