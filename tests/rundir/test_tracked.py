"""What trackers are told: each epoch once, what exists alone, and nothing of the machine."""

from __future__ import annotations

import json

import pytest

from segkit.errors import SegkitError
from segkit.rundir.tracked import Tracked, epoch_figures, files_of, score_figures, shown_settings

SCORE = {"aggregation": "case_mean", "metric": "dice", "class": "lesion", "mean": 0.75, "ci_low": 0.5, "n": 9}


def history(folder, *epochs):
    """Write lines of history.jsonl."""
    lines = [json.dumps({"epoch": epoch, "loss": epoch / 4}) + "\n" for epoch in epochs]
    (folder / "history.jsonl").write_text("".join(lines))


def test_an_epoch_is_told_once_however_often_a_run_is_killed(tmp_path):
    """Told again it is left out; what was not told before the kill is made up for."""
    sent = []

    def send(figures, epoch):
        sent.append((epoch, figures["train/loss"]))

    Tracked(tmp_path, "t.json").begin("run-7")
    history(tmp_path, 1, 2, 3)
    Tracked(tmp_path, "t.json").tell({"epoch": 1, "loss": 0.25}, send)
    again = Tracked(tmp_path, "t.json")
    again.catch_up(send)
    again.tell({"epoch": 3, "loss": 9.0}, send)
    again.tell({"epoch": 4, "loss": 1.0}, send)
    assert sent == [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)]
    assert (Tracked(tmp_path, "t.json").id, Tracked(tmp_path, "t.json").epoch) == ("run-7", 4)


def test_an_epoch_that_could_not_be_sent_is_sent_later(tmp_path):
    """The tracker did not answer: the epoch does not count as told."""
    sent = []

    def refuse(figures, epoch):
        raise ConnectionError

    tracked = Tracked(tmp_path, "t.json")
    tracked.begin("run-7")
    history(tmp_path, 1)
    with pytest.raises(ConnectionError):
        tracked.catch_up(refuse)
    Tracked(tmp_path, "t.json").catch_up(lambda figures, epoch: sent.append(epoch))
    assert sent == [1]


def test_a_tracker_that_has_not_begun_is_told_nothing(tmp_path):
    """And nothing is written beside the run."""
    tracked = Tracked(tmp_path, "t.json")
    tracked.tell({"epoch": 1, "loss": 1.0}, lambda *_: pytest.fail("it has no run"))
    assert tracked.id is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"run": 7, "epoch": 1}', '{"run": "", "epoch": 1}', '{"run": "x"}'])
def test_a_damaged_file(tmp_path, text):
    """It is named, and nothing is taken from it."""
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(SegkitError, match=r"t\.json is damaged"):
        Tracked(tmp_path, "t.json")


def test_figures_that_do_not_exist_are_left_out():
    """Of an epoch and of the scores; pooled scores are none of these."""
    record = {"epoch": 1, "loss": 2, "terms": {"ce": 0.5}, "val": {"dice@store": None, "nsd@store": 0.25}}
    assert epoch_figures(record) == {"train/loss": 2.0, "train/ce": 0.5, "val/nsd@store": 0.25}
    assert epoch_figures({"epoch": 1, "val": None, "terms": None}) == {}
    summary = {"split": "test", "scores": [{**SCORE, "ci_high": None}, {**SCORE, "aggregation": "pooled"}]}
    expected = {"mean": 0.75, "ci_low": 0.5, "n": 9.0}
    assert score_figures(summary) == {f"scores/test/dice/lesion/{name}": value for name, value in expected.items()}
    assert score_figures({}) == {}


def test_settings_name_no_folder_of_the_machine(tmp_path):
    """Those of data and run are left out, another path is cut to its last part; nor is config.toml given away."""
    config = {"data.root": "/home/me/isic", "run.output": "/home/me/runs/a", "arch.weights": "/home/me/w.pt"}
    assert shown_settings({**config, "train.epochs": 3}) == {"arch.weights": "w.pt", "train.epochs": 3}
    for name in ("config.toml", "environment.json", "report.html", "cases.csv"):
        (tmp_path / name).touch()
    assert [path.name for path in files_of(tmp_path)] == ["report.html", "cases.csv"]
