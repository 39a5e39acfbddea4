"""What training leaves on the disk as it goes: the state to resume from, and the history."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self

from segkit.engine.checkpoint import read_model
from segkit.engine.schedule import learning_rate
from segkit.engine.selection import Best
from segkit.engine.state import StateWriter, is_trained, load_state
from segkit.engine.trainer import Trainer
from segkit.errors import SegkitError
from segkit.files import write_json, write_text
from segkit.jobs.job import Job
from segkit.rundir.names import CASES, HISTORY, LONGER, MODEL, REPORT, STATE_FOLDER, SUMMARY
from segkit.rundir.read import read_history
from segkit.rundir.resume import Resume
from segkit.rundir.write import history_line


class Keeper:
    """Saves the resume state after every epoch, every few minutes and when the run is to stop.

    As a context: however the block ends, nothing is being written any more once it has, for the run's lock goes next.

    Attributes:
        others: whether the state that was found is of other settings than the run goes on with.
    """

    def __init__(self, job: Job, identity: Mapping[str, Any]) -> None:
        self.job = job
        self.folder = job.folder / STATE_FOLDER
        self.writer = StateWriter(self.folder, identity)
        self.saved_at = time.monotonic()
        self.others = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self.wait()
        except SegkitError as failure:
            if error is None:
                raise
            self.job.progress.message(f"the last state is not saved: {failure}")
        finally:
            self.writer.close()

    def hand_over(self, trainer: Trainer) -> None:
        """Of a run that goes on longer: keep the state that it goes on from, and write down that it does.

        Before its config asks for more epochs: killed in between, it would be a finished run of epochs that it never
        had (issue 21).
        """
        longer = self.job.resume is not None and self.job.resume.longer
        if not (longer and trainer.step and self.job.ranks.leads):
            return
        self.writer.save(trainer, self.job.spent())
        self.wait()
        self.others = False
        write_json(self.folder / LONGER, {"epochs": trainer.settings.epochs})

    def begin(self, trainer: Trainer) -> None:
        """Write down where a resumed run goes on, before its first step.

        With other settings the state is saved anew: they were allowed once, and a run that is killed before its next
        state must not ask for it again (issue 17). So is one of a run that starts from weights, which may be gone when
        it is gone on with.
        """
        if not self.job.ranks.leads or not (trainer.step or self.job.started):
            return
        if self.others or self.job.started:
            self.writer.save(trainer, self.job.spent())
            self.wait()
        if trainer.step:
            self.write_history(trainer)
        if self.job.resume is not None and self.job.resume.longer:
            # Of the shorter training. Its model stays until there is another one.
            for name in (SUMMARY, CASES, REPORT):
                (self.job.folder / name).unlink(missing_ok=True)

    def __call__(self, trainer: Trainer) -> None:
        """Save where it is time to, and stop where that was asked for."""
        ranks, stop = self.job.ranks, self.job.stop
        minutes = (time.monotonic() - self.saved_at) / 60
        epoch_ended = trainer.steps_in_epoch == 0
        due = ranks.any(stop.requested or minutes >= self.job.plan.config.run.save_minutes)
        if epoch_ended or due:
            trainer.align()
            if ranks.leads:
                with self.job.clock("saving the state"):
                    self.writer.save(trainer, self.job.spent())
                self.write_history(trainer)
            self.saved_at = time.monotonic()
        if epoch_ended:
            with self.job.clock("events"):
                # As history.jsonl holds it: a figure that is no number is None there.
                self.job.events.epoch_ended(json.loads(history_line(trainer.history[-1])))
        if due and not trainer.finished and ranks.any(stop.requested):
            self.wait()
            stop.check(elsewhere=True)

    def wait(self) -> None:
        """Return once what was saved is on the disk."""
        with self.job.clock("saving the state"):
            self.writer.wait()

    def restore(self, trainer: Trainer) -> None:
        """Bring the trainer to the saved state of a run that is resumed, and say where it goes on."""
        resume, tell = self.job.resume, self.job.progress.message
        if resume is None:
            return
        header = load_state(self.folder, trainer, partial(check_state, resume, self.writer.identity))
        if header is None and resume.longer and (self.job.folder / MODEL).is_file():
            self.others = True
            go_on_from_model(self.job, trainer)
            return
        if header is None:
            tell("resuming before the first saved step: training begins with step 1")
            return
        self.job.add_spent(header["spent"])
        self.others = header["identity"] != self.writer.identity
        if resume.environment is None:
            tell("environment.json is not there: whether versions and device are those of before is not known")
        tell(f"resuming in epoch {trainer.epoch} after step {trainer.step}")
        if header["epochs"] != trainer.settings.epochs:
            tell(schedule_sentence(trainer, header["epochs"]))
        if header["select"] != (trainer.select and trainer.select[0]):
            forget_best(trainer, header, tell)

    def write_history(self, trainer: Trainer) -> None:
        """Write history.jsonl, never before there is a state: where the one is without the other, a state was lost."""
        path = self.job.folder / HISTORY
        if not path.exists():
            self.wait()
        write_text(path, "".join(map(history_line, trainer.history)))


def go_on_from_model(job: Job, trainer: Trainer) -> None:
    """Go on with a finished run whose state was not kept: with its model's weights and a new optimizer, as is said."""
    weights, header = read_model(job.folder / MODEL)
    trainer.model.load_state_dict(weights)
    if trainer.average is not None:
        trainer.average.model.load_state_dict(weights)
    trainer.history = read_history(job.folder / HISTORY)
    before = len(trainer.history)
    trainer.step = before * trainer.batches.steps
    trainer.begin_epoch(before + 1)
    job.progress.message(
        f"going on after epoch {before} from the model ({header.get('weights')}): the state was not kept "
        "(run.keep_state), so the optimizer starts anew, and the epoch is chosen among those to come"
    )
    job.progress.message(schedule_sentence(trainer, before))


def schedule_sentence(trainer: Trainer, before: int) -> str:
    """Say what the schedule makes of more epochs than a run was to have."""
    settings, steps = trainer.settings, trainer.batches.steps
    now = learning_rate(settings, trainer.place, trainer.total_steps, trainer.parts)
    shorter = replace(settings, epochs=before)
    then = learning_rate(shorter, min(trainer.place, before * steps), before * steps, trainer.parts)
    return (
        f"schedule: {settings.schedule} over {settings.epochs} epochs in all, not {before}: the learning rate goes on "
        f"at {now:.3g}, where it would have been {then:.3g}"
    )


def check_state(resume: Resume, now: Mapping[str, Any], header: Mapping[str, Any]) -> None:
    """Raise SegkitError where a state is not to be gone on with."""
    resume.check_state(header["identity"], now, trained=is_trained(header))


def forget_best(trainer: Trainer, header: Mapping[str, Any], tell: Callable[[str], None]) -> None:
    """Choose the epoch anew where another figure chooses it than before: the two cannot be compared.

    Raises:
        SegkitError: training is over, so that there is no epoch left to choose.
    """
    if trainer.select is None:
        return  # the last epoch's weights are taken
    name = trainer.select[0]
    if is_trained(header):
        raise SegkitError(
            f"the epoch was chosen by {header['select'] or 'nothing'} and cannot be chosen by {name} any more",
            "start a new run, or leave the selection as it was",
        )
    trainer.best = Best()
    tell(f"the epoch is chosen by {name} from epoch {trainer.epoch} on: it was {header['select'] or 'nothing'} before")
