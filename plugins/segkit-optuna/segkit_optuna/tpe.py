"""A study of Optuna that segkit's trials are told to, and that suggests their values."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from segkit import SearchedSetting, SegkitError, StudyInfo, Trial
from segkit_optuna.params import TpeParams

JOURNAL = "optuna.journal"
NUMBER, SPACE = "segkit_trial", "segkit_space"
STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def build(params: TpeParams) -> Callable[[StudyInfo], Tpe]:
    """Return what opens a study."""
    return lambda study: Tpe(study, params)


class Tpe:
    """The searcher; what Optuna draws follows from the seed, the trial's number and the trials before."""

    def __init__(self, info: StudyInfo, params: TpeParams) -> None:
        self.info, self.params = info, params
        self.space = {setting.name: distribution(setting) for setting in info.settings}
        logging.getLogger("optuna").setLevel(logging.WARNING)
        median = optuna.pruners.MedianPruner(n_startup_trials=params.startup, n_warmup_steps=params.warmup + 1)
        self.study = optuna.create_study(
            storage=self.storage(),
            study_name=info.name,
            direction="maximize" if info.higher_is_better else "minimize",
            pruner=median if params.pruner == "median" else optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        self.check_space()

    def storage(self) -> str | BaseStorage:
        """Where the study is kept: a file beside the trials, which all processes of the sweep see, or a database."""
        if self.params.storage is not None:
            return self.params.storage
        return JournalStorage(JournalFileBackend(str(self.info.folder / JOURNAL)))

    def check_space(self) -> None:
        """Raise SegkitError where the storage has a study of this name that looks for something else."""
        own = {name: repr(found) for name, found in self.space.items()}
        before = self.study.user_attrs.get(SPACE)
        if before is None and not self.study.get_trials(deepcopy=False):
            self.study.set_user_attr(SPACE, own)
        elif before != own:
            raise SegkitError(
                f"the storage has a study {self.info.name!r} of another space", "give this sweep another --name"
            )

    def suggest(self, number: int, trials: Sequence[Trial]) -> Mapping[str, Any]:
        """Return the values of a trial; those that it was given before where its process was killed just then."""
        self.add_missing(trials)
        known = self.find(number)
        if known is not None:
            return dict(known.params)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # Seeded by the trial, so that a sweep that was resumed draws what it would have drawn.
            self.study.sampler = optuna.samplers.TPESampler(
                seed=random.Random(f"{self.info.seed} {number}").getrandbits(32),
                n_startup_trials=self.params.startup,
                constant_liar=True,
            )
        trial = self.study.ask(self.space)
        trial.set_user_attr(NUMBER, number)
        return dict(trial.params)

    def add_missing(self, trials: Sequence[Trial]) -> None:
        """Tell the study of ended trials that it does not know: its file was removed, or never told."""
        known = {found.user_attrs.get(NUMBER): found for found in self.study.get_trials(deepcopy=False)}
        for trial in trials:
            if trial.number in known and trial.state in STATES:
                self.tell(trial)
            elif trial.state in STATES:
                self.study.add_trial(self.as_optunas(trial))

    def as_optunas(self, trial: Trial) -> FrozenTrial:
        """A trial that has ended, as the study holds it."""
        steps = {epoch: score for epoch, score in enumerate(trial.scores, start=1) if score is not None}
        return create_trial(
            state=STATES[trial.state],
            value=trial.score if trial.state != "failed" else None,
            params={setting.name: typed(setting, trial.values[setting.name]) for setting in self.info.settings},
            distributions=self.space,
            intermediate_values=steps,
            user_attrs={NUMBER: trial.number},
        )

    def report(self, number: int, scores: Sequence[float | None]) -> bool:
        """Keep the scores of the epochs so far, and say whether the trial falls behind."""
        found = self.find(number)
        if found is None:
            return False
        trial = optuna.trial.Trial(self.study, found._trial_id)
        for epoch, score in enumerate(scores, start=1):
            if score is not None and epoch not in found.intermediate_values:
                trial.report(score, epoch)
        return bool(trial.should_prune())

    def tell(self, trial: Trial) -> None:
        """Keep how a trial ended."""
        found = self.find(trial.number)
        if found is not None and not found.state.is_finished():
            value = trial.score if trial.state == "finished" else None
            self.study.tell(found.number, value, state=STATES[trial.state])

    def find(self, number: int) -> FrozenTrial | None:
        """Return the study's trial of a number; None where it has none."""
        trials = self.study.get_trials(deepcopy=False)
        return next((found for found in trials if found.user_attrs.get(NUMBER) == number), None)


def distribution(setting: SearchedSetting) -> BaseDistribution:
    """A setting as Optuna has it."""
    if setting.choices:
        return CategoricalDistribution(setting.choices)
    if setting.whole:
        return IntDistribution(int(setting.low), int(setting.high), log=setting.log)
    return FloatDistribution(setting.low, setting.high, log=setting.log)


def typed(setting: SearchedSetting, text: str) -> Any:
    """A value as Optuna has it."""
    return text if setting.choices else int(text) if setting.whole else float(text)
