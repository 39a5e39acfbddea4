"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from segkit.contracts import Outputs
from segkit.data.batches import Batch, Batches
from segkit.engine.allocation import kept_for_reuse
from segkit.engine.average import WeightAverage
from segkit.engine.clock import OFF, Clock
from segkit.engine.compiled import compiled
from segkit.engine.device import autocast, training_precision
from segkit.engine.distributed import ALONE, Ranks
from segkit.engine.groups import Learning
from segkit.engine.objective import AUXILIARY, Given, Objective
from segkit.engine.progress import Progress
from segkit.engine.schedule import CORE_PARTS, EVERYTHING, BuiltParts, learning_rate, make_optimizer
from segkit.engine.selection import Best, Validation
from segkit.errors import SegkitError
from segkit.settings import Run, Train

Validate = Callable[[nn.Module], Validation]
Record = dict[str, Any]


class Trainer:
    """Finds the weights of one model.

    Args:
        model: on its device, as it comes from the architecture.
        batches: the training split.
        validate: scores a model on the validation split; None where there is none.
        select: name of the validated figure that picks the best epoch and whether higher is better;
            None where the last epoch's weights are taken.
        after_step: called between steps and after every epoch; may save the state and stop the run.
        ranks: the processes that share each step's samples; every one of them takes the same step.
        clock: told what each part of a step is.
        parts: optimizer and schedule of plugins.
        learning: which parameters learn how fast.
        check: raises where what the network answers to images is not what the objective takes.

    Attributes:
        step: steps taken in all.
        epoch: the epoch under way, counted from 1; `steps_in_epoch` of it are taken, of `samples_in_epoch` samples.
        labels: of the parts that the objective adds up from.
        sums: over `summed` samples of the epoch so far, of the loss and then of each term.
        seconds: in the steps of the epoch so far.
        history: one record per finished epoch.
        first_groups: what the optimizer's groups were built with.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        batches: Batches,
        settings: Train,
        run: Run,
        device: torch.device,
        *,
        validate: Validate | None,
        select: tuple[str, bool] | None,
        progress: Progress,
        after_step: Callable[[Trainer], None] = lambda trainer: None,
        ranks: Ranks = ALONE,
        clock: Clock = OFF,
        parts: BuiltParts = CORE_PARTS,
        learning: Learning = EVERYTHING,
        check: Callable[[Any, torch.Tensor], None] = lambda outputs, images: None,
    ) -> None:
        self.model = model
        self.objective = objective
        self.batches = batches
        self.settings = settings
        self.run = run
        self.device = device
        self.validate = validate
        self.select = select
        self.progress = progress
        self.after_step = after_step
        self.ranks = ranks
        self.clock = clock
        self.forward = compiled(model, run.compile)
        self.parts = parts
        self.learning = learning
        self.check = check
        self.trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.trained = nn.ModuleList([model, *objective.modules])
        self.optimizer = make_optimizer(model, settings, device, parts, learning, objective.modules.parameters())
        # The schedule is one for all: each group has its share of it.
        self.shares = [group["lr"] / settings.learning_rate for group in self.optimizer.param_groups]
        self.first_groups = [{**group, "params": ()} for group in self.optimizer.param_groups]
        self.average = WeightAverage(model, settings.average) if settings.average else None
        self.total_steps = settings.epochs * batches.steps
        self.best = Best()
        self.history: list[Record] = []
        self.step = 0
        self.precision = training_precision(device, run.autocast)
        # Loss scaling exists for float16's narrow range; it does nothing in other precisions.
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "float16")
        self.labels = [*(term.label for term in objective.terms), AUXILIARY]
        self.begin_epoch(1)

    def begin_epoch(self, epoch: int) -> None:
        """Set the sums of an epoch to nothing."""
        self.epoch = epoch
        self.steps_in_epoch = self.samples_in_epoch = self.summed = 0
        self.seconds = 0.0
        self.sums = torch.zeros(1 + len(self.labels), device=self.device)

    @property
    def finished(self) -> bool:
        """Whether every epoch is trained, or validation has not gained for as long as patience lasts."""
        return self.epoch > self.settings.epochs or self.out_of_patience

    @property
    def out_of_patience(self) -> bool:
        """Whether validation has not gained for `train.patience` epochs."""
        patience = self.settings.patience
        return patience is not None and self.best.epoch > 0 and self.epoch - 1 - self.best.epoch >= patience

    @property
    def place(self) -> float:
        """The place in the schedule, in steps; it follows the samples seen, so that an epoch that goes on with another
        batch size neither leaps nor passes the end (issue 17).
        """
        undisturbed = self.samples_in_epoch == self.steps_in_epoch * self.settings.batch_size
        share = self.samples_in_epoch / max(1, self.batches.samples)
        within = self.steps_in_epoch if undisturbed else self.batches.steps * min(1.0, share)
        return (self.epoch - 1) * self.batches.steps + within

    def train(self) -> None:
        """Train to the end from wherever the state is."""
        with kept_for_reuse(self.device):
            while not self.finished:
                self.take_steps()
                self.history.append(self.end_epoch())
                self.progress.epoch(self.history[-1], self.settings.epochs)
                self.begin_epoch(self.epoch + 1)
                self.after_step(self)
            if self.epoch <= self.settings.epochs:
                self.progress.message(
                    f"training ends after epoch {self.epoch - 1} of {self.settings.epochs}: validation has not gained "
                    f"for {self.settings.patience} epochs (train.patience)"
                )

    def take_steps(self) -> None:
        """Take the steps that remain of the epoch."""
        self.model.train()
        self.learning.apply(self.model, self.trainable, self.epoch)
        left = math.ceil(max(0, self.batches.samples - self.samples_in_epoch) / self.settings.batch_size)
        self.progress.start_epoch(self.epoch, self.settings.epochs, self.steps_in_epoch + left)
        self.progress.advance(self.steps_in_epoch)
        batches = self.batches.epoch(self.epoch - 1, self.samples_in_epoch)
        start = time.perf_counter()
        try:
            for batch in self.clock.over(batches, "waiting for data"):
                sums = self.take_step(batch)
                self.sums += sums
                self.steps_in_epoch += 1
                self.samples_in_epoch += batch.samples
                self.summed += batch.samples
                self.show_step(sums, batch.samples)
                self.clock.step()
                now = time.perf_counter()
                self.seconds, start = self.seconds + now - start, now
                if self.samples_in_epoch < self.batches.samples:
                    self.after_step(self)
        finally:
            batches.close()
            self.progress.finish()

    def end_epoch(self) -> Record:
        """Validate and return the epoch's record."""
        self.align()
        loss, terms = self.means(self.sums, self.summed)
        record: Record = {
            "epoch": self.epoch,
            "step": self.step,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.samples_in_epoch / self.seconds, 2),
            "learning_rate": self.optimizer.param_groups[0]["lr"] / self.shares[0],
            "loss": loss,
            "terms": terms,
        }
        if self.validate is not None:
            with self.clock("validation"):
                found = self.validate(self.current_model())
            record |= found.record()
            self.note_best(self.epoch, found)
        return record

    def show_step(self, sums: torch.Tensor, samples: int) -> None:
        """Show a step's loss on the CPU, where looking at it does not make a device wait."""
        looked_at = {"loss": self.means(sums, samples)[0]} if self.device.type == "cpu" else None
        self.progress.advance(1, looked_at)

    def means(self, sums: torch.Tensor, samples: int) -> tuple[float, dict[str, float]]:
        """Turn sums over samples into means; raises SegkitError naming the terms where the loss is not finite."""
        loss, *values = (value / samples if samples else math.nan for value in sums.tolist())
        means = dict(zip(self.labels, values, strict=True))
        if math.isfinite(loss):
            if not means[AUXILIARY]:
                del means[AUXILIARY]
            return loss, means
        bad = ", ".join(label for label, value in means.items() if not math.isfinite(value)) or "its sum"
        raise SegkitError(
            f"the loss became {loss} at step {self.step} ({bad})", "lower --lr, or leave train.gradient_clip on"
        )

    def take_step(self, batch: Batch) -> torch.Tensor:
        """Take one optimizer step; return the sums over its samples of the objective and then of each term."""
        rate = learning_rate(self.settings, self.place, self.total_steps, self.parts)
        for group, share in zip(self.optimizer.param_groups, self.shares, strict=True):
            group["lr"] = rate * share
        with self.clock("optimizer"):
            self.optimizer.zero_grad(set_to_none=True)
        self.ranks.seed_step(self.run.seed, self.step)
        sums = self.find_gradients(batch)
        with self.clock("optimizer"):
            if self.settings.gradient_clip is not None:
                self.scaler.unscale_(self.optimizer)
                nn.utils.clip_grad_norm_(self.trained.parameters(), self.settings.gradient_clip)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            if self.average is not None:
                self.average.update(self.model, self.step)
        self.step += 1
        return sums

    def find_gradients(self, batch: Batch) -> torch.Tensor:
        """Leave the gradient of the step's mean loss in the model; return the sums over its samples.

        Each rank adds up its own samples and divides by the number of all, so that the sum over the ranks is the mean
        however they are dealt out, a rank without any included.
        """
        own = len(batch.indices)
        part_size = max(1, math.ceil(own / self.settings.accumulate))
        sums = torch.zeros_like(self.sums)
        for start in range(0, own, part_size):
            masks = batch.masks[start : start + part_size]
            with self.clock("forward"), autocast(self.device, self.precision):
                images = batch.images[start : start + part_size]
                outputs: torch.Tensor | Outputs = self.forward(images)
            self.check(outputs, images)
            with self.clock("loss"):
                known = None if batch.annotated is None else batch.annotated[start : start + part_size]
                values, parts = self.objective(outputs, masks, known, self.given(batch, start, part_size))
            with self.clock("backward"):
                self.scaler.scale(values.sum() / batch.samples).backward()
            own_sums = [parts.get(label, torch.zeros_like(values)) for label in self.labels]
            sums += torch.stack([values.detach(), *own_sums]).float().sum(1)
        with self.clock("other ranks"):
            self.ranks.add_gradients(self.trained)
            return self.ranks.add(sums)

    def given(self, batch: Batch, start: int, count: int) -> Given:
        """What losses may ask for, of a part of a batch."""
        own = slice(start, start + count)
        maps = {name: found[own] for name, found in batch.maps.items()}
        return Given(self.epoch, self.settings.epochs, None if batch.spacing is None else batch.spacing[own], maps)

    def current_model(self) -> nn.Module:
        """The model that is validated and saved: the running average of the weights where there is one."""
        return self.average.model if self.average is not None else self.model

    def align(self) -> None:
        """Give every rank the weights and buffers of the first, whose batch normalisation has seen other samples."""
        self.ranks.copy_from_first(self.trained)
        if self.average is not None:
            self.ranks.copy_from_first(self.average.model)

    def note_best(self, epoch: int, found: Validation) -> None:
        """Keep the weights where this epoch is the best so far by the selection metric."""
        if self.select is None:
            return
        name, higher_is_better = self.select
        if self.best.beaten_by(found.figures[name], higher_is_better):
            weights = {key: tensor.detach().clone() for key, tensor in self.current_model().state_dict().items()}
            self.best = Best(epoch, found.figures[name], weights)

    def finish(self) -> tuple[nn.Module, str]:
        """Return the model to score, in eval mode, and which weights it has, in words."""
        model = self.current_model().eval()
        if self.select is None or not self.best.weights:
            return model, "last epoch"
        model.load_state_dict(self.best.weights)
        return model, self.best.described(self.select[0])
