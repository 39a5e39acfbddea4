"""Suggestions repeat, nothing is lost or made twice, and what falls behind is stopped."""

import math

import pytest

pytest.importorskip("optuna")
pytest.importorskip("segkit_optuna")

import optuna

from segkit import SearchedSetting, SegkitError, StudyInfo, Trial
from segkit.jobs.sweep.space import RandomSearch
from segkit_optuna.params import TpeParams
from segkit_optuna.tpe import JOURNAL, build

RATE = SearchedSetting("train.learning_rate", (), 1e-5, 1e-1, log=True)
WIDTH = SearchedSetting("arch.width", (), 4, 32, whole=True)
NORM = SearchedSetting("arch.norm", ("batch", "instance"))


def study(folder, seed=0, settings=(RATE,), name="study", **params):
    """Open a study."""
    return build(TpeParams(**params))(StudyInfo(folder, name, tuple(settings), True, seed))


def quality(values) -> float:
    """Best at a learning rate of 3e-3, and there 1."""
    return math.exp(-((math.log10(float(values["train.learning_rate"])) - math.log10(3e-3)) ** 2))


def made(searcher, trials, count, quality=quality):
    """Make trials until there are so many."""
    for number in range(len(trials), count):
        values = {name: str(value) for name, value in searcher.suggest(number, trials).items()}
        trials.append(Trial(number, values, "finished", quality(values)))
        if hasattr(searcher, "tell"):
            searcher.tell(trials[-1])
    return trials


def test_it_finds_an_optimum(tmp_path):
    """Of 25 trials the last ten lie nearer to it than the first eight, which are random."""
    trials = made(study(tmp_path), [], 25)
    scores = [trial.score for trial in trials]
    assert sum(scores[-10:]) / 10 > sum(scores[:8]) / 8
    assert max(scores) > 0.98


def test_a_planted_optimum_is_found_whatever_the_seed(tmp_path):
    """Rate and decay of the best of 25 trials within a factor of two, over four and five orders: random seldom does."""
    planted = {"train.learning_rate": 3e-3, "train.weight_decay": 1e-4}
    decay = SearchedSetting("train.weight_decay", (), 1e-6, 1e-1, log=True)

    def distance(values, name) -> float:
        return abs(math.log10(float(values[name]) / planted[name]))

    def found(searcher) -> bool:
        def planted_quality(values) -> float:
            return math.exp(-sum(distance(values, name) ** 2 for name in planted))

        trials = made(searcher, [], 25, planted_quality)
        best = max(trials, key=lambda trial: trial.score)
        return all(distance(best.values, name) < math.log10(2) for name in planted)

    places = [tmp_path / str(seed) for seed in range(10)]
    for place in places:
        place.mkdir()
    assert sum(found(study(place, seed, (RATE, decay))) for seed, place in enumerate(places)) >= 9
    drawn = [RandomSearch(StudyInfo(place, "study", (RATE, decay), True, seed)) for seed, place in enumerate(places)]
    assert sum(map(found, drawn)) == 4


def test_resumed_it_draws_the_same(tmp_path):
    """Opened anew after every trial, and with its file removed, it suggests what it would have."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "parted").mkdir()
    (tmp_path / "lost").mkdir()
    whole = made(study(tmp_path / "whole"), [], 14)
    parted, lost = [], []
    for count in range(1, 15):
        made(study(tmp_path / "parted"), parted, count)
    made(study(tmp_path / "lost"), lost, 12)
    (tmp_path / "lost" / JOURNAL).unlink()
    made(study(tmp_path / "lost"), lost, 14)
    assert parted == whole
    assert lost == whole


def test_a_trial_that_was_asked_for_is_given_again(tmp_path):
    """Killed between asking and writing it down, the next process gets the same values, and no second trial."""
    first = study(tmp_path).suggest(0, [])
    again = study(tmp_path)
    assert again.suggest(0, []) == first
    assert len(again.study.get_trials()) == 1


def test_every_kind_of_setting(tmp_path):
    """Ranges, whole numbers and choices stay what they are."""
    values = study(tmp_path, settings=(RATE, WIDTH, NORM)).suggest(0, [])
    assert 1e-5 <= values["train.learning_rate"] <= 1e-1
    assert isinstance(values["arch.width"], int)
    assert values["arch.norm"] in NORM.choices


def test_what_falls_behind_is_stopped(tmp_path):
    """After the warm-up, below the median of the others; without a pruner never."""
    for pruner, stopped in (("median", True), ("none", False)):
        folder = tmp_path / pruner
        folder.mkdir()
        searcher = study(folder, startup=2, warmup=1, pruner=pruner)
        for number in range(3):
            searcher.suggest(number, [])
            assert not searcher.report(number, [0.5])
            assert not searcher.report(number, [0.5, 0.6, 0.8])
            searcher.tell(Trial(number, {}, "finished", 0.8))
        searcher.suggest(3, [])
        assert not searcher.report(3, [0.1])
        assert searcher.report(3, [0.1, None]) is False
        assert searcher.report(3, [0.1, None, 0.2]) is stopped
        searcher.tell(Trial(3, {}, "pruned", 0.2))
        assert searcher.study.get_trials()[-1].state.name == "PRUNED"


def test_any_storage_by_its_address(tmp_path):
    """A database holds the study under the sweep's name; one of another space under that name is refused."""
    pytest.importorskip("sqlalchemy")
    address = f"sqlite:///{tmp_path / 'study.db'}"
    made(study(tmp_path, storage=address), [], 3)
    assert not (tmp_path / JOURNAL).exists()
    assert len(optuna.load_study(study_name="study", storage=address).get_trials()) == 3
    with pytest.raises(SegkitError, match="the storage has a study 'study' of another space"):
        study(tmp_path, storage=address, settings=(WIDTH,))
    study(tmp_path, storage=address, settings=(WIDTH,), name="other")
