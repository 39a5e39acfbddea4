"""Cross-validation folds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit import Case, SegkitError
from segkit.data.folds import deal


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
