"""Where a heat map lies beside a mask: area under the ROC curve, energy inside, the pointing game."""

from __future__ import annotations

import numpy as np


def auroc(heat: np.ndarray, inside: np.ndarray) -> float | None:
    """Return the chance that a pixel inside the mask is hotter than one outside, ties counted half.

    This is the area under the ROC curve, by ranks (Mann and Whitney). None where it is undefined: the map is the same
    everywhere, or the mask is empty or full. A map that is constant has no order, so it is not given 0.5.

    Args:
        heat: (*S).
        inside: bool (*S).
    """
    from scipy.stats import rankdata

    values, positive = heat.ravel(), inside.ravel()
    count = int(np.count_nonzero(positive))
    others = positive.size - count
    if not count or not others or is_constant(values):
        return None
    ranks = rankdata(values)
    above = float(ranks[positive].sum()) - count * (count + 1) / 2
    return above / (count * others)


def energy_inside(heat: np.ndarray, inside: np.ndarray) -> float | None:
    """Return the share of the heat that lies inside the mask (Wang et al. 2020); None where there is none."""
    total = float(heat.sum(dtype=np.float64))
    return float(heat[inside].sum(dtype=np.float64)) / total if total > 0 else None


def pointing(heat: np.ndarray, inside: np.ndarray) -> float | None:
    """Return 1 where the hottest pixel lies inside the mask, else 0 (Zhang et al. 2018); no tolerance around the mask.

    Of several equally hot pixels it is the share that lies inside. None where the map is the same everywhere.
    """
    if is_constant(heat.ravel()):
        return None
    hottest = heat == heat.max()
    return float(np.count_nonzero(hottest & inside)) / float(np.count_nonzero(hottest))


def spearman(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return the correlation of the ranks of two maps of one shape; None where one of them is the same everywhere."""
    from scipy.stats import rankdata

    first, second = one.ravel(), other.ravel()
    if is_constant(first) or is_constant(second):
        return None
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def is_constant(values: np.ndarray) -> bool:
    """Whether there is at most one value."""
    return values.size == 0 or bool((values == values.flat[0]).all())
