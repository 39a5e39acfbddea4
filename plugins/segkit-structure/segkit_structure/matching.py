"""Which lesions of a prediction are which of the mask: the rules that scorers have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segkit_structure.components import Lesions
from segkit_structure.params import LesionParams

NO_MATCH = 1.0 + 1e-6
"""Cost of a pair that is none, as panoptica has it: two poor matches go before one good one."""


class Matches(NamedTuple):
    """What a rule found.

    Attributes:
        predicted, reference: lesions of each side, after what was merged.
        right, found: of them those with a match.
        overlaps: IoU of every match.
    """

    predicted: int
    reference: int
    right: int
    found: int
    overlaps: np.ndarray


def matched(both: Lesions, params: LesionParams) -> Matches:
    """Match lesions by the rule of the params."""
    if params.matching == "merged":
        both = merged(both)
    enough = large_enough(both.overlaps(params.overlap or "iou"), params)
    if params.matching == "touch":
        hit = both.pairs[enough]
        right, found = (len(np.unique(hit[:, side])) for side in (0, 1))
        return Matches(len(both.predicted), len(both.reference), right, found, both.overlaps("iou")[enough])
    rule = bipartite if params.matching == "bipartite" else greedy
    chosen = rule(both, both.overlaps(params.overlap or "iou"), enough)
    number = len(chosen)
    return Matches(len(both.predicted), len(both.reference), number, number, both.overlaps("iou")[chosen])


def large_enough(overlaps: np.ndarray, params: LesionParams) -> np.ndarray:
    """Return which pairs reach the threshold, bool (pairs,)."""
    threshold = params.threshold or 0.0
    enough: np.ndarray = overlaps >= threshold if params.equal_counts else overlaps > threshold
    return enough


def greedy(both: Lesions, overlaps: np.ndarray, enough: np.ndarray) -> np.ndarray:
    """Return the places of pairs taken one with one, the largest overlap first; of equal ones the first."""
    taken: tuple[set[int], set[int]] = (set(), set())
    chosen = []
    for place in np.argsort(-overlaps, kind="stable"):
        first, second = both.pairs[place].tolist()
        if enough[place] and first not in taken[0] and second not in taken[1]:
            taken[0].add(first)
            taken[1].add(second)
            chosen.append(int(place))
    return np.array(chosen, dtype=np.int64)


def bipartite(both: Lesions, overlaps: np.ndarray, enough: np.ndarray) -> np.ndarray:
    """Return the places of the pairs, one with one, that have the largest sum of overlaps."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    places = np.flatnonzero(enough)
    if not len(places):
        return places
    first, second = both.pairs[places].T
    total = len(both.predicted) + len(both.reference)
    graph = coo_array((np.ones(len(places)), (first, len(both.predicted) + second)), shape=(total, total))
    # Lesions that share nothing with one another are matched apart: a table of all with all would not fit in memory.
    _, group = connected_components(graph, directed=False)
    chosen: list[int] = []
    order = np.argsort(group[first], kind="stable")
    for own in np.split(places[order], np.flatnonzero(np.diff(group[first][order])) + 1):
        if len(own) == 1:
            chosen.append(int(own[0]))
            continue
        rows, columns = (np.unique(both.pairs[own, side], return_inverse=True)[1] for side in (0, 1))
        cost = np.full((rows.max() + 1, columns.max() + 1), NO_MATCH)
        cost[rows, columns] = 1 - overlaps[own]
        where = np.full(cost.shape, -1)
        where[rows, columns] = own
        picked = where[linear_sum_assignment(cost)]
        chosen.extend(picked[picked >= 0].tolist())
    return np.array(sorted(chosen), dtype=np.int64)


def merged(both: Lesions) -> Lesions:
    """Join lesions as LiTS does: those of the mask that one predicted lesion covers most, then those predicted.

    A lesion of the mask goes to the predicted one that it shares most with, and all that go to one are one. A predicted
    lesion goes to the (joined) lesion of the mask that it shares most with, and all that go to one are one.
    """
    table = np.zeros((len(both.predicted), len(both.reference)), dtype=np.int64)
    table[both.pairs[:, 0], both.pairs[:, 1]] = both.shared
    if not table.size or not table.any():
        return both
    best = np.where(table.any(axis=0), table.argmax(axis=0), len(both.predicted) + np.arange(len(both.reference)))
    table, reference = joined_columns(table, both.reference, best)
    best = np.where(table.any(axis=1), table.argmax(axis=1), len(reference) + np.arange(len(both.predicted)))
    own = np.zeros_like(table)
    rows = np.flatnonzero(table.any(axis=1))
    own[rows, best[rows]] = table[rows, best[rows]]
    turned, predicted = joined_columns(own.T, both.predicted, best)
    pairs = np.argwhere(turned.T > 0)
    return Lesions(predicted, reference, pairs, turned.T[pairs[:, 0], pairs[:, 1]])


def joined_columns(table: np.ndarray, sizes: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of a table, and their sizes, summed by group."""
    _, number = np.unique(group, return_inverse=True)
    joined = np.zeros((len(table), number.max() + 1), dtype=np.int64)
    np.add.at(joined.T, number, table.T)
    return joined, np.bincount(number, weights=sizes).astype(np.int64)
