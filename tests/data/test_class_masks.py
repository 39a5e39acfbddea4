"""Masks of overlapping classes beside label maps."""

import numpy as np
import pytest

from segkit.data.case import Case, Sample
from segkit.data.check import check_sample
from segkit.data.class_masks import alone, by_class, is_class, painted
from segkit.declarations import Task
from segkit.errors import SegkitError

EXCLUSIVE, OVERLAPPING = (Task(1, ("a", "b"), overlapping=overlapping) for overlapping in (False, True))
PLANES = np.array([[[1, 1, 0, 255]], [[0, 1, 0, 255]]], np.uint8)


def test_a_class_is_found_in_either_form() -> None:
    """A label map by its labels, planes by their ones."""
    assert is_class(np.array([[0, 2, 1]]), 2, EXCLUSIVE).tolist() == [[False, True, False]]
    assert is_class(PLANES, 2, OVERLAPPING).tolist() == [[False, True, False, False]]


def test_one_class_alone_keeps_its_label_and_what_is_ignored() -> None:
    """As if it were the only one."""
    assert alone(PLANES, 2, OVERLAPPING).tolist() == [[0, 2, 0, 255]]
    labels = np.array([[0, 1, 2]])
    assert alone(labels, 1, EXCLUSIVE) is labels


def test_the_smaller_class_is_painted_over_the_larger() -> None:
    """What is ignored in every class is 255."""
    assert painted(PLANES, OVERLAPPING).tolist() == [[1, 2, 0, 255]]


def test_functions_of_label_maps_see_one_class_after_the_other() -> None:
    """Planes go through one by one."""
    assert by_class(lambda plane: plane[:, ::-1], PLANES, OVERLAPPING).tolist() == PLANES[..., ::-1].tolist()


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (np.zeros((4, 5), np.uint8), "of 2 overlapping classes each has a plane"),
        (np.zeros((3, 4, 5), np.uint8), "size 3x4x5 differs from the image's 2x4x5"),
        (np.full((2, 4, 5), 2, np.uint8), "labels outside 0 to 1: 2"),
    ],
)
def test_masks_that_are_none_of_overlapping_classes(mask: np.ndarray, told: str) -> None:
    """Another form, another number of classes, other values."""
    with pytest.raises(SegkitError, match=told):
        check_sample(Sample(np.zeros((1, 4, 5), np.uint8), mask), Case("c"), OVERLAPPING, "d")


@pytest.mark.parametrize(
    ("annotated", "told"),
    [
        (("a",), "2 pixels of class b, for which the case says it was not annotated"),
        (("liver",), "annotated for 'liver', which is no class; classes: a, b"),
        ((), "annotated for no class"),
    ],
)
@pytest.mark.parametrize("task", [EXCLUSIVE, OVERLAPPING])
def test_contradictory_annotation(task: Task, annotated: tuple[str, ...], told: str) -> None:
    """What a case says of itself is held against its mask."""
    mask = np.zeros(task.mask_shape((2, 3)), np.uint8)
    mask[..., 0, :2] = 2
    if task.overlapping:
        mask[:] = 0
        mask[1, 0, :2] = 1
    case = Case("c", annotated=annotated)
    with pytest.raises(SegkitError, match=told):
        check_sample(Sample(np.zeros((1, 2, 3), np.uint8), mask), case, task, "d")


def test_foreground_of_overlapping_classes_is_counted_once() -> None:
    """What `data info` calls foreground: a pixel of two classes is one pixel; each class has its own count."""
    from segkit.data.facts import counted

    sample = Sample(np.zeros((1, 1, 4), np.uint8), PLANES)
    facts = counted(sample, OVERLAPPING, "train", Case("c"))
    assert (facts.counts, facts.foreground) == ((2, 1), 2)
    exclusive = counted(Sample(np.zeros((1, 1, 3), np.uint8), np.array([[0, 2, 1]])), EXCLUSIVE, "train", Case("c"))
    assert (exclusive.counts, exclusive.foreground) == ((1, 1), 2)
