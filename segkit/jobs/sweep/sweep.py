"""A whole sweep: trials until there are as many as wanted, then the best against the default on cases not chosen by."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segkit.config import Layer
from segkit.contracts import SearchedSetting, StudyInfo, Trial
from segkit.data.folders import locked
from segkit.declarations import Metric
from segkit.discovery import Found, Registry
from segkit.engine.progress import Progress
from segkit.errors import SegkitError, UsageError
from segkit.jobs.compare.compose import ComparisonResult, write_comparison
from segkit.jobs.compare.grid import Cell, TrainedGrid, launch_missing, plan_cell, train_missing
from segkit.jobs.events import Events
from segkit.jobs.launch.engine import Engine
from segkit.jobs.sweep.search import RANDOM, open_search
from segkit.jobs.sweep.space import ends_of
from segkit.jobs.sweep.study import FINISHED, LOCKS, RUN, RUNNING, Study, described, open_study
from segkit.jobs.sweep.trial import TrialProgress, carry_out_trial
from segkit.params import plain
from segkit.planning.plan import Plan, make_plan
from segkit.planning.source import Source
from segkit.rundir.allowances import MAY_DIFFER

COMPARISON = "comparison"
DEFAULT, WINNER = "default", "winner"
SOURCE = "--vary"


@dataclass(frozen=True)
class Sweep:
    """What is asked for.

    Attributes:
        layers: settings of all trials, as `segkit.planning.plan.make_plan` takes them.
        searcher: None for random values; with its params.
        trials: how many there are to be.
        seeds: how many trainings of default and winner are compared.
    """

    layers: Sequence[Layer]
    space: tuple[SearchedSetting, ...]
    searcher: Found | None
    params: Any
    trials: int
    seeds: int
    source: Source | None = None


@dataclass(frozen=True)
class SweepResult:
    """What came of a sweep.

    Attributes:
        elsewhere: trials that other processes work on: the last of them compares; then there is no comparison.
        comparison: default and winner on the test split; None where no trial has a score, or that failed.
    """

    folder: Path
    base: Plan
    figure: str
    higher: bool
    space: tuple[SearchedSetting, ...]
    searcher: str
    trials: tuple[Trial, ...]
    elsewhere: int = 0
    comparison: ComparisonResult | None = None
    failed: Mapping[str, str] | None = None

    @property
    def ranked(self) -> list[Trial]:
        """Finished trials, the best first; of equal ones the first."""
        found = [trial for trial in self.trials if trial.state == FINISHED and trial.score is not None]
        return sorted(found, key=lambda trial: -(trial.score or 0) if self.higher else (trial.score or 0))


def plan_sweep(sweep: Sweep, registry: Registry) -> Plan:
    """Resolve the default, and see that every value of the space is allowed, before anything is trained.

    Raises:
        UsageError: a value is outside of its limits or cannot be meant; there is nothing to choose or to score on.
    """
    base = make_plan(sweep.layers, registry, source=sweep.source)
    for setting in sweep.space:
        for value in ends_of(setting):
            make_plan([*sweep.layers, Layer(SOURCE, {setting.name: value})], registry, source=sweep.source)
    if not base.cases["val"]:
        raise UsageError(
            "a sweep chooses on the validation split, and these data have none", "deal one out: docs/labels.md"
        )
    if base.split != "test":
        raise UsageError(
            f"a sweep chooses on the validation split and compares on the test split; scored is {base.split}",
            "use data with a test split; without one the best of many tries would flatter itself",
        )
    return base


def figure_of(base: Plan) -> tuple[str, bool]:
    """The validated figure that trials are chosen by, and whether larger is better; raises UsageError."""
    wanted = base.config.train.selection
    declared = [found.component for found in base.metrics if isinstance(found.component, Metric)]
    of_cases = [metric for metric in declared if metric.over == "case"]
    chosen = next((metric for metric in of_cases if wanted in (None, metric.name)), None)
    if chosen is None:
        known = ", ".join(metric.name for metric in of_cases)
        raise UsageError(
            f"train.selection={wanted} is not among the run's metrics of single cases", f"they are: {known}"
        )
    if chosen.direction.target is not None:
        raise UsageError(
            f"{chosen.name} is best at {chosen.direction.target:g}: its mean says nothing of a trial",
            "name another --metric first, or train.selection",
        )
    return f"{chosen.name}@store", chosen.direction.higher


def carry_out_sweep(
    sweep: Sweep, folder: Path, name: str, registry: Registry, progress: Progress, engine: Engine | None = None
) -> SweepResult:
    """Make the trials that are not there yet, and compare; any number of processes may do so on one folder.

    Args:
        engine: what trains the final comparison; None: this process.

    Raises:
        UsageError, SegkitError: as `plan_sweep` and `open_study`.
        Stopped: by Ctrl-C or SIGTERM; the same call goes on where it was.
    """
    base = plan_sweep(sweep, registry)
    figure, higher = figure_of(base)
    info = StudyInfo(folder.absolute(), name, sweep.space, higher, base.config.run.seed)
    open_study(folder, facts_of(sweep, base, figure))
    study = Study(info, open_search(sweep.searcher, sweep.params, info), sweep.trials)
    make_trials(sweep, study, figure, registry, progress)
    trials = tuple(study.trials())
    searcher = RANDOM if sweep.searcher is None else sweep.searcher.full_name
    result = SweepResult(folder, base, figure, higher, sweep.space, searcher, trials)
    running = sum(trial.state == RUNNING for trial in trials)
    if running or not result.ranked:
        return replace(result, elsewhere=running)
    with locked(folder / LOCKS / COMPARISON):
        grid = train_both(sweep, result, registry, progress, engine)
        if len(grid.models) < 2:
            return replace(result, failed=grid.failed)
        compared = write_comparison(
            grid.models, folder / COMPARISON, f"{name}, test split", registry, tell=progress.message, failed=grid.failed
        )
        return replace(result, comparison=compared, failed=grid.failed)


def facts_of(sweep: Sweep, base: Plan, figure: str) -> dict[str, Any]:
    """What a sweep's trials depend on, as study.json holds it: the same for every process of it."""
    varied = {setting.name for setting in sweep.space}
    settings = base.config.flat()
    return {
        "format": 1,
        "space": [{**vars(setting), "choices": list(setting.choices)} for setting in sweep.space],
        "searcher": RANDOM if sweep.searcher is None else sweep.searcher.full_name,
        "figure": figure,
        **({} if sweep.params is None else searcher_facts(sweep.params)),
        **{key: value for key, value in settings.items() if key not in (*MAY_DIFFER, "run.name", "data.root", *varied)},
    }


def searcher_facts(params: Any) -> dict[str, Any]:
    """The params of a searcher but for addresses, which may hold a password and differ by machine."""
    return {f"searcher.{name}": value for name, value in plain(params).items() if "://" not in str(value)}


def make_trials(sweep: Sweep, study: Study, figure: str, registry: Registry, progress: Progress) -> None:
    """Make trials, one after the other, until none is left."""
    said: set[str] = set()
    while True:
        with study.next_trial() as trial:
            if trial is None:
                return
            told = ", ".join(f"{name}={value}" for name, value in trial.values.items())
            progress.message(f"[{trial.number + 1}/{study.wanted}] {told}")
            plan = plan_trial(sweep, trial, registry)
            shown = TrialProgress(progress, figure, study.info.higher_is_better, study.search, trial.number, said)
            events = Events(registry.manager, progress.message)
            try:
                ended = carry_out_trial(trial, plan, study.place(trial.number) / RUN, shown, events)
            except OSError as error:
                raise SegkitError(
                    f"{error.filename or study.folder}: {error.strerror}", "the same command goes on"
                ) from None
            study.search.tell(ended)
            study.write(ended)
            progress.message(f"[{trial.number + 1}/{study.wanted}] {outcome(ended, figure)}")
        # What one trial leaves behind must not count as memory of the next.
        gc.collect()


def outcome(trial: Trial, figure: str) -> str:
    """Say how a trial ended."""
    score = "" if trial.score is None else f"val/{figure} {trial.score:.4f}"
    return f"{trial.state}: {'; '.join(filter(None, (score, trial.reason)))}"


def plan_trial(sweep: Sweep, trial: Trial, registry: Registry) -> Plan:
    """Resolve a trial's run."""
    layers = [
        *sweep.layers,
        Layer(SOURCE, dict(trial.values)),
        Layer("segkit sweep", {"run.name": f"trial-{trial.number}"}),
    ]
    return make_plan(layers, registry, source=sweep.source)


def train_both(
    sweep: Sweep, result: SweepResult, registry: Registry, progress: Progress, engine: Engine | None
) -> TrainedGrid:
    """Train default and winner with seeds that no trial had."""
    first = result.base.config.run.seed + 1
    models: list[tuple[str, dict[str, Any]]] = [(DEFAULT, {}), (WINNER, dict(result.ranked[0].values))]
    cells: list[Cell] = [
        plan_cell(
            label,
            [*sweep.layers, Layer(SOURCE, values), Layer("--seeds", {"run.seed": seed})],
            seed,
            None,
            registry,
            None,
            sweep.source,
        )
        for label, values in models
        for seed in range(first, first + sweep.seeds)
    ]
    folder = result.folder / COMPARISON
    progress.message(f"comparing default and winner on the test split, {sweep.seeds} seeds each")
    if engine is not None:
        return launch_missing(cells, folder, progress, engine)
    return train_missing(cells, folder, progress, Events(registry.manager, progress.message))


def space_text(space: Sequence[SearchedSetting]) -> str:
    """The space as `--vary` takes it."""
    return " ".join(map(described, space))
