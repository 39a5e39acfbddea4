"""Searchers: values of every setting within its space, the same again in another process, and trials of any end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from segkit.contracts import SearchedSetting, StudyInfo, Trial
from segkit.jobs.sweep.space import value_text
from segkit.testing.causes import told
from segkit.testing.check import NotChecked, check, fail, listed
from segkit.testing.subjects import ComponentSubject

SETTINGS = (
    SearchedSetting("train.learning_rate", (), 1e-5, 1e-1, log=True),
    SearchedSetting("train.weight_decay", (), 0.0, 0.2),
    SearchedSetting("arch.width", (), 4, 32, whole=True),
    SearchedSetting("arch.norm", ("batch", "group", "none")),
)
TRIALS, EACH = 12, 5
"""Of the whole space, and of each setting alone."""
EPOCHS = 4
OTHER_ENDS = ("finished", "failed", "pruned")
"""How trials end in turn where not all come to their end."""
WORST, BEST = 0.2, 0.8
SEEDED = "draw from study.seed, the number and the trials that are given, and from nothing else"


@contextmanager
def study(
    subject: ComponentSubject,
    *,
    params: Any = None,
    settings: Sequence[SearchedSetting] = SETTINGS,
    higher: bool = True,
) -> Iterator[Callable[[], Any]]:
    """Yield what opens a searcher of one study, as every process of a sweep does."""
    with tempfile.TemporaryDirectory() as folder:
        info = StudyInfo(Path(folder), "check", tuple(settings), higher, 7)
        make = subject.factory(subject.params if params is None else params)
        if not callable(make):
            fail(f"the factory returned {type(make).__name__}", "return a function of one study")
        yield lambda: make(info)


def suggested(
    searcher: Any, number: int, trials: list[Trial], settings: Sequence[SearchedSetting] = SETTINGS
) -> dict[str, str]:
    """The values of a trial as text; fails where they are not of the space."""
    if not callable(getattr(searcher, "suggest", None)):
        fail(
            f"the function of a study returned {type(searcher).__name__}",
            "return an object with suggest(number, trials)",
        )
    kept = list(trials)
    values, names = searcher.suggest(number, trials), [setting.name for setting in settings]
    if trials != kept:
        fail("it changed the list of trials", "work on a copy: list(trials)")
    if not hasattr(values, "keys") or sorted(values) != sorted(names):
        fail(f"it gave {values!r}", f"return a dict with a value for each of {', '.join(names)}")
    for setting in settings:
        within(setting, values[setting.name])
    return {setting.name: value_text(setting, values[setting.name]) for setting in settings}


def within(setting: SearchedSetting, value: Any) -> None:
    """Fail where a value is none of a setting's."""
    if setting.choices:
        if str(value) not in setting.choices:
            fail(f"it gave {setting.name}={value!r}", f"return one of setting.choices: {', '.join(setting.choices)}")
        return
    try:
        number = float(value)
    except (TypeError, ValueError):
        fail(f"it gave {setting.name}={value!r}", "return a number where setting.choices is empty")
    if not setting.low <= number <= setting.high:
        fail(
            f"it gave {setting.name}={number:g}, which lies outside of {setting.low:g} to {setting.high:g}",
            "return a value between setting.low and setting.high, as it is even where setting.log says how to draw it",
        )
    if setting.whole and number != round(number):
        fail(f"it gave {setting.name}={number:g}", "return a whole number where setting.whole")


def ended(number: int, values: dict[str, str], state: str = "finished") -> Trial:
    """A trial with a score of each epoch that it came to; one that failed has none."""
    score = None if state == "failed" else WORST + (BEST - WORST) * (number % 5) / 4
    scores = (None, *[score] * (EPOCHS - 1 if state == "finished" else 1)) if score is not None else ()
    return Trial(number, values, state, score, scores)


def swept(
    opened: Callable[[], Any], *, anew: bool = False, reports: bool = False, states: Sequence[str] = ("finished",)
) -> list[Trial]:
    """Carry a study out.

    Args:
        anew: every trial is suggested and told by a searcher that knows no other.
        reports: epochs are told too: a check of its own, which others are not to fail for.
    """
    trials: list[Trial] = []
    searcher = opened()
    for number in range(TRIALS):
        trial = ended(number, suggested(searcher, number, trials), states[number % len(states)])
        if anew:
            searcher = opened()
        for count in range(1, len(trial.scores) if reports else 0):
            searcher.report(number, list(trial.scores[:count]))
        if callable(getattr(searcher, "tell", None)):
            searcher.tell(trial)
        trials.append(trial)
        if anew:
            searcher = opened()
    return trials


@check("searcher", "suggests", needs=["resolves"])
def suggests(subject: ComponentSubject) -> None:
    """Of ranges, orders of magnitude, whole numbers and choices it gives a value each, within the space."""
    for setting in SETTINGS:
        with study(subject, settings=(setting,)) as opened:
            searcher = opened()
            trials: list[Trial] = []
            for number in range(EACH):
                trials.append(ended(number, suggested(searcher, number, trials, (setting,))))
    with study(subject) as opened:
        swept(opened)


@check("searcher", "varies", needs=["suggests"])
def varies(subject: ComponentSubject) -> None:
    """Trials differ from each other."""
    with study(subject) as opened:
        trials = swept(opened)
    if all(trial.values == trials[0].values for trial in trials):
        fail(f"{TRIALS} trials all have {shown(trials[0])}", "let the values depend on the number or on the trials")


@check("searcher", "repeatable", needs=["suggests"])
def repeatable(subject: ComponentSubject) -> None:
    """The same seed and the same trials give the same suggestions, whatever else draws random numbers."""
    from segkit.testing.surroundings import seed_all, untouched

    with untouched():
        seed_all(1)
        with study(subject) as opened:
            first = swept(opened)
        seed_all(2)
        with study(subject) as opened:
            second = swept(opened)
    compare(first, second, f"of two sweeps of one seed trial {{number}} has {{one}} and {{other}}: {SEEDED}")


@check("searcher", "another-process", needs=["repeatable"])
def another_process(subject: ComponentSubject) -> None:
    """Opened anew for every trial, as by other processes and after a kill, it suggests what it would have."""
    with study(subject) as opened:
        whole = swept(opened)
    with study(subject) as opened:
        try:
            parted = swept(opened, anew=True)
        except Exception as error:
            fail(
                f"of a trial that another process was suggested: {told(error)}",
                "know trials from what is given or from study.folder: several processes share a study",
            )
    compare(whole, parted, f"opened anew trial {{number}} has {{other}}, otherwise {{one}}: {SEEDED}")


def compare(first: Sequence[Trial], second: Sequence[Trial], said: str) -> None:
    """Fail at the first trial that has other values; `said` is what was found and the way out."""
    found, mend = said.split(": ")
    for one, other in zip(first, second, strict=True):
        if one.values != other.values:
            fail(found.format(number=one.number, one=shown(one), other=shown(other)), mend)


def shown(trial: Trial) -> str:
    """A trial's values in a few words."""
    return listed([f"{name}={value}" for name, value in trial.values.items()])


@check("searcher", "asked-again", needs=["suggests"])
def asked_again(subject: ComponentSubject) -> None:
    """A trial that is asked for twice, since the process was killed just then, has the same values."""
    with study(subject) as opened:
        trials = [ended(0, suggested(opened(), 0, []))]
        first, again = (suggested(opened(), 1, trials) for _ in range(2))
    if first != again:
        fail(
            f"trial 1 has {shown(Trial(1, first))}, asked again {shown(Trial(1, again))}",
            "look whether the number was suggested before, or draw from seed and number",
        )


@check(
    "searcher", "ends", needs=["suggests"], raised="leave out trials whose score is None; each has a state of its own"
)
def ends(subject: ComponentSubject) -> None:
    """It goes on after trials that failed, were stopped, have no score, or are still carried out by others."""
    for higher in (True, False):
        with study(subject, higher=higher) as opened:
            trials = swept(opened, states=OTHER_ENDS)
            searcher = opened()
            running = [replace(trials[-1], number=TRIALS, state="running", score=None, scores=())]
            suggested(searcher, TRIALS + 1, [*trials, *running])
        with study(subject, higher=higher) as opened:
            swept(opened, states=("failed",))


@check("searcher", "stops", needs=["another-process"], raised="leave out epochs whose score is None")
def stops(subject: ComponentSubject) -> None:
    """Where it has `report`, that answers yes or no, takes epochs without a score, and never stops the best trial."""
    with study(subject) as opened:
        if not callable(getattr(opened(), "report", None)):
            raise NotChecked("it has no report: it stops no trial")
    for higher in (True, False):
        with study(subject, higher=higher) as opened:
            searcher, trials = opened(), swept(opened, anew=True, reports=True)
            suggested(searcher, TRIALS, trials)
            best = 2 * BEST if higher else WORST / 2
            for scores in ([None], [None, best], [None, best, best], [None, best, best, None]):
                answer = searcher.report(TRIALS, list(scores))
                if type(answer).__name__ not in ("bool", "bool_", "NoneType"):
                    fail(f"report answered {answer!r}", "return True where the trial is to stop, else False")
                if answer:
                    fail(
                        f"a trial with {scores} is stopped, the best of the others has {BEST if higher else WORST:g} "
                        f"and {'higher' if higher else 'lower'} scores are better",
                        "look at study.higher_is_better, and leave a trial that leads",
                    )
