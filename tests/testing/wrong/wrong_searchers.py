"""Searchers that are each wrong in one way."""

from __future__ import annotations

import random

from wrong import Table

SEARCHERS = Table()


class Right:
    """Values drawn by seed and number."""

    def __init__(self, study):
        self.study = study

    def draw(self, number):
        """The generator of a trial."""
        return random.Random(f"{self.study.seed} {number}")

    def value(self, setting, draw):
        """A value of a setting."""
        if setting.choices:
            return draw.choice(setting.choices)
        if setting.whole:
            return draw.randint(int(setting.low), int(setting.high))
        low, high = setting.low, setting.high
        return low * (high / low) ** draw.random() if setting.log else draw.uniform(low, high)

    def suggest(self, number, trials):
        """Values of all settings."""
        draw = self.draw(number)
        return {setting.name: self.value(setting, draw) for setting in self.study.settings}


def searcher(check, says, *also):
    """Register a class."""

    def register(kind):
        def build(params):
            return kind

        build.__name__ = kind.__name__
        SEARCHERS.add(check, says, *also)(build)
        return kind

    return register


@searcher("suggests", "return a dict with a value for each of")
class ValuesInARow(Right):
    def suggest(self, number, trials):
        return list(super().suggest(number, trials).values())


@searcher("suggests", "return a dict with a value for each of")
class ShortNames(Right):
    def suggest(self, number, trials):
        return {name.split(".")[1]: value for name, value in super().suggest(number, trials).items()}


@searcher("suggests", "return one of setting.choices")
class NumberOfTheChoice(Right):
    def value(self, setting, draw):
        return draw.randrange(len(setting.choices)) if setting.choices else super().value(setting, draw)


@searcher("suggests", "as it is even where setting.log")
class ExponentInsteadOfValue(Right):
    def value(self, setting, draw):
        return draw.uniform(-5, -1) if setting.log else super().value(setting, draw)


@searcher("suggests", "where setting.whole")
class HalfALayer(Right):
    def value(self, setting, draw):
        return draw.randrange(8, 63) / 2 if setting.whole else super().value(setting, draw)


@searcher("suggests", "which lies outside of 4 to 32")
class OneTooMany(Right):
    def value(self, setting, draw):
        return int(setting.high) + 1 if setting.whole else super().value(setting, draw)


@searcher("suggests", "return a number where setting.choices is empty")
class NoneForADefault(Right):
    def value(self, setting, draw):
        return super().value(setting, draw) if setting.choices or setting.log else None


@searcher("suggests", "work on a copy")
class SortsTheTrials(Right):
    def suggest(self, number, trials):
        trials.sort(key=lambda trial: -trial.number)
        return super().suggest(number, trials)


@searcher("suggests", "an object with suggest")
class AFunctionAlone(Right):
    def __new__(cls, study):
        return lambda number, trials: {}


@searcher("varies", "depend on the number or on the trials")
class TheSameAgain(Right):
    def draw(self, number):
        return random.Random(self.study.seed)


@searcher("repeatable", "from nothing else", "asked-again")
class EverybodysGenerator(Right):
    def draw(self, number):
        return random


@searcher("another-process", "from nothing else")
class CountsForItself(Right):
    def __init__(self, study):
        super().__init__(study)
        self.random = random.Random(study.seed)

    def draw(self, number):
        return self.random


@searcher("another-process", "several processes share a study")
class KnowsItsOwnTrialsAlone(Right):
    def __init__(self, study):
        super().__init__(study)
        self.given = {}

    def suggest(self, number, trials):
        self.given[number] = super().suggest(number, trials)
        return self.given[number]

    def tell(self, trial):
        del self.given[trial.number]


@searcher("asked-again", "suggested before", "repeatable", "another-process")
class WritesDownWhatItAsked(Right):
    def draw(self, number):
        log = self.study.folder / "asked.txt"
        asked = len(log.read_text()) if log.exists() else 0
        log.write_text("x" * (asked + 1))
        return random.Random(f"{self.study.seed} {asked}")


@searcher("ends", "in wrong_searchers.py line")
class NearTheBest(Right):
    def draw(self, number):
        return random.Random(f"{self.study.seed} {number} {self.best}")

    def suggest(self, number, trials):
        self.best = max((trial.score for trial in trials), default=0)
        return super().suggest(number, trials)


@searcher("stops", "return True where the trial is to stop")
class AnswersInWords(Right):
    def report(self, number, scores):
        return "go on"


@searcher("stops", "study.higher_is_better")
class LowerIsBetter(Right):
    def report(self, number, scores):
        return any(score is not None and score > 0.9 for score in scores)


@searcher("stops", "in wrong_searchers.py line")
class EveryEpochHasAScore(Right):
    def report(self, number, scores):
        return max(scores) < 0
