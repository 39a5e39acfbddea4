"""Overlapping classes are measured as each of them alone."""

import numpy as np
import pytest

from segkit.data.case import Case
from segkit.declarations import Metric, Task
from segkit.engine.measure import ChosenMetric, score_case

segkit_metrics = pytest.importorskip("segkit_metrics")
segkit_structure = pytest.importorskip("segkit_structure")

CLASSES = ("whole", "core", "absent")


def chosen(task: Task) -> list[ChosenMetric]:
    """Every metric of the default install that measures labels, for a task; the others are shown probabilities."""
    from segkit.declarations import resolve

    return [
        ChosenMetric(one, one.params(), resolve(one.measure, ""), resolve(one.factory, "")(task, one.params()))
        for one in [*segkit_metrics.segkit_metrics(), *segkit_structure.segkit_metrics()]
        if isinstance(one, Metric) and one.needs != "probabilities"
    ]


@pytest.mark.parametrize("shape", [(20, 24), (6, 12, 14)])
def test_every_metric_is_the_single_class_value(shape: tuple[int, ...]) -> None:
    """Of random blobs with ignored pixels, class by class; all of those metrics, with distances."""
    generator = np.random.default_rng(len(shape))
    spacing = tuple(np.linspace(0.5, 2, len(shape)))
    prediction = generator.integers(0, 2, (3, *shape), dtype=np.uint8)
    mask = generator.choice(np.array([0, 1, 255], np.uint8), (3, *shape), p=[0.5, 0.4, 0.1])
    prediction[2] = mask[2] = 0
    whole = Task(1, CLASSES, len(shape), overlapping=True)
    row = score_case(Case("c"), prediction, mask, spacing, whole, chosen(whole))
    for place, name in enumerate(CLASSES):
        one = Task(1, (name,), len(shape))
        alone = score_case(Case("c"), prediction[place], mask[place], spacing, one, chosen(one))
        assert row.reference[place] == alone.reference[0]
        for metric, values in row.values.items():
            assert np.array_equal(values[place], alone.values[metric][0], equal_nan=True), metric


def test_metrics_over_all_cases_are_the_single_class_value() -> None:
    """Of the agreement of volumes, which looks at every case at once."""
    from segkit.declarations import resolve
    from segkit.engine.class_measure import measure_classes

    extras = pytest.importorskip("segkit_extras")
    generator = np.random.default_rng(5)
    cases = [generator.integers(0, 2, (2, 2, 6, 7), dtype=np.uint8) for _ in range(5)]
    whole, one = Task(1, ("a", "b"), overlapping=True), Task(1, ("a",))
    metrics = [metric for metric in extras.segkit_metrics() if metric.over == "cases"]
    assert len(metrics) == 3
    for metric in metrics:
        measure, params = resolve(metric.measure, ""), metric.params()
        score = resolve(metric.factory, "")
        found = score(whole, params)([measure_classes(measure, p, m, None, whole, {}) for p, m in cases])
        alone = [score(one, params)([measure(p[at], m[at], None, one, {}) for p, m in cases])[0] for at in range(2)]
        assert found.tolist() == alone


@pytest.mark.parametrize("overlapping", [False, True])
def test_classes_that_nobody_looked_for_have_no_scores(overlapping: bool) -> None:
    """No value, no pixels, and a status of their own; the others have theirs."""
    task = Task(1, ("a", "b"), overlapping=overlapping)
    mask, prediction = np.zeros(task.mask_shape((4, 4)), np.uint8), np.zeros(task.mask_shape((4, 4)), np.uint8)
    if overlapping:
        mask[0, 0], prediction[0, 0], prediction[1, 2] = 1, 1, 1
    else:
        mask[0], prediction[0], prediction[2] = 1, 1, 2
    row = score_case(Case("c", annotated=("a",)), prediction, mask, None, task, chosen(task))
    assert (row.status(0), row.status(1)) == ("ok", "unannotated")
    assert row.values["dice"][0] == 1
    assert all(np.isnan(values[1]) for values in row.values.values())
    assert row.predicted.tolist() == [4, 0]
    assert not row.missed.any()
