"""Cross-validation folds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit import Case, SegkitError, UsageError
from segkit_msd.folds import deal
from segkit_nifti.patients import with_patients


@settings(max_examples=50, deadline=None)
@given(
    patients=st.lists(st.integers(1, 4), min_size=2, max_size=20),
    folds=st.integers(2, 6),
    seed=st.integers(0, 99),
)
def test_folds_share_out_all_patients(patients, folds, seed):
    """Every case is validated in exactly one fold, no patient is on both sides, and sizes differ by one patient."""
    cases = [Case(f"p{n}_{m}", group=f"p{n}") for n, count in enumerate(patients) for m in range(count)]
    if len(patients) < folds:
        with pytest.raises(SegkitError, match="cannot be dealt out"):
            deal(cases, 0, folds, seed)
        return
    parts = [deal(cases, fold, folds, seed) for fold in range(folds)]
    held = [case.id for _, validation in parts for case in validation]
    assert sorted(held) == sorted(case.id for case in cases)
    for train, validation in parts:
        assert {case.group for case in train}.isdisjoint({case.group for case in validation})
        assert len(train) + len(validation) == len(cases)
        assert validation
    sizes = [len(validation) for _, validation in parts]
    assert max(sizes) - min(sizes) <= max(patients)


def test_folds_follow_the_seed_alone():
    """The order in which files are found changes nothing; another seed does."""
    cases = [Case(f"c{number}") for number in range(20)]
    assert deal(cases, 1, 5, 3) == deal(cases[::-1], 1, 5, 3)
    assert deal(cases, 1, 5, 3) != deal(cases, 1, 5, 4)


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
