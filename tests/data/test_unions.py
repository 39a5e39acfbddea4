"""Classes that are made of several labels."""

import numpy as np

from segkit.data.unions import Unions, never_seen

LABELS = np.array([[0, 1, 2, 3, 255]], np.uint8)


def test_classes_with_a_label_in_common_overlap() -> None:
    """Each has a plane of its labels; what is ignored is so in all."""
    unions = Unions({"whole": (1, 2, 3), "core": (2, 3), "rim": (1,)})
    assert unions.overlapping
    assert unions.masks(LABELS).tolist() == [[[0, 1, 1, 1, 255]], [[0, 0, 1, 1, 255]], [[0, 1, 0, 0, 255]]]


def test_classes_without_stay_a_label_map() -> None:
    """Joined labels become one, in the order of the classes; a label of no class is background."""
    unions = Unions({"late": (3,), "early": (1,)})
    assert not unions.overlapping
    assert unions.masks(LABELS).tolist() == [[0, 2, 0, 1, 255]]


def test_what_no_mask_holds_is_found() -> None:
    """A label that is named and nowhere."""
    unions = Unions({"whole": (1, 9)})
    unions.masks(LABELS)
    assert never_seen(unions) == [("whole", 9)]


def test_they_are_told_in_words() -> None:
    """Number, name, and what each is made of."""
    unions = Unions({"whole": (1, 2), "core": (2,)})
    assert unions.describe({1: "value 10", 2: "value 20"}) == (
        "1 whole (value 10 + value 20), 2 core (value 20), which overlap"
    )
