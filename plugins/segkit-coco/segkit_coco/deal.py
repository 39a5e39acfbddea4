"""Cases by split: as the files say, or dealt out by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from segkit import Case, UsageError
from segkit.data.dataset import SPLITS
from segkit_folder.params import DealtParams
from segkit_folder.splits import deal_out
from segkit_nifti.patients import with_patients


def by_split(
    cases: Sequence[Case], told: Mapping[str, str], where: str, params: DealtParams, patient: str | None
) -> tuple[dict[str, list[Case]], list[tuple[str, str]]]:
    """Return cases by split, sorted by id, and how they came to be so, as notes.

    Args:
        told: splits by case id; empty where nothing says them.
        where: what says them.
        patient: regular expression whose first group is the patient in a case's id.

    Raises:
        UsageError: a fold is asked for, but the splits are told.
        SegkitError: there are too few patients.
    """
    cases = sorted(with_patients(cases, patient), key=lambda case: case.id)
    fold, folds = params.fold, params.folds
    if told and fold is not None:
        raise UsageError(
            f"data.fold={fold} of {folds} folds, but {where} already say the splits", "leave out data.fold"
        )
    if told:
        listed = {split: [case for case in cases if told[case.id] == split] for split in SPLITS}
        said = f"from {where}"
    else:
        listed, said = deal_out(cases, params)
    notes = [("splits", said)]
    patients = Counter(case.group for case in cases if case.group)
    if patients:
        notes.append(("patients", f"{len(patients)}, with up to {max(patients.values())} images"))
    return listed, notes
