"""Which logits are explained: sets of pixels, classes, and how they are written."""

import numpy as np
import pytest
import torch

from segkit import SegkitError, Task, UsageError
from segkit.explain.targets import BoundTarget, Target, band, component, parse_target

PREDICTED = torch.tensor([[0, 1, 1, 0, 0, 0], [0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0]])
REFERENCE = torch.tensor([[0, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 255, 0, 1, 1, 0]])


def logits_of(labels: torch.Tensor) -> torch.Tensor:
    """One-channel logits (1, 1, H, W) that predict a mask: 2 inside, -3 outside."""
    return torch.where(labels > 0, 2.0, -3.0)[None, None]


def pixels(text: str, task: Task, logits: torch.Tensor, reference: torch.Tensor | None = REFERENCE) -> torch.Tensor:
    """The set of pixels that a target's text means."""
    bound = BoundTarget(parse_target(text, task), task, None if reference is None else reference[None])
    bound(logits)
    return bound.masks[0]


@pytest.mark.parametrize(
    ("text", "count", "score"),
    [
        ("predicted:lesion", 8, 16.0),
        ("reference:lesion", 5, 2 * 3 - 3 * 2),
        ("fp:lesion", 4, 8.0),
        ("fn:lesion", 2, -6.0),
        ("component:1:lesion", 4, 8.0),
        ("component:largest:lesion", 4, 8.0),
        ("component:2:lesion", 3, 6.0),
        ("component:3:lesion", 1, 2.0),
        ("all:lesion", 24, 16.0 - 48.0),
        ("all:background", 24, 48.0 - 16.0),
        ("predicted:background", 16, 48.0),
        ("pixel:3,2:lesion", 1, 2.0),
        ("margin:predicted:lesion", 8, 16.0),
    ],
)
def test_pixels_and_sums_of_one_channel(one_class, text, count, score):
    """Sets are counted by hand; +logit for the foreground, -logit for the background; ignored is no error."""
    bound = BoundTarget(parse_target(text, one_class), one_class, REFERENCE[None])
    sums = bound(logits_of(PREDICTED))
    assert int(bound.masks.sum()) == count
    assert sums.tolist() == [score]
    assert bound.status == ("ok",)


def test_sets_of_false_pixels_are_those_of_the_masks(one_class):
    """fp and fn against the definition, pixel by pixel."""
    inside = (PREDICTED == 1, REFERENCE == 1)
    logits = logits_of(PREDICTED)
    assert torch.equal(pixels("fp:1", one_class, logits), inside[0] & ~inside[1] & (REFERENCE != 255))
    assert torch.equal(pixels("fn:1", one_class, logits), ~inside[0] & inside[1])


def test_several_classes_take_their_own_channel(three_classes):
    """With several channels the class's logit counts, and with a margin what it is above the largest other one."""
    logits = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    labels = logits.argmax(dim=1)
    for label, name in enumerate(("background", "liver", "kidney", "left lung")):
        inside = labels == label
        plain = BoundTarget(parse_target(f"predicted:{name}", three_classes), three_classes)(logits)
        assert plain.tolist() == pytest.approx([float(logits[n, label][inside[n]].sum()) for n in range(2)], rel=1e-5)
        margin = BoundTarget(parse_target(f"margin:all:{name}", three_classes), three_classes)(logits)
        others = np.delete(logits.numpy(), label, axis=1).max(axis=1)
        assert margin.tolist() == pytest.approx((logits[:, label].numpy() - others).sum(axis=(1, 2)).tolist(), rel=1e-4)


def test_an_empty_set_is_said_sample_by_sample(one_class):
    """Its sum is 0 and its gradient 0, never NaN; the other sample keeps its own."""
    logits = torch.cat([logits_of(PREDICTED), torch.full((1, 1, 4, 6), -1e9)]).requires_grad_(True)
    bound = BoundTarget(parse_target("predicted:lesion", one_class), one_class)
    sums = bound(logits)
    sums.sum().backward()
    assert bound.status == ("ok", "empty target")
    assert sums.tolist() == [16.0, 0.0]
    assert logits.grad[1].eq(0).all()
    assert bound.probability(logits.detach()).tolist() == pytest.approx([float(torch.tensor(2.0).sigmoid()), 0.0])


def test_fixed_pixels_stay_whatever_is_predicted_next(one_class):
    """What was found in the first logits is summed in others."""
    bound = BoundTarget(Target(label=1), one_class)
    bound(logits_of(PREDICTED))
    assert bound.fixed()(logits_of(1 - PREDICTED)).tolist() == [-24.0]
    assert bound.fixed(3)(logits_of(PREDICTED).expand(3, 1, 4, 6)).tolist() == [16.0] * 3


def test_boundary_is_a_band_on_both_sides():
    """King's moves from the edge: a square of 6 has a band of 8x8 less 4x4; the image's rim is no edge."""
    square = np.zeros((12, 12), bool)
    square[3:9, 3:9] = True
    assert int(band(square, 1).sum()) == 64 - 16
    assert not band(np.ones((5, 5), bool), 2).any()


def test_components_touch_by_corners_and_are_ranked_by_size():
    """Two diagonal pixels are one part; beyond the last there is none."""
    mask = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]], bool)
    assert component(mask, 1).sum() == 2
    assert component(mask, 2).sum() == 1
    assert not component(mask, 3).any()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("predicted", Target()),
        ("margin", Target(margin=True)),
        ("margin:kidney", Target(margin=True, label=2)),
        ("margin:fp:kidney", Target("fp", 2, margin=True)),
        ("false-negative:left lung", Target("fn", 3)),
        ("component:2:liver", Target("component", 1, number=2)),
        ("component:liver", Target("component", 1)),
        ("boundary", Target("boundary", number=2)),
        ("boundary:5:2", Target("boundary", 2, number=5)),
        ("pixel:120,80", Target("pixel", place=(120, 80))),
        ("pixel:1,2,3:background", Target("pixel", 0, place=(1, 2, 3))),
        ("all:0", Target("all", 0)),
    ],
)
def test_targets_are_read_and_written(three_classes, text, target):
    """What is written is read as the same target."""
    assert parse_target(text, three_classes) == target
    assert parse_target(target.text(three_classes), three_classes) == target


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fq:liver", "did you mean 'fp'"),
        ("predicted:livr", "did you mean 'liver'"),
        ("predicted:4", "no class '4'"),
        ("component:0:liver", "not 1 or more"),
        ("pixel:12", "one per axis"),
        ("pixel", "one per axis"),
        ("", "no set of pixels ''"),
        ("predicted:²", "no class '²'"),  # a digit to Python, and no number
        ("component:²:liver", "no class"),
        ("pixel:²,3", "whole numbers"),
        ("predicted:" + "9" * 5000, "no class"),
        ("boundary:" + "9" * 5000, "no class"),
        ("pixel:1," + "9" * 5000, "whole numbers"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(three_classes, text, said):
    """Unknown sets and classes, and numbers that are none, are named."""
    with pytest.raises(UsageError, match=said):
        parse_target(text, three_classes)


def test_a_class_out_of_range_is_a_usage_error(one_class):
    """A label that the task does not have."""
    with pytest.raises(UsageError, match="class 2 is out of range"):
        BoundTarget(Target(label=2), one_class)


def test_a_missing_reference_is_a_usage_error(one_class):
    """fp cannot be told without a reference."""
    with pytest.raises(UsageError, match="needs a reference"):
        BoundTarget(Target("fp", 1), one_class)


def test_another_grid_is_an_error(one_class):
    """A reference, or pixels, of another size than the logits."""
    with pytest.raises(SegkitError, match="reference mask is on a grid"):
        BoundTarget(Target("reference", 1), one_class, REFERENCE[None, :2])(logits_of(PREDICTED))
    with pytest.raises(SegkitError, match="the target is on a grid"):
        BoundTarget(Target(label=1), one_class, masks=torch.ones(1, 3, 3, dtype=torch.bool))(logits_of(PREDICTED))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_an_error(one_class, value):
    """The sample is named."""
    logits = torch.zeros(3, 1, 4, 4)
    logits[1, 0, 2, 2] = value
    with pytest.raises(SegkitError, match=r"not finite \(sample 1 of the batch\)"):
        BoundTarget(Target(label=1), one_class)(logits)


def test_a_pixel_is_moved_with_the_grid():
    """The place on a photograph becomes the cell of the working grid that its centre lies in."""
    assert Target("pixel", 1, place=(99, 0)).on_grid((100, 200), (10, 10)).place == (9, 0)
    assert Target("pixel", 1, place=(50, 199)).on_grid((100, 200), (10, 10)).place == (5, 9)
    with pytest.raises(UsageError, match="not on the image, which has 100 x 200"):
        Target("pixel", 1, place=(100, 0)).on_grid((100, 200), (10, 10))
