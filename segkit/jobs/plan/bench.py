"""Measure a few steps of a run on training cases: with the run's own network, loss, batches and trainer."""

from __future__ import annotations

import gc
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from segkit.config import Kind, Layer
from segkit.data.in_time import read_case
from segkit.discovery import Registry
from segkit.engine.allocation import kept_for_reuse
from segkit.engine.cost import count_flops
from segkit.engine.device import choose_device, training_precision
from segkit.engine.distributed import Ranks
from segkit.engine.memory import available_memory, out_of_memory, peak_memory
from segkit.engine.preprocessing import Preprocessing
from segkit.engine.progress import Progress
from segkit.engine.scoring import score_cases
from segkit.engine.state import StateWriter
from segkit.engine.stop import StopRequest
from segkit.engine.trainer import Trainer
from segkit.engine.volumes import make_predictor
from segkit.errors import SegkitError
from segkit.jobs.job import Job
from segkit.jobs.plan.fingerprint import spread
from segkit.jobs.plan.limits import limited
from segkit.jobs.plan.probed import Machine, Probed, Settings
from segkit.jobs.run import start_job
from segkit.jobs.stores import open_stores
from segkit.jobs.train import make_preprocessing, make_trainer
from segkit.planning.build import build_model
from segkit.planning.plan import Plan, make_plan

PHOTOGRAPHS, VOLUMES = 32, 6
"""Training cases that steps are measured on."""
WARM = 2
"""Steps that are not counted: memory is taken, and kernels are chosen, in the first ones."""
FEW, MANY = (3, 3.0), (8, 10.0)
"""Steps that are timed at least, and the seconds after which no further one is begun."""
RESERVE = 0.08
"""Share over the probe's memory that a run is told to take: threads that read on, validation, the page. Of 1,120 MiB
that a small U-Net's run took, a probe took 1,092 (docs/benchmarks/plans.md)."""
SOURCE = "plan"


class InProcess:
    """Measures in this process.

    Args:
        given: what the user said; it goes before what is tried.
        scratch: an empty folder for the few cases that are trained on.
    """

    def __init__(self, given: Sequence[Layer], scratch: Path, registry: Registry) -> None:
        self.given = given
        self.scratch = scratch
        self.registry = registry
        self.selects = False

    def machine(self, settings: Settings) -> Machine:
        """Say where steps of some settings are measured."""
        run = self.plan_of(settings).config.run
        device = choose_device(run.device)
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
        threads = run.threads or torch.get_num_threads()
        return Machine(str(device), free or 0, threads, training_precision(device, run.autocast))

    def costs(self, listed: Sequence[Settings]) -> list[float]:
        """Return floating point operations of one sample's forward pass under some settings."""
        found = []
        for settings in listed:
            plan = self.plan_of(settings)
            with torch.random.fork_rng(devices=[]):
                found.append(float(count_flops(build_model(plan), plan.task.in_channels, plan.size)))
        return found

    def steps(self, settings: Settings, memory: int, *, whole: bool = False) -> Probed:
        """Take a few training steps that may take so many bytes."""
        plan = self.plan_of(settings)
        try:
            with limited(memory, choose_device(plan.config.run.device)):
                probed = self.measured(plan, whole=whole)
        except Exception as error:
            if not (out_of_memory(error) or (isinstance(error, SegkitError) and ran_out(error))):
                raise
            probed = Probed("memory")
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return replace(probed, failed="memory") if probed.memory > memory else probed

    def plan_of(self, settings: Settings) -> Plan:
        """Plan a run of some training cases alone: no other split is there to be looked at."""
        plan = make_plan([Layer(SOURCE, dict(settings), Kind.FILE), *self.given], self.registry)
        self.selects = plan.selects
        some = spread(plan.cases["train"], VOLUMES if plan.volumes else PHOTOGRAPHS)
        return replace(plan, cases={"train": some, "val": [], "test": []})

    def measured(self, plan: Plan, *, whole: bool) -> Probed:
        """Measure a plan's steps."""
        job = start_job(plan, Ranks(), Progress(), StopRequest(lambda _: None), None)
        stores = open_stores(job, self.scratch)
        preprocessing = make_preprocessing(plan, stores["train"], job.parts.measure)
        trainer = make_trainer(job, stores, preprocessing)
        with closing(StateWriter(self.scratch / "state", {})) as writer:
            save = partial(save_beside, writer, selects=self.selects) if whole else None
            seconds = step_seconds(trainer, job.device, *(MANY if whole else FEW), after_first=save)
            writer.wait()
        validate = self.predict_seconds(job, trainer, preprocessing.plain)
        return Probed(
            seconds=seconds,
            samples=trainer.batches.samples / len(plan.cases["train"]),
            validate=validate,
            predict=self.score_seconds(job, trainer, preprocessing) if whole else 0.0,
            parameters=job.parts.parameters,
            memory=int((1 + RESERVE) * memory_of(job)),
        )

    def predict_seconds(self, job: Job, trainer: Trainer, preprocessing: Preprocessing) -> float:
        """Predict one of the training cases, as validation does."""
        plan = job.plan
        predictor = make_predictor(
            trainer.current_model().eval(), plan.task, preprocessing, job.device, plan.config.run.autocast
        )
        sample = read_case(plan.reader, plan.cases["train"][len(plan.cases["train"]) // 2])
        begun = time.perf_counter()
        predictor.labels(sample.image, sample.shape, sample.spacing)
        return time.perf_counter() - begun

    def score_seconds(self, job: Job, trainer: Trainer, preprocessing: Preprocessing) -> float:
        """Read, predict and score one of the training cases, as the run does in the end: metrics take time, too."""
        plan, config = job.plan, job.plan.config
        model = trainer.current_model().eval()
        predictor = make_predictor(model, plan.task, preprocessing, job.device, config.run.autocast)
        case = plan.cases["train"][len(plan.cases["train"]) // 2]
        begun = time.perf_counter()
        score_cases(
            plan.reader,
            plan.data.full_name,
            [case],
            predictor,
            job.parts.metrics,
            predictions=None,
            workers=0,
            progress=Progress(),
            background=config.evaluate.background,
        )
        return time.perf_counter() - begun


def ran_out(error: SegkitError) -> bool:
    """Whether an error that people are told is that of memory that is not there."""
    cause = error.__cause__
    return cause is not None and out_of_memory(cause)


def memory_of(job: Job) -> int:
    """The largest amount of memory so far: of the device where it has its own, else of the process."""
    peak = peak_memory(job.device)
    found = peak["process"] if peak["device"] is None else peak["device"]
    return found or 0


def save_beside(writer: StateWriter, trainer: Trainer, *, selects: bool) -> None:
    """Save the state as a run does after every epoch, while the next steps are taken.

    It is copied, and copied once more as it is written (issue 28).

    Args:
        selects: the best epoch's weights are kept, too.
    """
    if selects:
        kept = {name: tensor.detach().clone() for name, tensor in trainer.current_model().state_dict().items()}
        trainer.best = replace(trainer.best, weights=kept)
    writer.save(trainer)


def step_seconds(
    trainer: Trainer,
    device: torch.device,
    least: int,
    limit: float,
    after_first: Callable[[Trainer], None] | None = None,
) -> float:
    """Return the median seconds of a training step with its data; the first steps of an epoch are not counted.

    Args:
        after_first: called once there has been a step, which is when an optimizer has a state.
    """
    wait: Callable[[], Any] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    times: list[float] = []
    with kept_for_reuse(device):
        trainer.model.train()
        trainer.learning.apply(trainer.model, trainer.trainable, 1)
        begun = time.perf_counter()
        for epoch in itertools.count():
            # A short epoch has nothing but a first step.
            skipped = WARM if epoch == 0 else min(1, trainer.batches.steps - 1)
            batches = trainer.batches.epoch(epoch)
            last = time.perf_counter()
            try:
                for place, batch in enumerate(batches):
                    trainer.take_step(batch)
                    wait()
                    if epoch == place == 0 and after_first is not None:
                        after_first(trainer)
                    now = time.perf_counter()
                    if place >= skipped:
                        times.append(now - last)
                    last = now
                    if len(times) >= least and now - begun > limit:
                        return statistics.median(times)
            finally:
                batches.close()
    raise AssertionError("epochs have no end")
