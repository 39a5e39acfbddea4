"""The losses against values and gradients that torch, MONAI and segmentation_models.pytorch gave in float64."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segkit import Task
from segkit.params import NoParams
from segkit_losses import DiceParams, bce, ce, dice

FOLDER = Path(__file__).parents[4] / "shared" / "reference"
ONE_SAMPLE = ("bin2d_perfect_saturated", "bin2d_zero_logits")
BINARY = ("bin2d", "bin3d", "bin2d_one_image_empty", "bin2d_target_full", *ONE_SAMPLE)
SEVERAL = ("mc2d", "mc3d", "mc2d_class3_absent", "mc2d_background_only")
IGNORE = ("mc2d_ignore_255",)

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared/reference is not here")


def make_dice(**params):
    """The Dice loss with some params."""
    return dice.build(Task(1, ("a",)), DiceParams(**params))


def mean(*terms):
    """The mean over samples of a weighted sum of losses."""
    return lambda logits, mask: sum(factor * loss(logits, mask).mean() for factor, loss in terms)


def pixel_sum(loss):
    """The sum over valid pixels of a loss that is a mean over them."""
    return lambda logits, mask: (loss(logits, mask) * (mask != 255).flatten(1).sum(dim=1)).sum()


def pixel_mean(loss):
    """The mean over the valid pixels of the whole batch."""
    return lambda logits, mask: pixel_sum(loss)(logits, mask) / (mask != 255).sum()


BCE = bce.build(Task(1, ("a",)), NoParams())
CE = ce.build(Task(1, ("a",)), NoParams())
DICE = make_dice()
DICE_SMOOTH_1 = make_dice(smooth=1)
DICE_SQUARED = make_dice(squared=True)
DICE_WITH_BACKGROUND = make_dice(include_background=True)

# What is left out of the bce, ce and dice results: class weights and label smoothing (no params for them yet), sums
# over the batch unless it is one sample, and the log, Jaccard, generalized, centreline and smooth_nr=0 forms of Dice.
CLAIMED = {
    "torch/bce_with_logits_mean": (BINARY, mean((1, BCE))),
    "torch/bce_with_logits_sum": (BINARY, pixel_sum(BCE)),
    "smp/SoftBCEWithLogitsLoss": (BINARY, mean((1, BCE))),
    "direct/dice_per_image_smooth1e-5": (BINARY, mean((1, DICE))),
    "direct/dice_per_image_smooth1": (BINARY, mean((1, DICE_SMOOTH_1))),
    "direct/dice_per_image_squared_smooth1e-5": (BINARY, mean((1, DICE_SQUARED))),
    "direct/dice_batch_smooth1e-5": (ONE_SAMPLE, mean((1, DICE))),
    "direct/dice_bce_sum_smooth1e-5": (BINARY, mean((1, DICE), (1, BCE))),
    "direct/dice_bce_0.5_0.5_smooth1": (BINARY, mean((0.5, DICE_SMOOTH_1), (0.5, BCE))),
    "monai/DiceLoss_sigmoid": (BINARY, mean((1, DICE))),
    "monai/DiceLoss_sigmoid_smooth1": (BINARY, mean((1, DICE_SMOOTH_1))),
    "monai/DiceLoss_sigmoid_squared": (BINARY, mean((1, DICE_SQUARED))),
    "monai/DiceLoss_sigmoid_batch": (ONE_SAMPLE, mean((1, DICE))),
    "monai/DiceCELoss_sigmoid": (BINARY, mean((1, DICE), (1, BCE))),
    "smp/DiceLoss": (ONE_SAMPLE, mean((1, make_dice(smooth=0, absent="zero")))),
    "smp/DiceLoss_smooth1": (ONE_SAMPLE, mean((1, make_dice(smooth=2, absent="zero")))),
    "torch/cross_entropy_mean": (SEVERAL, mean((1, CE))),
    "torch/cross_entropy_sum": (SEVERAL, pixel_sum(CE)),
    "torch/cross_entropy_ignore255_mean": (IGNORE, pixel_mean(CE)),
    "smp/SoftCrossEntropyLoss": (SEVERAL, mean((1, CE))),
    "direct/dice_per_image_bg_smooth1e-5": (SEVERAL, mean((1, DICE_WITH_BACKGROUND))),
    "direct/dice_per_image_nobg_smooth1e-5": (SEVERAL, mean((1, DICE))),
    "direct/dice_ce_bg_smooth1e-5": (SEVERAL, mean((1, DICE_WITH_BACKGROUND), (1, CE))),
    "monai/DiceLoss_softmax_bg": (SEVERAL, mean((1, DICE_WITH_BACKGROUND))),
    "monai/DiceLoss_softmax_nobg": (SEVERAL, mean((1, DICE))),
    "monai/DiceLoss_softmax_bg_ignore255": (IGNORE, mean((1, DICE_WITH_BACKGROUND))),
    "monai/DiceCELoss_softmax_bg": (SEVERAL, mean((1, DICE_WITH_BACKGROUND), (1, CE))),
    "monai/DiceCELoss_softmax_nobg": (SEVERAL, mean((1, DICE), (1, CE))),
}
PAIRS = [(case, name) for name, (cases, _) in CLAIMED.items() for case in cases]


@pytest.fixture(scope="module")
def vectors():
    """The expected results by case, and the arrays."""
    cases = json.loads((FOLDER / "loss_vectors.json").read_text())["cases"]
    with np.load(FOLDER / "loss_vectors.npz") as arrays:
        return cases, dict(arrays)


@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_value_and_gradient(vectors, case, name):
    """Value and gradient agree to 1e-9 in float64."""
    cases, arrays = vectors
    expected = cases[case]["results"][name]
    logits = torch.from_numpy(arrays[f"{case}__logits"]).requires_grad_()
    mask = torch.from_numpy(arrays[f"{case}__target"]).long()
    value = CLAIMED[name][1](logits, mask[:, 0] if mask.ndim == logits.ndim else mask)
    value.backward()
    assert value.item() == pytest.approx(expected["value"], rel=1e-9, abs=1e-9)
    gradient = torch.from_numpy(arrays[f"{case}__grad__{name.replace('/', '__')}"])
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-9, atol=1e-9)
