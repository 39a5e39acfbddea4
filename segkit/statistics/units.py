"""Units, the patients or cases that are independent of each other, and the mean as a function of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def as_table(values: np.ndarray, groups: Sequence[str | None] | None) -> np.ndarray:
    """Return values as float64 (cases, classes).

    Raises:
        ValueError: neither (cases,) nor (cases, classes), or another number of groups than of cases.
    """
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or (groups is not None and len(groups) != len(table)):
        raise ValueError(f"values of shape {np.shape(values)} with {groups and len(groups)} groups")
    return table


def unit_numbers(cases: int, groups: Sequence[str | None] | None) -> np.ndarray:
    """Return the number of each case's unit, counted from 0; a case whose group is None is a unit of its own."""
    names = [None] * cases if groups is None else groups
    known: dict[str | tuple[int], int] = {}
    return np.array(
        [known.setdefault((case,) if name is None else name, len(known)) for case, name in enumerate(names)], np.int64
    )


def unit_totals(table: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sum and number of the finite values of each unit, per class.

    Args:
        table: (cases, classes).
        units: (cases,) from `unit_numbers`.

    Returns:
        Two float64 arrays (units, classes).
    """
    finite = np.isfinite(table)
    sums, sizes = np.zeros((2, units.max(initial=-1) + 1, table.shape[1]))
    np.add.at(sums, units, np.where(finite, table, 0))
    np.add.at(sizes, units, finite)
    return sums, sizes


def mean_over_classes(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the mean of sums / sizes over the last axis, without the classes whose size is 0; NaN if all are."""
    means = np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0)
    present = (sizes > 0).sum(axis=-1)
    mean: np.ndarray = np.divide(means.sum(axis=-1), present, out=np.full(present.shape, np.nan), where=present > 0)
    return mean


def influence(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return how far each unit pulls the mean over classes: the derivative by the unit's weight, times the units.

    For one class and one case per unit this is the value minus the mean; in general it is the linear term of the
    ratio of totals, and its standard error that of the mean (Efron 1982, infinitesimal jackknife).

    Args:
        sums, sizes: (units, classes) total and number of the values of each unit.

    Returns:
        (units,), whose sum is 0.
    """
    number = sizes.sum(axis=0)
    present = number > 0
    means = sums.sum(axis=0)[present] / number[present]
    pull: np.ndarray = ((sums[:, present] - means * sizes[:, present]) / number[present]).mean(axis=1) * len(sums)
    return pull
