"""A sweep from its first trial to the comparison: stopped and resumed, with trials that fail or are stopped early."""

from __future__ import annotations

import errno
import json
import signal
from pathlib import Path

import pytest

from segkit.config import Layer
from segkit.engine.progress import Progress
from segkit.engine.stop import Stopped
from segkit.errors import SegkitError, UsageError
from segkit.jobs.sweep.page import write_sweep
from segkit.jobs.sweep.search import Search
from segkit.jobs.sweep.space import read_space
from segkit.jobs.sweep.sweep import Sweep, carry_out_sweep, plan_sweep
from segkit.jobs.sweep.trial import score_of

BASE = {
    "components.arch": "net",
    "components.data": "squares",
    "run.device": "cpu",
    "train.epochs": 2,
    "data.cases": 4,
}
SPACE = ("train.learning_rate=log:1e-3..1e-1", "arch.width=2,4")


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of runs and comparisons have tests of their own."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda folder, *_, **__: (folder / "report.html").touch())
    parts = ("scores", "differences", "ranks", "scatter")
    monkeypatch.setattr("segkit.jobs.compare.page.comparison_plots", lambda *_: {part: [] for part in parts})


def sweep(trials: int = 4, space=SPACE, **said) -> Sweep:
    """What is asked for."""
    return Sweep([Layer("flag", {**BASE, **said})], read_space(space), None, None, trials, 1)


def test_from_trials_to_page(toy_registry) -> None:
    """Every trial is a run that scored nothing; the page says how many there were, and what the winner is worth."""
    result = carry_out_sweep(sweep(), Path("one"), "one", toy_registry, Progress())
    record = write_sweep(result, "one")
    assert record == json.loads(Path("one/sweep.json").read_text())
    assert record["states"] == {"finished": 4}
    assert record["chosen_by"] == "val/overlap@store"
    best = max(result.trials, key=lambda trial: trial.score)
    assert record["winner"]["values"] == best.values
    for trial in result.trials:
        run = Path("one", "trials", f"{trial.number:04d}", "run")
        lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
        assert trial.scores == tuple(line["val"]["overlap@store"] for line in lines)
        assert trial.score == max(trial.scores)
        assert (run / "model.safetensors").exists()
        assert not any((run / name).exists() for name in ("cases.csv", "summary.json", "last"))
    compared = json.loads(Path("one/comparison/comparison.json").read_text())
    assert (compared["split"], [model["label"] for model in compared["models"]]) == ("test", ["default", "winner"])
    seeds = {json.loads(Path(path).read_text())["seed"] for path in ()} or {
        run.name for run in Path("one/comparison/runs").iterdir()
    }
    assert seeds == {"default-seed1", "winner-seed1"}, "no trial had that seed"
    page = Path("one/report.html").read_text()
    assert "Best of 4 trials on the validation split" in page
    assert "The winner is the best of 4 trials by the very score it was chosen by" in page
    assert "Generated sample: not real data" in page
    assert page.count('<figure class="plot">') == 2, "too few trials to say what matters; a slice per setting"


def test_stopped_and_resumed_it_ends_with_the_same_table(toy_registry, monkeypatch) -> None:
    """In the middle of a trial, and between two."""
    from segkit.engine.trainer import Trainer

    whole = carry_out_sweep(sweep(3), Path("whole"), "x", toy_registry, Progress())
    begin, calls = Trainer.begin_epoch, []

    def stop(self: Trainer, epoch: int) -> None:
        calls.append(epoch)
        if len(calls) in (4, 6):
            raise Stopped(signal.SIGTERM)
        begin(self, epoch)

    monkeypatch.setattr(Trainer, "begin_epoch", stop)
    for _ in range(2):
        with pytest.raises(Stopped):
            carry_out_sweep(sweep(3), Path("parted"), "x", toy_registry, Progress())
    parted = carry_out_sweep(sweep(3), Path("parted"), "x", toy_registry, Progress())
    assert parted.trials == whole.trials
    assert Path("parted/comparison/scores.csv").read_text() == Path("whole/comparison/scores.csv").read_text()


def test_trials_that_fail_and_that_are_stopped_early(toy_registry, monkeypatch) -> None:
    """Neither keeps the others from being made; both are told with the reason, and neither wins."""
    from segkit.engine.trainer import Trainer

    monkeypatch.setattr(Search, "prunes", lambda self, number, scores: number == 1)
    begin = Trainer.begin_epoch
    made = []

    def fail(self: Trainer, epoch: int) -> None:
        made.append(epoch)
        if len(made) == 1:
            raise ZeroDivisionError("of a stranger")
        begin(self, epoch)

    monkeypatch.setattr(Trainer, "begin_epoch", fail)
    result = carry_out_sweep(sweep(3), Path("mixed"), "x", toy_registry, Progress())
    record = write_sweep(result, "x")
    assert record["states"] == {"failed": 1, "finished": 1, "pruned": 1}
    assert record["winner"]["trial"] == 2
    assert b"0,failed,," in Path("mixed/trials.csv").read_bytes()
    reasons = ["ZeroDivisionError: of a stranger", "stopped early: others were better at this epoch", ""]
    assert [trial.reason for trial in result.trials] == reasons
    assert all(reason in Path("mixed/report.html").read_text() for reason in reasons)


def test_a_full_disk_is_no_failed_trial(toy_registry, monkeypatch) -> None:
    """The sweep stops, says so, and the same command goes on with the trial."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "shared")

    with monkeypatch.context() as patched:
        patched.setattr("segkit.jobs.sweep.trial.run_job", full)
        with pytest.raises(SegkitError, match="shared: No space left on device; the same command goes on"):
            carry_out_sweep(sweep(1), Path("full"), "x", toy_registry, Progress())
    result = carry_out_sweep(sweep(1), Path("full"), "x", toy_registry, Progress())
    assert [trial.state for trial in result.trials] == ["finished"]


@pytest.mark.parametrize(
    ("said", "space", "told"),
    [
        ({}, ["arch.width=1..65"], "width='65'|width=65 is out of range"),
        ({}, ["arch.depth=1,2"], "has no 'depth'"),
        ({}, ["train.learning_rate=log:1e-4..1000"], "learning_rate=1000.0 is out of range"),
        ({"data.test": False}, SPACE, "compares on the test split; scored is val"),
        ({"data.val": False}, SPACE, "a sweep chooses on the validation split, and these data have none"),
        ({"evaluate.split": "val"}, SPACE, "compares on the test split; scored is val"),
        ({"train.selection": "nsd"}, SPACE, "train.selection=nsd is not among"),
    ],
)
def test_what_cannot_be_searched(toy_registry, said, space, told) -> None:
    """Told before anything is trained, and before a folder is made."""
    with pytest.raises(UsageError, match=told):
        carry_out_sweep(sweep(2, space, **said), Path("none"), "x", toy_registry, Progress())
    assert not Path("none").exists()


def test_cases_without_a_finite_score_are_worse_than_any_mean() -> None:
    """A trial that misses one tumour less is better, whatever the distance of those it finds."""
    few = {"val": {"hd95@store": 90.0}, "val_counts": {"hd95@store": {"n": 9, "failed": 1}}}
    many = {"val": {"hd95@store": 1.0}, "val_counts": {"hd95@store": {"n": 8, "failed": 2}}}
    none = {"val": {"hd95@store": None}, "val_counts": {"hd95@store": {"n": 0, "failed": 0}}}
    assert score_of(few, "hd95@store", higher=False) < score_of(many, "hd95@store", higher=False)
    assert score_of(none, "hd95@store", higher=False) is None
    assert score_of({}, "hd95@store", higher=False) is None


def test_planning_alone_trains_nothing(toy_registry) -> None:
    """The default is what holds without --vary."""
    assert plan_sweep(sweep(), toy_registry).config.flat()["arch.width"] == 6
