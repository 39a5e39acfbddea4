"""Deal cases out to cross-validation folds, patients kept together."""

from __future__ import annotations

import random
from collections.abc import Sequence

from segkit.data.case import Case
from segkit.errors import SegkitError, UsageError


def deal(cases: Sequence[Case], fold: int, folds: int, seed: int) -> tuple[list[Case], list[Case]]:
    """Split cases into those to train on and those of one fold, patients kept together.

    The folds of a seed do not overlap, cover all cases, and hold as many cases each as the patients allow.

    Raises:
        SegkitError: there are fewer patients than folds, or no such fold.
    """
    if fold >= folds:
        raise UsageError(f"data.fold={fold} is none of the {folds} folds", f"they are 0 to {folds - 1}")
    groups: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda case: case.id):
        groups.setdefault(case.group or case.id, []).append(case)
    if len(groups) < folds:
        raise SegkitError(
            f"{len(groups)} patients cannot be dealt out to {folds} folds",
            "ask for fewer folds with --set data.folds=N",
        )
    order = sorted(groups)
    # Of sorted names: the order in which a file system lists them must not deal the folds.
    random.Random(seed).shuffle(order)
    # The largest patients first, each to the emptiest fold: folds then differ by one patient at most.
    order.sort(key=lambda group: -len(groups[group]))
    dealt: list[list[str]] = [[] for _ in range(folds)]
    for group in order:
        min(dealt, key=lambda names: sum(len(groups[name]) for name in names)).append(group)
    held = set(dealt[fold])
    train: list[Case] = []
    validation: list[Case] = []
    for name, members in groups.items():
        (validation if name in held else train).extend(members)
    return train, validation
