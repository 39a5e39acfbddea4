"""Whether new cases are like earlier ones: which of their numbers are far out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

LEVEL = 0.01
"""Chance of naming anything where new cases are drawn as the earlier ones: 1 in 100 comparisons."""
FAR = 0.5
"""Smallest difference of means that is named, in deviations: Cohen (1988) calls it medium. Of many cases less is sure,
and changes no score."""
DRAWS = 2000


@dataclass(frozen=True)
class FarOut:
    """One number that new cases have otherwise.

    Attributes:
        column: which.
        distance: difference of the means in deviations of both together; positive where new ones are larger.
        p: family-wise p-value, over all numbers that were looked at.
        earlier, new: 5th, 50th and 95th percentile.
    """

    column: int
    distance: float
    p: float
    earlier: tuple[float, float, float]
    new: tuple[float, float, float]


def far_out(earlier: np.ndarray, new: np.ndarray, seed: int = 0) -> list[FarOut]:
    """Return the numbers by which new cases are told from earlier ones, the farthest first.

    The difference of the means in deviations of both together, for each column, against the largest of all columns
    where the cases are dealt anew: the permutation test of Westfall and Young (1993) for many columns at once. The
    chance of naming anything is at most LEVEL, however the columns hang together. Rabanser et al. 2019, "Failing
    Loudly" (arXiv:1810.11953), compare such tests of a shift, of one number at a time among them. All ways of dealing
    are looked at where these are at most DRAWS, else as many that are drawn.

    Args:
        earlier: (patients, columns), NaN where a number is not known.
        new: (patients, columns).
    """
    both = np.concatenate([earlier, new])
    known = np.isfinite(both)
    values = standardised(both, known)
    picked = dealings(len(earlier), len(new), seed)
    found = distances(picked, values, known)
    largest = np.nanmax(np.abs(found), axis=1, initial=0.0)
    named = []
    for column, distance in enumerate(found[0]):
        # Equal sums in another order differ in their last bits.
        p = float(np.mean(largest >= abs(distance) * (1 - 1e-9)))
        if abs(distance) >= FAR and p <= LEVEL:
            named.append(FarOut(column, float(distance), p, spread(earlier[:, column]), spread(new[:, column])))
    return sorted(named, key=lambda item: -abs(item.distance))


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """Return the 5th, 50th and 95th percentile of what is known."""
    low, middle, high = np.nanpercentile(values, (5, 50, 95)).tolist()
    return low, middle, high


def smallest_p(earlier: int, new: int) -> float:
    """Return the smallest p-value that so many patients can give: above LEVEL nothing is ever named."""
    return 1 / min(comb(earlier + new, new), DRAWS)


def standardised(both: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and deviation 1, 0 where a number is not known or all are equal."""
    counts = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, both, 0.0)
    mean = filled.sum(axis=0) / counts
    centred = np.where(known, both - mean, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=0) / counts)
    rounding = 1e-9 * np.abs(filled).max(axis=0)
    varied = deviation > rounding
    result: np.ndarray = np.where(varied, centred / np.where(varied, deviation, 1.0), 0.0)
    return result


def dealings(earlier: int, new: int, seed: int) -> np.ndarray:
    """Return which rows are taken for new ones, (ways, earlier + new) of 0 and 1, as it was first."""
    total = earlier + new
    observed = np.arange(total) >= earlier
    if comb(total, new) <= DRAWS:
        ways = np.zeros((comb(total, new), total), bool)
        for way, chosen in enumerate(combinations(range(total - 1, -1, -1), new)):
            ways[way, list(chosen)] = True
        return ways
    source = np.random.default_rng(seed)
    ways = source.permuted(np.repeat(observed[None], DRAWS, axis=0), axis=1)
    ways[0] = observed
    return ways


def distances(picked: np.ndarray, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return mean of the picked less mean of the others (ways, columns); 0 where either has no number."""
    weights = picked.astype(np.float64)
    numbers = known.astype(np.float64)
    inside, counts = weights @ values, weights @ numbers
    outside, others = values.sum(axis=0) - inside, numbers.sum(axis=0) - counts
    possible = (counts > 0) & (others > 0)
    result: np.ndarray = np.where(possible, inside / np.maximum(counts, 1) - outside / np.maximum(others, 1), 0.0)
    return result
