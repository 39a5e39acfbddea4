"""Metrics of all cases together: their value, interval, n, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from segkit.contracts import Measurement
from segkit.declarations import Metric, Task
from segkit.engine.measure import CaseScores, ChosenMetric
from segkit.engine.over_cases import of_all_cases
from segkit.engine.summary import check_aggregations, score_rows, write_cases
from segkit.errors import SegkitError, UsageError
from segkit.params import NoParams

TASK = Task(1, ("a", "b"))


def mean_size(cases):
    """Mean reference size of each class: what the mean over cases of a case's size would be."""
    return np.mean([case.reference for case in cases], axis=0)


def chosen(score=mean_size, **declared):
    """A metric over cases, ready to use."""
    fields = {"measure": "m:f", "factory": "m:g", "summary": "x", "over": "cases", "range": (0, 100), **declared}
    return ChosenMetric(Metric(name="all", **fields), NoParams(), lambda *_: None, score)


def scores(sizes, groups=None, annotated=None):
    """Case scores whose references have these sizes, (cases, classes)."""
    rows = []
    for number, row in enumerate(np.array(sizes, np.int64)):
        none = np.zeros_like(row)
        counted = Measurement(row, none, none, none, (10,))
        known = None if annotated is None else np.array(annotated[number])
        group = groups and groups[number]
        rows.append(CaseScores(f"c{number:02}", group, row, row, {}, {"all": counted}, annotated=known))
    return rows


def test_value_interval_and_n_are_those_of_all_cases():
    """The interval of a mean is near the one of the normal distribution, and a row says over what it was taken."""
    sizes = np.random.default_rng(0).integers(10, 90, (60, 2))
    rows = score_rows(scores(sizes), TASK, [chosen()], ("case_mean",))
    assert {(row["aggregation"], row["n"]) for row in rows} == {("over_cases", 60)}
    assert [row["class"] for row in rows] == ["a", "b", "all classes"]
    assert [row["mean"] for row in rows[:2]] == pytest.approx(sizes.mean(axis=0))
    mean, half = sizes[:, 0].mean(), 1.96 * sizes[:, 0].std(ddof=1) / 60**0.5
    assert (rows[0]["ci_low"], rows[0]["ci_high"]) == pytest.approx((mean - half, mean + half), abs=half / 5)
    assert rows[0]["name"] == "all (over all cases)"
    assert rows[0]["ci_method"] == "BCa bootstrap over cases, 95 %"


def test_patients_are_drawn_together():
    """Two cases of each patient alike: the very resamples of the patients alone."""
    sizes = np.random.default_rng(1).integers(10, 90, (30, 2))
    alone = of_all_cases(chosen(), scores(sizes))
    twice = of_all_cases(chosen(), scores(np.repeat(sizes, 2, axis=0), [f"p{number // 2:02}" for number in range(60)]))
    assert twice.units == "patients"
    np.testing.assert_allclose(alone.drawn, twice.drawn)


def test_a_class_is_scored_on_the_cases_annotated_for_it():
    """What nobody drew is not absent."""
    rows = scores([[10, 0], [20, 40], [30, 60]], annotated=[[True, False], [True, True], [True, True]])
    assert of_all_cases(chosen(), rows).values.tolist() == [20, 50]


def test_one_case_has_no_interval_and_what_is_of_another_shape_is_told():
    """Neither ends in an exception of numpy's."""
    (first, *_) = score_rows(scores([[5, 7]]), TASK, [chosen()])
    assert (first["mean"], first["ci_low"], first["note"]) == (5, None, "no interval: one case")
    with pytest.raises(SegkitError, match=r"metric all returned shape \(\) for 2 classes"):
        of_all_cases(chosen(lambda cases: np.float64(1)), scores([[5, 7], [1, 2]]))


def test_no_single_case_has_a_value(tmp_path):
    """The case table has no column of it, and it can be neither the main metric nor pooled."""
    write_cases(tmp_path / "cases.csv", scores([[5, 7]]), TASK, [chosen()])
    assert (tmp_path / "cases.csv").read_text().splitlines()[0] == "case,group,class,reference,predicted,status"
    dice = Metric(name="dice", measure="m:f", factory="m:g", summary="x", poolable=True)
    check_aggregations(("pooled",), [dice, chosen().declaration])
    with pytest.raises(UsageError, match="metric all is taken of all cases together"):
        check_aggregations(("case_mean",), [chosen().declaration, dice])
    with pytest.raises(ValueError, match="over must be 'case' or 'cases'"):
        chosen(over="patients")
    with pytest.raises(ValueError, match="neither pooled nor probabilities"):
        chosen(poolable=True)
