"""Score rows: means over cases, counts pooled over cases, background, infinite and absent values."""

import numpy as np
import pytest

from segkit.contracts import Measurement
from segkit.data.case import Case
from segkit.declarations import Metric, Task
from segkit.engine.measure import CaseScores, ChosenMetric, score_case, scored_task
from segkit.engine.summary import check_aggregations, score_rows
from segkit.errors import UsageError
from segkit.params import NoParams

TASK = Task(1, ("a", "b"))


def measure(prediction, mask, spacing, task, options):
    """Counts per class, the plain way."""
    valid = mask != 255
    labels = range(1, len(task.classes) + 1)
    pairs = [((prediction == label)[valid], (mask == label)[valid]) for label in labels]
    counts = [[(p & m).sum(), (p & ~m).sum(), (~p & m).sum(), (~p & ~m).sum()] for p, m in pairs]
    return Measurement(*np.array(counts, np.int64).T, shape=mask.shape, spacing=spacing)


def found_share(measured):
    """TP / (TP + FN), NaN where the class is absent."""
    with np.errstate(invalid="ignore"):
        return measured.true_positive / measured.reference


def chosen(score=found_share, **declared):
    """A metric ready to use."""
    declaration = Metric(name="share", factory="m:f", measure="m:measure", summary="x", poolable=True, **declared)
    return ChosenMetric(declaration, NoParams(), measure, score)


def scores_of(pairs, metric, groups=None, background=False, spacing=None):
    """Case scores of (prediction, mask) rows."""
    return [
        score_case(
            Case(f"c{i}", groups[i] if groups else None),
            np.array([p], np.uint8),
            np.array([m], np.uint8),
            spacing,
            TASK,
            [metric],
            background=background,
        )
        for i, (p, m) in enumerate(pairs)
    ]


PAIRS = [([1, 1, 0, 0], [1, 1, 0, 0]), ([1, 0, 0, 0], [1, 1, 1, 1]), ([0, 0, 2, 0], [0, 0, 2, 255])]


def test_case_mean_and_pooled():
    """One mean weighs cases alike, the other pixels: (1 + 1/4) / 2 against 3 / 6."""
    metric = chosen()
    rows = score_rows(scores_of(PAIRS, metric), TASK, [metric], ("case_mean", "pooled"))
    assert [(row["aggregation"], row["class"]) for row in rows] == [
        ("case_mean", "a"),
        ("case_mean", "b"),
        ("case_mean", "all classes"),
        ("pooled", "a"),
        ("pooled", "b"),
        ("pooled", "all classes"),
    ]
    assert [row["mean"] for row in rows] == pytest.approx([0.625, 1.0, 0.8125, 0.5, 1.0, 0.75])
    assert rows[3]["name"] == "share (pooled over cases)"
    assert rows[5]["name"] == "share (pooled over cases, then classes)"
    assert (rows[3]["median"], rows[3]["n"]) == (None, 3)


def test_pooled_interval_of_equal_cases_and_of_one():
    """Where resampling can change nothing there is no interval, and the row says why."""
    metric = chosen()
    alike = score_rows(scores_of(PAIRS[1:2] * 4, metric), TASK, [metric], ("pooled",))[0]
    assert (alike["mean"], alike["ci_low"], alike["note"]) == (0.25, None, "no interval: all cases are alike")
    one = score_rows(scores_of(PAIRS[1:2], metric), TASK, [metric], ("pooled",))[0]
    assert one["note"] == "no interval: one case"


def test_pooled_interval_covers_the_estimate_and_resamples_patients():
    """The interval lies around the pooled score; patients are its units where there are groups."""
    metric, generator = chosen(), np.random.default_rng(0)
    pairs = [(generator.integers(0, 2, 30), np.ones(30)) for _ in range(40)]
    row = score_rows(scores_of(pairs, metric), TASK, [metric], ("pooled",))[0]
    assert row["ci_low"] < row["mean"] < row["ci_high"]
    # The share of 1200 fair coins: its standard error is 0.0144.
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 1.96 * 0.0144, rel=0.3)
    assert (row["ci_method"], row["note"]) == ("BCa bootstrap over cases, 95 %", "")
    grouped = score_rows(scores_of(pairs, metric, [f"p{i % 5}" for i in range(40)]), TASK, [metric], ("pooled",))[0]
    assert (grouped["ci_method"], grouped["note"]) == (
        "BCa bootstrap over patients, 95 %",
        "interval too narrow: n < 30",
    )


def test_a_class_absent_everywhere_is_left_out_and_counted():
    """It has no mean and does not take the overall mean with it."""
    metric = chosen()
    for aggregation in ("case_mean", "pooled"):
        rows = score_rows(scores_of(PAIRS[:2], metric), TASK, [metric], (aggregation,))
        assert [row["mean"] for row in rows] == [rows[0]["mean"], None, rows[0]["mean"]]
        assert rows[1]["n_empty"] == 2


def test_background_is_scored_only_when_asked_for():
    """Label 0 becomes the first class; ignored pixels stay out of it."""
    metric = chosen()
    scores = scores_of(PAIRS, metric, background=True)
    rows = score_rows(scores, scored_task(TASK, True), [metric])
    assert [row["class"] for row in rows] == ["background", "a", "b", "all classes"]
    assert rows[0]["mean"] == pytest.approx(1.0)
    assert scores[2].reference.tolist() == [2, 0, 1]
    assert scored_task(TASK, False) is TASK


def test_infinite_values_are_never_the_mean():
    """Mean and n of the finite ones, the missed, and a word where the median is infinite."""
    missed = chosen(lambda measured: np.where(measured.predicted == 0, np.inf, 1.0), range=(0.0, np.inf))
    pairs = [([1], [1]), ([0], [1]), ([0], [1])]
    row = score_rows(scores_of(pairs, missed), Task(1, ("a", "b")), [missed])[0]
    assert (row["mean"], row["n"], row["n_missed"], row["median"]) == (1.0, 1, 2, None)
    assert "2 are infinite" in row["note"]
    assert "the median is infinite" in row["note"]


@pytest.mark.parametrize("unit", ["mm", "mm2", "mm3", "ml", "%", ""])
def test_known_units_are_pixels_without_a_spacing(unit):
    """Of a distance, an area, a volume the unit is what it was measured in; others are shown as they are."""
    metric, known = chosen(unit=unit), unit in ("mm", "mm2", "mm3", "ml")
    for spacing, shown in ((None, "pixels" if known else unit), ((1.0, 2.0), unit)):
        assert score_rows(scores_of(PAIRS, metric, spacing=spacing), TASK, [metric])[0]["unit"] == shown


class PerClass:
    """A score that says what it used for each class."""

    per_class = {"tolerance": (5.0, 3.0)}

    def __call__(self, measured):
        return found_share(measured)


def test_what_a_score_uses_per_class_is_on_record():
    """Each row names its own, the row over all classes each of them."""
    metric = chosen(PerClass())
    rows = score_rows(scores_of(PAIRS, metric), TASK, [metric])
    assert [row["per_class"]["tolerance"] for row in rows] == [[5.0], [3.0], [5.0, 3.0]]
    assert rows[1]["name"] == "share (mean over cases, tolerance=3)"


def test_pooling_what_is_no_function_of_counts_is_a_usage_error():
    """Named before anything is trained; the case mean takes every metric."""
    declarations = [chosen().declaration, Metric(name="far", factory="m:f", measure="m:m", summary="x")]
    check_aggregations(("case_mean",), declarations)
    check_aggregations(("pooled",), declarations[:1])
    with pytest.raises(UsageError, match="far cannot be taken of counts summed over cases"):
        check_aggregations(("case_mean", "pooled"), declarations)
    with pytest.raises(UsageError, match="names none"):
        check_aggregations((), declarations)


def test_case_scores_keep_counts_without_distances():
    """Distances would keep every case's label maps alive."""
    scores = scores_of(PAIRS, chosen())
    assert isinstance(scores[0], CaseScores)
    assert scores[0].counts["share"].distances == {}
