"""Folds of the training cases."""

from __future__ import annotations

import pytest

from segkit import Case, SegkitError, UsageError
from segkit_nifti.patients import with_patients


def test_fold_of_the_training_cases(add, reader):
    """Without validation data fold 0 of five is scored, or the one asked for, and it is told."""
    for number in range(6):
        add("train", f"c{number}")
    assert len(reader().cases("val")) == 2
    assert ("validation", "fold 3 of 6 (seed 0)") in reader(fold=3, folds=6).describe()
    others = {reader(fold=fold, folds=6).cases("val")[0].id for fold in range(6)}
    assert len(others) == 6


def test_patients_stay_together(add, reader):
    """`data.patient` names the patient in an id."""
    for patient in "abc":
        for scan in (1, 2):
            add("train", f"{patient}_{scan}")
    opened = reader(folds=3, patient=r"(\w)_")
    assert len({case.group for case in opened.cases("val")}) == 1
    assert len(opened.cases("val")) == 2


def test_what_cannot_be_meant(add, reader):
    """A fold that is not there, one beside a validation split, too few cases, and odd expressions."""
    add("train", "a")
    with pytest.raises(SegkitError, match="1 patients cannot be dealt out to 5 folds"):
        reader()
    add("train", "b")
    with pytest.raises(UsageError, match=r"data\.fold=2 is none of the 2 folds; they are 0 to 1"):
        reader(fold=2, folds=2)
    add("val", "c")
    with pytest.raises(UsageError, match="have a validation split of their own"):
        reader(fold=1)
    cases = [Case("a_1")]
    for pattern, said in (
        ("(", "no regular expression"),
        (r"\w+", "has no group"),
        ("(b)", "does not fit the case a_1"),
    ):
        with pytest.raises(SegkitError, match=said):
            with_patients(cases, pattern)
