"""A finished run's cases, read again: what was scored, or a reason why not."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from segkit.data.case import Case, Sample
from segkit.declarations import Task
from segkit.declarations.direction import Direction
from segkit.discovery import Registry
from segkit.errors import SegkitError
from segkit.jobs import report
from segkit.jobs.report import (
    ScoredCase,
    ScoredData,
    case_values,
    open_scored_data,
    pictures,
    pictures_again,
    read_scored_case,
)
from segkit.rundir.read import CaseRow

MASK = np.array([[0, 1, 1], [0, 2, 0]], np.uint8)
IMAGE = np.arange(18, dtype=np.uint8).reshape(3, 2, 3)


class Reader:
    """A dataset of one case."""

    task = Task(3, ("a", "b"))

    def __init__(self, mask: np.ndarray | None = MASK) -> None:
        self.mask = mask

    def read(self, case: Case) -> Sample:
        """The same for every case."""
        return Sample(IMAGE, self.mask)


def row(class_name: str, reference: int, status: str = "ok", case: str = "c1", **values: float) -> CaseRow:
    """A row of cases.csv."""
    return CaseRow(case, "", class_name, reference, 1, status, values)


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> Callable[[np.ndarray], None]:
    """Say what was predicted."""

    def say(labels: np.ndarray) -> None:
        monkeypatch.setattr(report, "read_prediction", lambda *_: labels)

    say(MASK)
    return say


def test_a_case_without_a_mask_or_of_another_size_cannot_be_shown(predicted) -> None:
    """Each is a sentence."""
    found = read_scored_case(Reader(), Case("c1"), Path())
    np.testing.assert_array_equal(found.mask, MASK)
    np.testing.assert_array_equal(found.prediction, MASK)
    with pytest.raises(SegkitError, match="case c1 has no mask"):
        read_scored_case(Reader(None), Case("c1"), Path())
    predicted(MASK.T)
    with pytest.raises(SegkitError, match="case c1 has another size than was scored"):
        read_scored_case(Reader(), Case("c1"), Path())


@pytest.mark.parametrize(
    ("case", "rows", "said"),
    [
        ("c1", [row("a", 2), row("b", 1)], None),
        ("c1", [row("a", 2), row("a class of before", 7)], None),
        ("c1", [row("a", 2), row("b", 2)], "case c1 has another mask than was scored"),
        ("c2", [], "case c2 is not among the data found"),
    ],
)
def test_only_what_was_scored_is_shown(predicted, case: str, rows: list[CaseRow], said: str | None) -> None:
    """Pixels of each class are counted again."""
    data = ScoredData(Reader(), {"c1": Case("c1")}, {"c1": rows}, Path())
    if said is None:
        assert data.read(case).case.id == "c1"
        return
    with pytest.raises(SegkitError, match=said):
        data.read(case)


def test_a_photograph_is_shown_as_it_is_and_a_volume_by_a_slice() -> None:
    """The slice that is asked for, or the one on which reference and prediction differ most."""
    flat = ScoredCase(Case("c1"), Sample(IMAGE, MASK), MASK, MASK.copy()).picture("worst", 0.5, "dice")
    np.testing.assert_array_equal(flat.image, IMAGE.transpose(1, 2, 0))
    assert (flat.case, flat.label, flat.score, flat.score_name, flat.where) == ("c1", "worst", 0.5, "dice", "")
    mask = np.zeros((4, 5, 6), np.uint8)
    prediction = mask.copy()
    prediction[2, 1] = 1
    volume = ScoredCase(Case("v"), Sample(np.random.rand(1, 4, 5, 6).astype(np.float32), mask), mask, prediction)
    assert volume.picture("best", 1.0, "dice").where == "axial slice 3 of 4"
    assert volume.picture("best", 1.0, "dice").prediction.mean() == pytest.approx(0.2)
    assert volume.picture("best", 1.0, "dice", 0).where == "axial slice 1 of 4"
    assert volume.picture("best", 1.0, "dice", 0).prediction.sum() == 0


@pytest.mark.parametrize(("higher", "worst"), [(True, -math.inf), (False, math.inf)])
def test_a_case_is_ranked_by_its_mean_unless_it_missed_something(higher: bool, worst: float) -> None:
    """What is undefined for another reason is left out; a miss without a value is the worst there is."""
    rows = [
        row("a", 2, case="mean", m=0.5), row("b", 2, case="mean", m=0.75),
        row("a", 2, case="part", m=0.5), row("b", 0, "empty", case="part", m=math.nan),
        row("a", 2, case="miss", m=0.5), row("b", 2, "missed", case="miss", m=math.nan),
        row("a", 0, "empty", case="none", m=math.nan),
    ]  # fmt: skip
    values = case_values(SimpleNamespace(cases=rows, direction=lambda _: Direction(higher)), "m")
    assert math.isnan(values.pop("none"))
    assert values == {"mean": 0.625, "part": 0.5, "miss": worst}


def test_pictures_of_a_run_need_predictions_that_were_kept(predicted) -> None:
    """The worst case first, by the main metric's direction; none where nothing was kept."""
    metric = SimpleNamespace(name="far", declaration=SimpleNamespace(direction=Direction(False)))
    cases = [Case(name) for name in ("c1", "c2", "c3")]
    config = SimpleNamespace(evaluate=SimpleNamespace(save_predictions=True))
    plan = SimpleNamespace(config=config, reader=Reader(), cases={"test": cases}, split="test")
    job = SimpleNamespace(plan=plan, parts=SimpleNamespace(metrics=[metric]), folder=Path())
    scores = [
        SimpleNamespace(case=case.id, rank_value=lambda _, value=value: value)
        for case, value in zip(cases, (2.0, 9.0, 1.0), strict=True)
    ]
    found = [(one.label, one.case, one.score, one.score_name) for one in pictures(job, scores)]
    assert found == [("worst", "c2", 9.0, "far"), ("median", "c1", 2.0, "far"), ("best", "c3", 1.0, "far")]
    config.evaluate.save_predictions = False
    assert list(pictures(job, scores)) == []


def test_a_finished_run_s_data_are_found_again(toy_run: Path, toy_registry: Registry) -> None:
    """The scored split's cases, each with its rows; the pictures have the score that cases.csv says."""
    data = open_scored_data(toy_run, toy_registry)
    assert set(data.cases) == set(data.rows) == {"test-0", "test-1", "test-2"}
    shown = data.read("test-1")
    (only,) = data.rows["test-1"]
    assert np.count_nonzero(shown.mask == 1) == only.reference
    found, reason = pictures_again(toy_run, toy_registry)
    assert reason == ""
    assert [one.label for one in found] == ["worst", "median", "best"]
    assert {one.case: one.score for one in found} == {
        case: rows[0].values["overlap"] for case, rows in data.rows.items()
    }


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda run: shutil.rmtree(run / "predictions"), "no predictions were kept"),
        (lambda run: [path.unlink() for path in (run / "predictions").iterdir()], "no predictions were kept"),
        (lambda run: lead_out(run), "predictions is a link that leads out of the run"),
        (lambda run: (run / "predictions" / "test-0.png").unlink(), "test-0"),
    ],
)
def test_what_keeps_a_run_from_being_shown_is_said(toy_run: Path, toy_registry: Registry, harm, reason: str) -> None:
    """In a sentence, without pictures."""
    harm(toy_run)
    found, said = pictures_again(toy_run, toy_registry)
    assert found == []
    assert reason in said


def lead_out(run: Path) -> None:
    """Put a link in the place of the predictions."""
    (run / "predictions").rename("elsewhere")
    (run / "predictions").symlink_to(Path("elsewhere").resolve())


def test_a_run_that_scored_nothing_has_no_pictures(toy_run: Path, toy_registry: Registry) -> None:
    """Without cases.csv nothing is chosen; that is no error."""
    (toy_run / "cases.csv").unlink()
    assert pictures_again(toy_run, toy_registry) == ([], "")
    summary = json.loads((toy_run / "summary.json").read_text()) | {"split": "val"}
    (toy_run / "summary.json").write_text(json.dumps(summary))
    assert set(open_scored_data(toy_run, toy_registry).cases) == {"val-0", "val-1", "val-2"}
