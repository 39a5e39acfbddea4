"""The directory of a sweep: each trial is one process's at a time, and no other sweep's."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest

from segkit.contracts import SearchedSetting, StudyInfo, Trial
from segkit.errors import SegkitError
from segkit.jobs.sweep.search import Search
from segkit.jobs.sweep.space import RandomSearch
from segkit.jobs.sweep.study import Study, open_study

RATE = SearchedSetting("train.learning_rate", (), 1e-4, 1e-2, log=True)
FACTS = {"space": [{**vars(RATE), "choices": []}], "searcher": "random", "train.epochs": 3}


def study(folder, wanted=3, searcher=None) -> Study:
    """A study of one setting."""
    info = StudyInfo(folder, "x", (RATE,), True, 0)
    return Study(info, Search("x", searcher or RandomSearch(info), info), wanted)


def test_processes_share_the_trials(tmp_path) -> None:
    """Each holds its own; there are no more than are wanted."""
    with ExitStack() as held:
        numbers = []
        for _ in range(4):
            trial = held.enter_context(study(tmp_path).next_trial())
            numbers.append(None if trial is None else trial.number)
        assert numbers == [0, 1, 2, None]


def test_a_trial_of_a_process_that_is_gone_is_taken_up(tmp_path) -> None:
    """With its values, before a new one is made."""
    with study(tmp_path).next_trial() as left:
        pass
    with study(tmp_path).next_trial() as taken, study(tmp_path).next_trial() as new:
        assert taken == left
        assert new.number == 1


def test_ended_trials_stay_ended(tmp_path) -> None:
    """And one whose folder was removed is made anew, under its number."""
    own = study(tmp_path)
    for number in range(3):
        own.write(Trial(number, {RATE.name: "0.001"}, "finished", 0.5, (0.4, None, 0.5)))
    with own.next_trial() as none:
        assert none is None
    assert own.trials()[2].scores == (0.4, None, 0.5)
    (own.place(1) / "trial.json").unlink()
    with own.next_trial() as again:
        assert again.number == 1


def test_a_damaged_record(tmp_path) -> None:
    """It is named, with the way out."""
    own = study(tmp_path)
    own.write(Trial(0, {RATE.name: "0.001"}))
    (own.place(0) / "trial.json").write_text('{"number": 0')
    with pytest.raises(SegkitError, match=r"trial\.json is damaged: .*remove that trial's folder"), own.next_trial():
        pass


def test_two_sweeps_on_one_folder(tmp_path) -> None:
    """The same one joins; another space, other settings and anything else are refused."""
    folder = tmp_path / "sweep"
    open_study(folder, FACTS)
    open_study(folder, FACTS)
    other = [{**vars(replace(RATE, high=0.1)), "choices": []}]
    with pytest.raises(
        SegkitError, match=r"is a sweep of another space: train\.learning_rate=log:0\.0001\.\.0\.01; name"
    ):
        open_study(folder, {**FACTS, "space": other})
    with pytest.raises(SegkitError, match=r"is a sweep with other settings: train\.epochs was 3, is 5; name another"):
        open_study(folder, {**FACTS, "train.epochs": 5})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(SegkitError, match="already holds something else"):
        open_study(tmp_path / "full", FACTS)


class Odd:
    """A searcher that answers what it is told to."""

    def __init__(self, values: object) -> None:
        self.values = values

    def suggest(self, number, trials):
        """Return it, or raise it."""
        if isinstance(self.values, Exception):
            raise self.values
        return self.values


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, r"searcher x gave \{\} for train.learning_rate; report it"),
        ({"train.learning_rate": 0.001, "arch.width": 3}, "searcher x gave"),
        (None, "searcher x gave None"),
        (RuntimeError("connection refused"), "searcher x: suggest failed: RuntimeError: connection refused"),
    ],
)
def test_a_searcher_that_is_wrong(tmp_path, values, told) -> None:
    """What it answers is checked, and what it raises is told as its own; no trial is left behind."""
    with pytest.raises(SegkitError, match=told), study(tmp_path, searcher=Odd(values)).next_trial():
        pass
    assert study(tmp_path).trials() == []
