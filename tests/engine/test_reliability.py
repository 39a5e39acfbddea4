"""Reliability diagrams are the cases' bins summed, and as calibrated as the numbers that went in."""

from types import SimpleNamespace

import numpy as np

from segkit.engine.reliability import BINS, reliability_record


def case(counts: np.ndarray, right: np.ndarray, confidence: np.ndarray) -> SimpleNamespace:
    """A scored case of which a metric "sure" added up bins, and one "plain" nothing."""
    sums = {"counts": counts, "right": right, "confidence": confidence}
    return SimpleNamespace(counts={"sure": SimpleNamespace(sums=sums), "plain": SimpleNamespace(sums={})})


def test_bins_are_summed_over_cases_and_joined() -> None:
    """Against pixels binned one by one: fine cells of two cases, joined to the diagram's."""
    source = np.random.default_rng(3)
    cases, every = [], []
    for _ in range(2):
        sure = source.random(5000)
        hit = source.random(5000) < sure**2
        cell = (sure * 300).astype(int)
        cases.append(case(*(np.bincount(cell, part, 300)[None] for part in (None, hit, sure))))
        every.append((sure, hit))
    names = [SimpleNamespace(name=name) for name in ("plain", "sure", "sure")]
    [found] = reliability_record(cases, names, ["lesion"])
    sure, hit = (np.concatenate(part) for part in zip(*every, strict=True))
    place = (sure * BINS).astype(int)
    [row] = found["rows"]
    assert (found["metric"], row["of"], sum(row["pixels"])) == ("sure", "most probable label", 10_000)
    np.testing.assert_array_equal(row["pixels"], np.bincount(place))
    np.testing.assert_allclose(row["confidence"], np.bincount(place, sure) / np.bincount(place))
    np.testing.assert_allclose(row["right"], np.bincount(place, hit) / np.bincount(place))


def test_empty_rows_and_metrics_without_bins_make_none() -> None:
    """No pixel, no row; rows are named after the classes, the background's first."""
    nothing = np.zeros((3, 4))
    some = nothing.copy()
    some[2, 1] = 1
    metrics = [SimpleNamespace(name="sure")]
    assert reliability_record([case(nothing, nothing, nothing)], metrics, ["a", "b"]) == []
    [found] = reliability_record([case(some, some, some * 0.3)], metrics, ["a", "b"])
    assert [(row["of"], row["pixels"], row["confidence"]) for row in found["rows"]] == [("b", [1], [0.3])]
