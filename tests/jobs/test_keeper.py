"""What training leaves on the disk, and that nothing is written any more once it is over."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine import state
from segkit.engine.progress import Progress
from segkit.engine.selection import Best
from segkit.errors import SegkitError
from segkit.jobs.keeper import forget_best
from segkit.jobs.run import run_job
from segkit.planning.plan import make_plan
from segkit.rundir import lock
from segkit.rundir.resume import open_run


@pytest.fixture(autouse=True)
def quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page out: drawing it takes longer than the toy run."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)


class Told(Progress):
    """Keeps the sentences."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def run(registry: Registry, folder: Path, *, resume: bool = False) -> Told:
    """Run the toy job, or go on in it, with a state after every step."""
    told = Told()
    stopped = open_run(folder) if resume else None
    flags = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "run.save_minutes": 0}
    layers = [Layer("flag", flags)] if stopped is None else [stopped.config]
    run_job(make_plan(layers, registry, {}), folder, told, stopped)
    return told


class TrainingError(Exception):
    """What training ends with."""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a step fail while the state of the step before it is being written."""

    def make(error: BaseException, at: int = 2) -> None:
        step, calls = state.Trainer.take_step, []

        def take_step(*args: object) -> object:
            calls.append(1)
            if len(calls) == at:
                raise error
            return step(*args)

        monkeypatch.setattr(state.Trainer, "take_step", take_step)

    return make


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("error", [TrainingError(), SegkitError("it diverges"), KeyboardInterrupt(), SystemExit(3)])
def test_no_state_is_written_once_the_lock_is_gone(
    toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing, error, resumed: bool
) -> None:
    """However training ends, the thread that writes its state ends first: another process may take the run next."""
    folder = tmp_path / "run"
    if resumed:
        with monkeypatch.context() as patch:
            patch.setattr(state.Trainer, "take_step", lambda *_: (_ for _ in ()).throw(TrainingError()))
            with pytest.raises(TrainingError):
                run(toy_registry, folder)
    failing(error, at=3)  # the first state is waited for, the second is written beside the third step
    over, written, whole = threading.Event(), threading.Semaphore(0), state.write_sealed
    begun, locked = [], []

    def slowly(*args: object) -> None:
        begun.append(1)
        over.wait(0.3)  # where nobody waits for it, training is over before
        whole(*args)
        locked.append(lock.is_being_written(folder))
        written.release()

    monkeypatch.setattr(state, "write_sealed", slowly)
    with pytest.raises(type(error)):
        run(toy_registry, folder, resume=resumed)
    over.set()
    assert all(written.acquire(timeout=30) for _ in begun)
    assert locked == [True, True]
    assert not lock.is_being_written(folder)


def test_a_state_that_cannot_be_written_when_training_fails_is_told(
    toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing
) -> None:
    """The fault of training is the error; the other one is a line before it, not swallowed."""
    failing(TrainingError(), at=3)
    whole, written = state.write_sealed, []

    def full(*args: object) -> None:
        if written:
            raise SegkitError("the disk is full", "make room")
        written.append(whole(*args))

    told = Told()
    monkeypatch.setattr(state, "write_sealed", full)
    flags = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "run.save_minutes": 0}
    with pytest.raises(TrainingError):
        run_job(make_plan([Layer("flag", flags)], toy_registry, {}), tmp_path / "run", told)
    assert told.lines[-1] == "the last state is not saved: the disk is full; make room"


def test_a_state_is_saved_anew_only_for_other_settings(
    toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing
) -> None:
    """A run that goes on as it was has its state already."""
    failing(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(toy_registry, tmp_path / "run")
    saved = []
    monkeypatch.setattr(state.StateWriter, "save", lambda _, trainer, __: saved.append(trainer.step))

    run(toy_registry, tmp_path / "run", resume=True)
    assert saved[0] == 2


def test_a_run_without_its_environment_says_what_is_not_known(toy_registry: Registry, tmp_path: Path, failing) -> None:
    """Where it goes on, too; a whole one says that alone."""
    failing(KeyboardInterrupt(), at=3)
    with pytest.raises(KeyboardInterrupt):
        run(toy_registry, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "bare")
    (tmp_path / "bare" / "environment.json").unlink()
    said = {name: run(toy_registry, tmp_path / name, resume=True).lines for name in ("run", "bare")}
    unknown = "environment.json is not there: whether versions and device are those of before is not known"
    assert [unknown in lines for lines in said.values()] == [False, True]
    assert all(any(line.startswith("resuming in epoch ") for line in lines) for lines in said.values())


def test_an_epoch_chosen_by_another_figure_is_chosen_anew() -> None:
    """Two figures cannot be compared; the last epoch's weights need none; after training there is nothing to choose."""
    told: list[str] = []
    best = Best()
    under_way, ended = ({"select": "overlap@store", "epoch": epoch, "epochs": 5} for epoch in (3, 6))
    trainer = SimpleNamespace(select=None, best=best, epoch=3)
    forget_best(trainer, under_way, told.append)
    forget_best(trainer, ended, told.append)
    assert (trainer.best, told) == (best, [])
    trainer.select = ("miss@store", False)
    with pytest.raises(SegkitError, match="chosen by overlap@store and cannot be chosen by miss@store any more"):
        forget_best(trainer, ended, told.append)
    assert trainer.best is best
    forget_best(trainer, under_way, told.append)
    assert trainer.best is not best
    forget_best(trainer, {**under_way, "select": None}, told.append)
    assert told == [
        "the epoch is chosen by miss@store from epoch 3 on: it was overlap@store before",
        "the epoch is chosen by miss@store from epoch 3 on: it was nothing before",
    ]
