"""The training objective over terms and outputs."""

import pytest
import torch
from torch.nn import functional

from segkit.contracts import Outputs
from segkit.engine.objective import AUXILIARY, Objective, WeightedLoss, resize_mask
from segkit.errors import SegkitError


def bce(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits[:, 0], mask.float(), reduction="none").flatten(1).mean(1)


def square(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return logits.flatten(1).pow(2).mean(1)


def test_terms_add_up_with_their_factors() -> None:
    """The objective is the sum of its parts, each with its factor; what further outputs add is a part of its own."""
    logits, mask = torch.randn(3, 1, 4, 4), torch.randint(0, 2, (3, 4, 4))
    total, parts = Objective([WeightedLoss("bce", 1.0, bce), WeightedLoss("square", 0.5, square)])(logits, mask)
    assert torch.allclose(total, bce(logits, mask) + 0.5 * square(logits, mask))
    assert torch.equal(parts["square"], 0.5 * square(logits, mask))
    assert torch.allclose(sum(parts.values()), total)
    assert AUXILIARY not in parts


def test_coarse_outputs_see_the_mask_by_nearest_neighbour() -> None:
    """An output at half the size is compared with a mask of the same labels at half the size, weighted."""
    fine, coarse = torch.randn(2, 1, 8, 8), torch.randn(2, 1, 4, 4)
    mask = torch.zeros(2, 8, 8, dtype=torch.int64)
    mask[:, 4:] = 1
    total, parts = Objective([WeightedLoss("bce", 1.0, bce)])(Outputs([fine, coarse], (1.0, 0.4)), mask)
    assert torch.allclose(total, bce(fine, mask) + 0.4 * bce(coarse, mask[:, ::2, ::2]))
    assert torch.allclose(parts["bce"], bce(fine, mask))
    assert torch.allclose(parts[AUXILIARY], 0.4 * bce(coarse, mask[:, ::2, ::2]))


@pytest.mark.parametrize("shape", [(3, 5), (7, 9), (2, 2), (16, 4)])
def test_resized_masks_invent_no_labels(shape: tuple[int, int]) -> None:
    """Labels far apart never meet in between, ignore included."""
    mask = torch.tensor([0, 7, 255])[torch.randint(0, 3, (2, 8, 8))]
    assert set(resize_mask(mask, shape).unique().tolist()) <= {0, 7, 255}


def test_a_loss_of_another_shape_is_refused() -> None:
    """A scalar from a per-sample loss is an error that names the loss."""
    term = WeightedLoss("mean", 1.0, lambda logits, mask: logits.mean())
    with pytest.raises(SegkitError, match="loss mean returned shape"):
        Objective([term])(torch.randn(2, 1, 4, 4), torch.zeros(2, 4, 4, dtype=torch.int64))


def test_a_batch_loss_counts_once_per_sample() -> None:
    """A scalar of scope batch is spread over the samples, so that its mean is itself."""
    term = WeightedLoss("mean", 1.0, lambda logits, mask: logits.mean(), "batch")
    logits = torch.randn(4, 1, 4, 4)
    total, _ = Objective([term])(logits, torch.zeros(4, 4, 4, dtype=torch.int64))
    assert torch.allclose(total.mean(), logits.mean())
