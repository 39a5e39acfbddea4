"""The training stage of a job: batches, the loop, what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from segkit.data.batches import Batches
from segkit.data.normalize import make_normalization
from segkit.data.store import Store
from segkit.engine.checkpoint import save_model
from segkit.engine.evaluate import validate
from segkit.engine.infer import Predictor
from segkit.engine.measure import ChosenMetric
from segkit.engine.state import load_state, save_state
from segkit.engine.train import Trainer
from segkit.errors import UsageError
from segkit.files import write_text
from segkit.plan import Plan
from segkit.record import history_line, model_header
from segkit.resume import STATE_FOLDER
from segkit.settings import Augment
from segkit.stage import Job


def train(job: Job, stores: Mapping[str, Store]) -> tuple[Predictor, str]:
    """Train; write history.jsonl as it goes.

    A resumed run goes on at its last saved step.

    Returns:
        The predictor to score, and which weights it has, in words.
    """
    plan, config = job.plan, job.plan.config
    normalization = make_normalization(config.data, stores["train"])
    layout = torch.channels_last if plan.task.spatial_dims == 2 else torch.channels_last_3d
    model: nn.Module = job.parts.model.to(job.device).to(memory_format=layout)

    def batches(split: str, batch_size: int, augment: Augment | None) -> Batches:
        return Batches(
            stores[split],
            batch_size=batch_size,
            seed=config.run.seed,
            augment=augment,
            normalization=normalization,
            device=job.device,
            workers=job.workers,
        )

    def predictor(model: nn.Module, *, mirror: bool) -> Predictor:
        return Predictor(model.eval(), plan.task, plan.size, normalization, job.device, config.run.autocast, mirror)

    def validate_store(model: nn.Module) -> dict[str, float]:
        return validate(batches("val", 1, None), predictor(model, mirror=False), job.parts.metrics)

    keeper = Keeper(job, {f"data of split {split}": store.fingerprint for split, store in stores.items()})
    trainer = Trainer(
        model,
        job.parts.objective,
        batches("train", config.train.batch_size, config.augment),
        config.train,
        config.run,
        job.device,
        validate=validate_store if "val" in stores else None,
        select=selection(plan, job.parts.metrics),
        progress=job.progress,
        after_step=keeper,
    )
    keeper.restore(trainer)
    with job.stop.finishing_steps():
        trainer.train()
    best, weights = trainer.finish()
    return predictor(best, mirror=config.evaluate.mirror), weights


def keep_model(
    job: Job,
    predictor: Predictor,
    stores: Mapping[str, Store],
    weights: str,
    scores: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write model.safetensors: once when it is trained, again when its scores are known."""
    header = model_header(job.plan, predictor.normalization, stores, weights, scores)
    save_model(job.folder / "model.safetensors", predictor.model, header)


class Keeper:
    """Saves the resume state after every epoch, every few minutes and when the run is to stop."""

    def __init__(self, job: Job, identity: Mapping[str, str]) -> None:
        self.job = job
        self.identity = identity
        self.folder = job.folder / STATE_FOLDER
        self.saved_at = time.monotonic()

    def __call__(self, trainer: Trainer) -> None:
        """Save where it is time to, and stop where that was asked for."""
        minutes = (time.monotonic() - self.saved_at) / 60
        epoch_ended = trainer.steps_in_epoch == 0
        if epoch_ended or self.job.stop.requested or minutes >= self.job.plan.config.run.save_minutes:
            save_state(self.folder, trainer, self.identity)
            self.saved_at = time.monotonic()
        if epoch_ended:
            self.write_history(trainer)
        if not trainer.finished:
            self.job.stop.check()

    def restore(self, trainer: Trainer) -> None:
        """Bring the trainer to the saved state of a run that is resumed, and say where it goes on."""
        resume = self.job.resume
        if resume is None:
            return
        if load_state(self.folder, trainer, self.identity, forced=resume.forced):
            self.job.progress.message(f"resuming in epoch {trainer.epoch} after step {trainer.step}")
        else:
            self.job.progress.message("resuming before the first saved step: training begins with step 1")
        self.write_history(trainer)

    def write_history(self, trainer: Trainer) -> None:
        """Write history.jsonl as the state has it."""
        write_text(self.job.folder / "history.jsonl", "".join(map(history_line, trainer.history)))


def selection(plan: Plan, metrics: Sequence[ChosenMetric]) -> tuple[str, bool] | None:
    """The validated figure that picks the best epoch; None where picking would be on the scored split."""
    if not plan.selects:
        return None
    wanted = plan.config.train.selection
    for metric in metrics:
        if wanted in (None, metric.name):
            return f"{metric.name}@store", metric.declaration.higher_is_better
    known = ", ".join(metric.name for metric in metrics)
    raise UsageError(f"train.selection={wanted} is not among the run's metrics", f"they are: {known}")
