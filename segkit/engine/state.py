"""The resume state: all that a training run is at one step, in one file that is replaced whole."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from segkit.engine.sealed import DamagedFileError, portable, read_sealed, write_sealed
from segkit.engine.selection import Best, Figure
from segkit.engine.trainer import Trainer
from segkit.errors import SegkitError
from segkit.files import remove_parts

FORMAT = 2
NAME = "state.safetensors"
KEY = "segkit-state"


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

    def save(self, trainer: Trainer) -> None:
        """Copy the trainer's state, and have it take the place of the one before in the folder."""
        self.wait()
        copied, header = portable(dict(tensors(trainer))), copy.deepcopy(make_header(trainer, self.identity))
        self.folder.mkdir(exist_ok=True)
        self._writing = self._thread.submit(write_sealed, self.folder / NAME, KEY, header, copied)

    def wait(self) -> None:
        """Return once the last state is in the folder; raises SegkitError where it could not be written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()


def make_header(trainer: Trainer, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a state holds besides tensors."""
    return {
        "format": FORMAT,
        "identity": identity,
        "step": trainer.step,
        "epoch": trainer.epoch,
        "steps_in_epoch": trainer.steps_in_epoch,
        "seconds": trainer.seconds,
        "history": trainer.history,
        "best": {"epoch": trainer.best.epoch, **asdict(trainer.best.figure)},
        "scaler": trainer.scaler.state_dict(),
    }


def tensors(trainer: Trainer) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor of the state by name."""
    for name, tensor in trainer.model.state_dict().items():
        yield f"model.{name}", tensor
    if trainer.average is not None:
        for name, tensor in trainer.average.model.state_dict().items():
            yield f"average.{name}", tensor
    for name, tensor in trainer.best.weights.items():
        yield f"best.{name}", tensor
    for position, parameter in enumerate(parameters(trainer)):
        for name, value in trainer.optimizer.state[parameter].items():
            yield f"optimizer.{position}.{name}", value
    yield "sums", trainer.sums
    yield "random.cpu", torch.get_rng_state()
    if trainer.device.type == "cuda":
        yield "random.cuda", torch.cuda.get_rng_state(trainer.device)


def parameters(trainer: Trainer) -> list[torch.Tensor]:
    """The optimizer's parameters, in its order."""
    return [parameter for group in trainer.optimizer.param_groups for parameter in group["params"]]


def load_state(folder: Path, trainer: Trainer, identity: Mapping[str, Any], *, forced: bool) -> bool:
    """Bring a new trainer to the state in `folder`; returns False where there is none yet.

    Args:
        forced: load it though the identity differs.

    Raises:
        SegkitError: the file is damaged, of another format, or belongs to other data or settings.
    """
    path = folder / NAME
    remove_parts(folder)
    if not path.exists():
        return False
    found, header = read_state(path)
    refuse_differences(header["identity"], identity, forced=forced)
    trainer.model.load_state_dict(group(found, "model."))
    if trainer.average is not None:
        trainer.average.model.load_state_dict(group(found, "average."))
    trainer.best = read_best(header["best"], group(found, "best."))
    restore_optimizer(trainer, found)
    trainer.scaler.load_state_dict(header["scaler"])
    trainer.sums = found["sums"].to(trainer.device)
    trainer.step, trainer.epoch = header["step"], header["epoch"]
    trainer.steps_in_epoch, trainer.seconds = header["steps_in_epoch"], header["seconds"]
    trainer.history = header["history"]
    torch.set_rng_state(found["random.cpu"])
    if trainer.device.type == "cuda" and "random.cuda" in found:
        torch.cuda.set_rng_state(found["random.cuda"], trainer.device)
    return True


def read_best(told: Mapping[str, Any], weights: dict[str, torch.Tensor]) -> Best:
    """Return the best epoch that a state tells of; one of before failures were counted has a value and no counts."""
    mean = told.get("mean", told.get("value"))
    return Best(
        told["epoch"], Figure(math.nan if mean is None else mean, told.get("n", 1), told.get("failed", 0)), weights
    )


def read_state(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return tensors and header; raises SegkitError where the file is not whole."""
    try:
        found, header = read_sealed(path, KEY)
    except DamagedFileError as error:
        raise SegkitError(
            f"last/{path.name} is damaged: {error}", "delete the run and start it again; nothing is restarted silently"
        ) from None
    if header.get("format") != FORMAT:
        raise SegkitError(
            f"last/{path.name} has format {header.get('format')!r}", "resume with the segkit that wrote it"
        )
    return found, header


def group(found: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def restore_optimizer(trainer: Trainer, found: Mapping[str, torch.Tensor]) -> None:
    """Give every parameter its moments back, in the parameter's own memory layout."""
    for position, parameter in enumerate(parameters(trainer)):
        for name, value in group(found, f"optimizer.{position}.").items():
            like = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value)
            trainer.optimizer.state[parameter][name] = like.copy_(value)


def refuse_differences(before: Mapping[str, Any], now: Mapping[str, Any], *, forced: bool) -> None:
    """Raise SegkitError that says what differs between two identities, unless forced."""
    different = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if different and not forced:
        shown = "; ".join(f"{name} was {before.get(name)!r}, is {now.get(name)!r}" for name in different[:5])
        raise SegkitError(f"this is not the run that was stopped: {shown}", "say --force to go on all the same")
