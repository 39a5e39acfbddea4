"""What can be set of segkit-msd."""

from __future__ import annotations

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class MsdParams:
    """What can be set of a dataset in the Decathlon's layout."""

    fold: int | None = segkit.param(
        None, "Cross-validation fold that is scored, from 0; none: the data's validation split, or fold 0.", min=0
    )
    folds: int = segkit.param(5, "How many folds the training cases are dealt out to.", min=2, max=100)
    fold_seed: int = segkit.param(0, "Seed of the folds.", min=0, max=2**31 - 1)
    patient: str | None = segkit.param(
        None, "Regular expression whose first group is the patient in a case's id, such as '(\\w+)_scan'."
    )
