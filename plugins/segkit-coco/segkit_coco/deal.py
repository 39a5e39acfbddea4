"""Cases by split: as the files say, or dealt out by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from segkit import Case, UsageError
from segkit.data.dataset import SPLITS
from segkit.data.folds import deal
from segkit_coco.params import OutlineParams
from segkit_folder.splits import share_out
from segkit_nifti.patients import with_patients


def by_split(
    cases: Sequence[Case], told: Mapping[str, str], where: str, params: OutlineParams
) -> tuple[dict[str, list[Case]], list[tuple[str, str]]]:
    """Return cases by split, sorted by id, and how they came to be so, as notes.

    Args:
        told: splits by case id; empty where nothing says them.
        where: what says them.

    Raises:
        UsageError: a fold is asked for, but the splits are told.
        SegkitError: there are too few patients.
    """
    cases = sorted(with_patients(cases, params.patient), key=lambda case: case.id)
    if told and params.fold is not None:
        raise UsageError(f"data.fold={params.fold}, but {where} already say the splits", "leave out data.fold")
    if told:
        listed = {split: [case for case in cases if told[case.id] == split] for split in SPLITS}
        said = f"from {where}"
    elif params.fold is not None:
        train, val = deal(cases, params.fold, params.folds, params.split_seed)
        listed = {"train": train, "val": val, "test": []}
        said = f"fold {params.fold} of {params.folds} to validate on (seed {params.split_seed})"
    else:
        listed = share_out(cases, params.val, params.test, params.split_seed)
        said = f"{params.val:.0%} to validate on, {params.test:.0%} to test on (seed {params.split_seed})"
    notes = [("splits", said)]
    patients = Counter(case.group for case in cases if case.group)
    if patients:
        notes.append(("patients", f"{len(patients)}, with up to {max(patients.values())} images"))
    return listed, notes
