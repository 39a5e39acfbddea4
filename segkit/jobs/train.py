"""The training stage of a job: batches, the loop, what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from segkit.data.batches import Batches
from segkit.data.case_maps import CaseMaps, open_case_maps
from segkit.data.normalize import Measure, make_normalization
from segkit.data.parts import Parts, covering, patch_parts, slice_parts
from segkit.data.resolution import Resolution
from segkit.data.roots import cache_folder
from segkit.data.store import Store
from segkit.data.store_build import digest
from segkit.data.volume_store import VolumeStore
from segkit.data.working_grid import TILES
from segkit.engine.answers import check_answers, check_outputs
from segkit.engine.checkpoint import save_model
from segkit.engine.distributed import Ranks
from segkit.engine.infer import Predictor
from segkit.engine.measure import ChosenMetric
from segkit.engine.memory import enough_memory
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.selection import Validation
from segkit.engine.trainer import Trainer
from segkit.engine.validate import validate_images, validate_volumes
from segkit.engine.volumes import VolumePredictor, make_predictor
from segkit.errors import UsageError
from segkit.jobs.folder import begin_training
from segkit.jobs.job import Job
from segkit.jobs.keeper import Keeper
from segkit.jobs.start import read_start
from segkit.jobs.stores import Stores
from segkit.planning.build import build_drawings
from segkit.planning.plan import Plan
from segkit.rundir.names import LONGER, MODEL, STATE_FOLDER
from segkit.rundir.resume import SETTINGS
from segkit.rundir.write import model_header
from segkit.settings import Augment, Train

FEW_STEPS_A_CLASS = 20
"""Below this a run is told to be short: a rule of thumb, under which 85 steps for 13 classes fall (issue 18)."""


@dataclass(frozen=True)
class Trained:
    """What training ends with.

    Attributes:
        predictor: the model to score.
        preprocessing: how it is given images.
        weights: which weights it has, in words.
        selected_on: the split by whose scores they were chosen; None for the last epoch's.
    """

    predictor: Predictor | VolumePredictor
    preprocessing: Preprocessing
    weights: str
    selected_on: str | None


def train_model(job: Job, stores: Stores) -> Trained:
    """Train; write history.jsonl as it goes.

    A resumed run goes on at its last saved step.
    """
    plan, config = job.plan, job.plan.config
    keeper = Keeper(job, identity(job.plan, stores))
    with job.clock("preparing"):
        preprocessing = make_preprocessing(plan, stores["train"], job.parts.measure)
        trainer = make_trainer(job, stores, preprocessing, keeper)
        keeper.restore(trainer)
    with keeper, job.stop.finishing_steps(), enough_memory(f"training on {job.device}", lighter(job)):
        keeper.hand_over(trainer)
        begin_training(job)
        keeper.begin(trainer)
        trainer.train()
    best, weights = trainer.finish()
    predictor = make_predictor(best.eval(), plan.task, preprocessing, job.device, config.run.autocast)
    selected_on = "val" if trainer.select is not None and trainer.best.weights else None
    return Trained(predictor, preprocessing, weights, selected_on)


def identity(plan: Plan, stores: Stores) -> dict[str, Any]:
    """What a resume state is of: the settings, and the cases of every split with the contents of those trained on."""
    told = {}
    for split, cases in plan.cases.items():
        ids = digest([[case.id, case.group] for case in cases])
        contents = stores[split].fingerprint if split in stores else ids
        told[f"data of split {split}"] = f"{len(cases)} cases ({contents[:16]})"
    return {**told, SETTINGS: plan.config.flat()}


def lighter(job: Job) -> str:
    """What can be done where training does not fit into memory."""
    train = job.plan.config.train
    parts = f"--set train.accumulate={2 * train.accumulate}"
    smaller = f"--batch-size {train.batch_size // 2}, or " if train.batch_size > 1 else ""
    found = f"segkit plan --data {job.plan.data.component.name} finds what fits"
    return f"give {smaller}{parts} (steps in more parts), or a smaller --size; {found}"


def make_trainer(
    job: Job,
    stores: Stores,
    preprocessing: Preprocessing,
    after_step: Callable[[Trainer], None] = lambda trainer: None,
) -> Trainer:
    """Return the trainer of a run that begins.

    Args:
        after_step: called between steps; what saves the state.
    """
    plan, config = job.plan, job.plan.config
    layout = torch.channels_last if plan.task.spatial_dims == 2 else torch.channels_last_3d
    model: nn.Module = job.parts.model.to(job.device).to(memory_format=layout)
    job.parts.objective.modules.to(job.device)
    settings = shared_settings(config.train, job.ranks)
    batches = make_batches(job, stores["train"], preprocessing, settings.batch_size, config.augment)
    tell_few_steps(job, batches.steps * settings.epochs)
    if settings.sync_batch_norm and job.ranks.several:
        model = synchronised(model, job, batches.samples, settings.batch_size)
    trainer = Trainer(
        model,
        job.parts.objective,
        batches,
        settings,
        config.run,
        job.device,
        validate=partial(validate_on, job, stores["val"], preprocessing) if "val" in stores else None,
        select=selection(plan, job.parts.metrics),
        progress=job.progress,
        after_step=after_step,
        ranks=job.ranks,
        clock=job.clock,
        parts=job.parts.training,
        learning=job.learning,
        check=partial(check_outputs, channels=plan.task.out_channels, name=plan.arch.full_name),
    )
    if job.resume is None:
        with enough_memory(f"one image on {job.device}", lighter(job)):
            check_answers(model, plan.task, plan.size, job.device, trainer.precision, plan.arch.full_name)
    return trainer


def tell_few_steps(job: Job, steps: int) -> None:
    """Say before training where it takes too few steps for so many classes."""
    classes = len(job.plan.task.classes)
    if classes > 1 and steps < FEW_STEPS_A_CLASS * classes:
        job.progress.message(
            f"note: {steps} training steps for {classes} classes are few: small ones may not be learnt; say --epochs"
        )


def shared_settings(settings: Train, ranks: Ranks) -> Train:
    """Return the settings of a step that several processes share; its size changes only where that was asked for."""
    if not settings.scale_with_ranks:
        return settings
    return replace(
        settings, batch_size=settings.batch_size * ranks.count, learning_rate=settings.learning_rate * ranks.count
    )


def synchronised(model: nn.Module, job: Job, samples: int, batch_size: int) -> nn.Module:
    """Make batch normalisation see the samples of every process; raises UsageError where one would have none."""
    if job.device.type != "cuda":
        raise UsageError(
            "train.sync_batch_norm: PyTorch has it on CUDA only", "leave it out, or take another normalisation"
        )
    last = samples % batch_size or batch_size
    if min(last, batch_size) < job.ranks.count:
        raise UsageError(
            f"train.sync_batch_norm: the last step of an epoch has {last} samples for {job.ranks.count} processes",
            "choose another --batch-size",
        )
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return converted


def make_preprocessing(plan: Plan, store: Store | VolumeStore, measure: Measure | None = None) -> Preprocessing:
    """Say how images are given to the network; the training split's store has the numbers that follow from data."""
    config = plan.config
    return Preprocessing(
        mode=str(config.data.mode),
        size=plan.size,
        normalization=make_normalization(config.data, store, measure),
        spacing=store.layout.spacing if store.volumes else None,
        resolution=Resolution.parse(config.data.resolution),
        slab=plan.slab,
        overlap=config.evaluate.overlap,
        mirror=config.evaluate.mirror,
        mirrored=config.augment.mirrored(plan.task.spatial_dims),
        turn=config.evaluate.turn,
        window=config.evaluate.window,
    )


def make_batches(
    job: Job,
    store: Store | VolumeStore,
    preprocessing: Preprocessing,
    batch_size: int,
    augment: Augment | None,
) -> Batches:
    """Return the batches of a store: its photographs, or parts of its volumes."""
    return Batches(
        store,
        parts=volume_parts(job.plan, store) if store.volumes else None,
        batch_size=batch_size,
        seed=job.plan.config.run.seed,
        augment=augment,
        normalization=preprocessing.normalization,
        device=job.device,
        workers=job.workers,
        part=(job.ranks.rank, job.ranks.count),
        clock=job.clock,
        sampler=job.parts.sampler,
        further=job.parts.augmentations,
        maps=case_maps(job, store) if augment is not None else None,
        drawings=build_drawings(job.plan) if augment is not None else None,
    )


def case_maps(job: Job, store: Store | VolumeStore) -> dict[str, CaseMaps]:
    """Open the maps of training cases that losses ask for, by loss."""
    return {
        term.label: open_case_maps(
            store, term.maker, job.plan.data.full_name, cache_folder() / "stores", max(1, job.workers)
        )
        for term in job.parts.objective.terms
        if term.maker is not None
    }


def volume_parts(plan: Plan, store: VolumeStore) -> Parts:
    """Choose which parts of volumes, or of photographs, an epoch consists of."""
    settings = plan.config.data
    if settings.mode in ("patches", TILES):
        return patch_parts(
            store,
            plan.size,
            per_case=settings.patches or (covering(store, plan.size) if settings.mode == TILES else None),
            foreground=settings.foreground,
            spacing=store.layout.spacing,
        )
    return slice_parts(store, slab=plan.slab, per_case=settings.patches, foreground=settings.foreground)


def validate_on(job: Job, store: Store | VolumeStore, preprocessing: Preprocessing, model: nn.Module) -> Validation:
    """Score a model on the validation split's working grid."""
    plan, config, metrics = job.plan, job.plan.config, job.parts.metrics
    predictor = make_predictor(model.eval(), plan.task, preprocessing.plain, job.device, config.run.autocast)
    if predictor.volumes:
        assert store.volumes
        return validate_volumes(
            store, predictor, metrics, config.evaluate.validation_cases, job.ranks, min(1, job.workers)
        )
    return validate_images(make_batches(job, store, preprocessing, 1, None), predictor, metrics, job.ranks)


def keep_model(job: Job, trained: Trained, stores: Stores, scores: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write model.safetensors: once when it is trained, again when its scores are known."""
    header = model_header(
        job.plan,
        trained.preprocessing,
        stores,
        trained.weights,
        scores,
        selected_on=trained.selected_on,
        trained_before=(read_start(job.folder) or {}).get("trained_on", ()),
    )
    save_model(job.folder / MODEL, trained.predictor.model, header)
    (job.folder / STATE_FOLDER / LONGER).unlink(missing_ok=True)


def selection(plan: Plan, metrics: Sequence[ChosenMetric]) -> tuple[str, bool] | None:
    """The validated figure that picks the best epoch; None where picking would be on the scored split."""
    if not plan.selects:
        return None
    wanted = plan.config.train.selection
    of_cases = [metric for metric in metrics if not metric.over_cases]
    for metric in of_cases:
        if wanted in (None, metric.name):
            return f"{metric.name}@store", metric.declaration.direction.higher
    known = ", ".join(metric.name for metric in of_cases)
    raise UsageError(f"train.selection={wanted} is not among the run's metrics of single cases", f"they are: {known}")
