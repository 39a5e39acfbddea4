"""The resume state: all that a training run is at one step, in one file that is replaced whole."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from segkit.engine.sealed import DamagedFileError, portable, read_sealed, write_sealed
from segkit.engine.selection import Best, Figure
from segkit.engine.trainer import Trainer
from segkit.errors import SegkitError
from segkit.files import remove_parts, whole_folder

FORMAT = 3
NAME = "state.safetensors"
KEY = "segkit-state"

KEPT = (bool, int, float, str, type(None))
"""What an optimizer may keep besides tensors."""

Check = Callable[[Mapping[str, Any]], None]


class StateWriter:
    """Writes one state after the other into a folder, in a thread beside the training that goes on.

    What is written is the state at the call. A failure comes up at the next call, `wait` included.

    Args:
        identity: what must be equal when a state is loaded again, such as the fingerprint of the data.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self.identity = identity
        self._thread = ThreadPoolExecutor(1, "state")
        self._writing: Future[None] | None = None

    def save(self, trainer: Trainer, spent: Mapping[str, float] | None = None) -> None:
        """Copy the trainer's state, and have it take the place of the one before in the folder.

        Args:
            spent: seconds that the run has taken so far, by stage.
        """
        self.wait()
        copied = portable(dict(tensors(trainer)))
        header = {**copy.deepcopy(make_header(trainer, self.identity)), "spent": dict(spent or {})}

        def write() -> None:
            if self.folder.exists():
                remove_parts(self.folder)
                write_sealed(self.folder / NAME, KEY, header, copied)
                return
            # Folder and file appear at once: the folder without the file is a state that was lost, never one to come.
            with whole_folder(self.folder) as part:
                write_sealed(part / NAME, KEY, header, copied)

        self._writing = self._thread.submit(write)

    def wait(self) -> None:
        """Return once the last state is in the folder; raises SegkitError where it could not be written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        """End the thread once what it writes is on the disk."""
        self._thread.shutdown()


def make_header(trainer: Trainer, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a state holds besides tensors."""
    return {
        "format": FORMAT,
        "identity": identity,
        "step": trainer.step,
        "epoch": trainer.epoch,
        "epochs": trainer.settings.epochs,
        "trained": trainer.finished,
        "steps_in_epoch": trainer.steps_in_epoch,
        "samples_in_epoch": trainer.samples_in_epoch,
        "summed": trainer.summed,
        "labels": trainer.labels,
        "select": None if trainer.select is None else trainer.select[0],
        "seconds": trainer.seconds,
        "history": trainer.history,
        "best": {"epoch": trainer.best.epoch, **asdict(trainer.best.figure)},
        "scaler": trainer.scaler.state_dict(),
        "optimizer": numbers(trainer),
    }


def numbers(trainer: Trainer) -> dict[str, Any]:
    """Return what an optimizer keeps besides tensors: of each parameter by its place, and of each of its groups.

    Raises:
        SegkitError: it keeps something that no file of tensors and numbers holds.
    """
    kept: dict[str, dict[str, Any]] = {}
    for position, parameter in enumerate(parameters(trainer)):
        own = {
            name: value
            for name, value in trainer.optimizer.state[parameter].items()
            if not isinstance(value, torch.Tensor)
        }
        if own:
            kept[str(position)] = own
    # Of the groups what stepping changed: what they were built with follows from the settings, which may differ since.
    groups = [
        {name: value for name, value in group.items() if isinstance(value, KEPT) and first.get(name, ...) != value}
        for group, first in zip(trainer.optimizer.param_groups, trainer.first_groups, strict=True)
    ]
    for own in kept.values():
        for name, value in own.items():
            if not isinstance(value, KEPT):
                raise SegkitError(
                    f"optimizer {trainer.settings.optimizer} keeps {name} as {type(value).__name__}: such a run cannot "
                    "be saved",
                    "keep tensors and numbers in the optimizer's state, or choose another one",
                )
    return {"parameters": kept, "groups": groups}


def tensors(trainer: Trainer) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor of the state by name."""
    for name, tensor in trainer.model.state_dict().items():
        yield f"model.{name}", tensor
    for name, tensor in trainer.objective.modules.state_dict().items():
        yield f"objective.{name}", tensor
    if trainer.average is not None:
        for name, tensor in trainer.average.model.state_dict().items():
            yield f"average.{name}", tensor
    for name, tensor in trainer.best.weights.items():
        yield f"best.{name}", tensor
    for position, parameter in enumerate(parameters(trainer)):
        for name, value in trainer.optimizer.state[parameter].items():
            if isinstance(value, torch.Tensor):
                yield f"optimizer.{position}.{name}", value
    # The epoch's running sums as well: an epoch that was stopped in its middle reports the loss of all its steps.
    yield "sums", trainer.sums
    yield "random.cpu", torch.get_rng_state()
    if trainer.device.type == "cuda":
        yield "random.cuda", torch.cuda.get_rng_state(trainer.device)


def parameters(trainer: Trainer) -> list[torch.Tensor]:
    """The optimizer's parameters, in its order."""
    return [parameter for group in trainer.optimizer.param_groups for parameter in group["params"]]


def load_state(folder: Path, trainer: Trainer, check: Check) -> dict[str, Any] | None:
    """Bring a new trainer to the state in `folder`; returns the state's header, or None where there is none yet.

    Nothing is changed unless all of it fits.

    Args:
        check: given the header, raises where the state is not to be gone on with.

    Raises:
        SegkitError: the file is damaged, of another format, or of another network or number of epochs.
    """
    path = folder / NAME
    if not path.exists():
        return None
    found, header = read_state(path)
    check(header)
    check_fits(found, header, trainer)
    trainer.model.load_state_dict(group(found, "model."))
    trainer.objective.modules.load_state_dict(group(found, "objective."))
    if trainer.average is not None:
        trainer.average.model.load_state_dict(group(found, "average."))
    trainer.best = read_best(header["best"], group(found, "best."))
    restore_optimizer(trainer, found, header.get("optimizer", {}))
    trainer.scaler.load_state_dict(header["scaler"])
    trainer.step, trainer.epoch = header["step"], header["epoch"]
    trainer.steps_in_epoch, trainer.samples_in_epoch = header["steps_in_epoch"], header["samples_in_epoch"]
    trainer.seconds, trainer.history = header["seconds"], header["history"]
    if trainer.labels == header["labels"]:  # else the terms' means are of the samples from here on
        trainer.sums, trainer.summed = found["sums"].to(trainer.device), header["summed"]
    torch.set_rng_state(found["random.cpu"])
    if trainer.device.type == "cuda" and "random.cuda" in found:
        torch.cuda.set_rng_state(found["random.cuda"], trainer.device)
    return header


def is_trained(header: Mapping[str, Any]) -> bool:
    """Whether a state is that of a training that has come to its end."""
    return bool(header.get("trained") or header["epoch"] > header["epochs"])


def check_fits(found: Mapping[str, torch.Tensor], header: Mapping[str, Any], trainer: Trainer) -> None:
    """Raise SegkitError where a state is not one of this network, or has more epochs than are wanted."""
    groups = {"model.": trainer.model, "objective.": trainer.objective.modules}
    if trainer.average is not None:
        groups["average."] = trainer.average.model
    for prefix, model in groups.items():
        before = {name: tuple(value.shape) for name, value in group(found, prefix).items()}
        now = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                raise SegkitError(
                    f"last/{NAME} is of another network: {prefix}{name} was {shape_text(before.get(name))}, "
                    f"is {shape_text(now.get(name))}",
                    "resume with the run's own settings, or start a new run",
                )
    if header["epoch"] - 1 > trainer.settings.epochs:
        raise SegkitError(
            f"{header['epoch'] - 1} epochs are trained already, train.epochs={trainer.settings.epochs} is less",
            "give as many epochs at least, or start a new run",
        )


def shape_text(shape: tuple[int, ...] | None) -> str:
    """A tensor's shape as a sentence can hold it."""
    return "not there" if shape is None else " x ".join(map(str, shape)) or "one number"


def read_best(told: Mapping[str, Any], weights: dict[str, torch.Tensor]) -> Best:
    """Return the best epoch that a state tells of; one of before failures were counted has a value and no counts."""
    mean = told.get("mean", told.get("value"))
    counted = told.get("n", 1), told.get("failed", 0), told.get("distance")
    return Best(told["epoch"], Figure(math.nan if mean is None else mean, *counted), weights)


def read_state(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return tensors and header; raises SegkitError where the file is not whole."""
    try:
        found, header = read_sealed(path, KEY)
    except DamagedFileError as error:
        raise SegkitError(
            f"last/{path.name} is damaged: {error}",
            "start a new run with its config.toml",
        ) from None
    if header.get("format") != FORMAT:
        raise SegkitError(
            f"last/{path.name} has format {header.get('format')!r}", "resume with the segkit that wrote it"
        )
    return found, header


def group(found: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def restore_optimizer(trainer: Trainer, found: Mapping[str, torch.Tensor], kept: Mapping[str, Any]) -> None:
    """Give every parameter its moments back, in the parameter's own memory layout, and the numbers kept beside them."""
    for group_now, before in zip(trainer.optimizer.param_groups, kept.get("groups", ()), strict=False):
        group_now.update(before)
    for position, own in kept.get("parameters", {}).items():
        trainer.optimizer.state[parameters(trainer)[int(position)]].update(own)
    for position, parameter in enumerate(parameters(trainer)):
        for name, value in group(found, f"optimizer.{position}.").items():
            like = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value)
            trainer.optimizer.state[parameter][name] = like.copy_(value)
