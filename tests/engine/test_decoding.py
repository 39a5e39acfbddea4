"""From scores to labels and probabilities: one rule, for arrays and tensors, single planes and batches."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segkit.engine.decoding import decode, probabilities

shapes = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
few_values = st.sampled_from([-1.0, 0.0, 0.5, 1.0])
scores_with_ties = shapes.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=few_values))


def test_one_class_is_above_a_half_and_several_the_largest() -> None:
    """One logit: above 0, not at it; one probability: above one half; several: the largest."""
    assert decode(torch.tensor([[[-0.1, 0.0, 0.1]]])).tolist() == [[0, 0, 1]]
    assert decode(torch.tensor([[0.2, 0.5, 0.50001]]), above=0.5).tolist() == [0, 0, 1]
    assert decode(torch.tensor([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 1.0]])).tolist() == [0, 1, 2]


@given(scores_with_ties)
def test_arrays_and_tensors_decode_alike(scores: np.ndarray) -> None:
    """Pixel by pixel the first of the largest wins; numpy, torch and a batch give the same labels."""
    wanted = [
        [int(column[0] > 0) if len(column) == 1 else column.tolist().index(max(column)) for column in row]
        for row in scores.transpose(1, 2, 0)
    ]
    batch = torch.from_numpy(np.stack([scores, scores]))
    for found in (decode(scores), decode(torch.from_numpy(scores)), *decode(batch.transpose(0, 1))):
        assert str(found.dtype).endswith("uint8")
        assert found.tolist() == wanted


@given(scores_with_ties)
def test_labels_of_scores_are_labels_of_their_probabilities(scores: np.ndarray) -> None:
    """Sigmoid and softmax keep the order: decoded before or after, the labels are the same."""
    logits = torch.from_numpy(scores)
    found = probabilities(logits)
    assert torch.equal(decode(found, above=0.5), decode(logits))
    assert len(found) == 1 or torch.allclose(found.sum(dim=0), torch.ones(()))
    assert torch.equal(probabilities(logits[None], dim=1)[0], found)


def test_probabilities_are_the_same_however_scores_lie_in_memory() -> None:
    """Those of a softmax over a copy in the usual order, but for the last bit where vectors end within a row."""
    scores = torch.randn((5, 3, 17, 19), generator=torch.Generator().manual_seed(0)) * 4
    known = scores.softmax(dim=0)
    for order in itertools.permutations(range(4)):
        back = [order.index(axis) for axis in range(4)]
        lying = scores.permute(order).contiguous().permute(back)
        torch.testing.assert_close(probabilities(lying), known, rtol=5e-7, atol=0)
