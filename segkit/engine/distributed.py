"""One run over several processes, started by torchrun: who does what, and what they tell each other."""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import distributed, nn
from torch.distributed.rendezvous import rendezvous

from segkit.engine.launch import Launch
from segkit.errors import SegkitError, UsageError

T = TypeVar("T")

PATIENCE = timedelta(hours=1)
"""How long a rank waits for the others: one of them may be scoring large volumes."""
MEETING = timedelta(minutes=10)
"""How long the processes of one machine wait for each other to come."""
SILENT, LOOKS = 2.0, 0.1
"""Seconds of waiting before it is told, and between two looks."""
LETTING_GO = 0.2
"""Seconds between the last talk and the end of the group."""


@dataclass(frozen=True)
class Ranks(Launch):
    """The processes of a run, and what they tell each other; one alone where nobody started several."""

    def own_device(self, device: torch.device) -> torch.device:
        """Return the device of this process: the CUDA device of its number on its machine where no number was said."""
        if not self.several or str(device) != "cuda":
            return device
        if self.local >= torch.cuda.device_count():
            raise UsageError(
                f"process {self.local} of this machine has no CUDA device: there are {torch.cuda.device_count()}",
                "give torchrun a smaller --nproc-per-node, or say --device cpu",
            )
        return torch.device("cuda", self.local)

    @contextmanager
    def joined(self, device: torch.device, tell: Callable[[str], None] = lambda text: None) -> Iterator[None]:
        """Meet the others; until the block ends they can be talked to.

        Args:
            tell: told in a sentence that the others are being waited for.

        Raises:
            SegkitError: they have not come within MEETING.
        """
        if not self.several:
            yield
            return
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        if device.type == "cuda":
            torch.cuda.set_device(device)
        # Its functions have the group of the moment as a default argument. Imported later (an optimizer's first step
        # does so) they would keep the group and its threads alive while Python ends, which can abort the process
        # (pytorch issue 190489).
        importlib.import_module("torch.distributed.nn.functional")

        def meet() -> None:
            with reachable():
                distributed.init_process_group(backend, timeout=PATIENCE, **self._meeting())

        place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        waiting = f"waiting for the other processes of the run ({self.count} in all) at {place}"
        while_listening(meet, lambda: tell(f"{waiting}; Ctrl-C ends it"), self.patience)
        try:
            yield
        finally:
            # The group's threads need the interpreter to let the last tensors go, and PyTorch 2.6 keeps it while it
            # waits for them to end.
            time.sleep(LETTING_GO)
            distributed.destroy_process_group()

    @property
    def patience(self) -> timedelta:
        """How long the others are waited for at first: on one machine all of them have built the store by then."""
        return MEETING if self.machines == 1 else PATIENCE

    def _meeting(self) -> dict[str, Any]:
        """Return where the processes meet: on one machine, a place of its own for every start by torchrun.

        torchrun keeps the store of addresses when it starts the processes again, and those of the dead are still in it
        (pytorch issue 135712). On several machines the number of restarts is not the same everywhere: docs/scaling.md.
        """
        if self.machines > 1:
            return {}
        store, _, _ = next(rendezvous("env://", timeout=PATIENCE))
        kept_apart = distributed.distributed_c10d.PrefixStore(f"segkit/{self.restarts}", store)
        return {"store": kept_apart, "rank": self.rank, "world_size": self.count}

    def seed_step(self, seed: int, step: int) -> None:
        """Give each of several ranks its own randomness in a step (dropout), from seed, step and rank alone.

        One process goes on with the stream that it began with, whose state is saved.
        """
        if self.several:
            torch.manual_seed(int(np.random.SeedSequence((seed, step, self.rank)).generate_state(1)[0]))

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return this rank's part of what all of them do together; every item is in exactly one part."""
        return items[self.rank :: self.count]

    def gather(self, items: Sequence[T]) -> list[T]:
        """Return the items of all ranks, those of rank 0 first, on every rank."""
        if not self.several:
            return list(items)
        parts: list[Any] = [None] * self.count
        with reachable():
            distributed.all_gather_object(parts, list(items))
        return [item for part in parts for item in part]

    def told(self, value: T) -> T:
        """Return rank 0's value on every rank."""
        if not self.several:
            return value
        carried = [value]
        with reachable():
            distributed.broadcast_object_list(carried, src=0)
        return carried[0]

    def any(self, flag: bool) -> bool:
        """Return whether it is so on any rank."""
        if not self.several:
            return flag
        asked = torch.tensor([flag], dtype=torch.int32)
        with reachable():
            distributed.all_reduce(asked, distributed.ReduceOp.MAX)
        return bool(asked.item())

    def add(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the sum over the ranks; the tensor itself is left as it is."""
        if not self.several:
            return tensor
        total = tensor.clone()
        with reachable():
            distributed.all_reduce(total)
        return total

    def add_gradients(self, model: nn.Module) -> None:
        """Replace every gradient by the sum over the ranks; a rank without one, having had no sample, adds nothing."""
        if not self.several:
            return
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        # A parameter that no rank has used must stay without a gradient, or weight decay would move it.
        used = torch.tensor([parameter.grad is not None for parameter in trained], dtype=torch.int32)
        with reachable():
            distributed.all_reduce(used, distributed.ReduceOp.MAX)
        shared = [parameter for parameter, is_used in zip(trained, used.tolist(), strict=True) if is_used]
        for parameter in shared:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        by_type: dict[torch.dtype, list[torch.Tensor]] = {}
        for parameter in shared:
            assert parameter.grad is not None
            by_type.setdefault(parameter.grad.dtype, []).append(parameter.grad)
        for gradients in by_type.values():
            # One message for all of them: a message each would be mostly waiting.
            flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
            with reachable():
                distributed.all_reduce(flat)
            for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(total.view_as(gradient))

    def copy_from_first(self, model: nn.Module) -> None:
        """Give every rank the weights and buffers of rank 0: batch normalisation's averages differ between them."""
        if not self.several:
            return
        with torch.no_grad(), reachable():
            for tensor in model.state_dict().values():
                carried = tensor.contiguous()
                distributed.broadcast(carried, src=0)
                tensor.copy_(carried)


def while_listening(meet: Callable[[], None], announce: Callable[[], None], patience: timedelta) -> None:
    """Call what blocks in a thread of its own, so that this one hears signals: PyTorch's waiting is deaf to them.

    Args:
        announce: called once where it takes longer than a moment.

    Raises:
        SegkitError: it has not come back in time.
    """
    failed: list[BaseException] = []

    def call() -> None:
        try:
            meet()
        except BaseException as error:  # told by the thread that waits
            failed.append(error)

    # A daemon: whoever is stopped while waiting ends without it.
    thread = threading.Thread(target=call, daemon=True, name="meeting")
    start = time.monotonic()
    thread.start()
    told = False
    while thread.is_alive():
        thread.join(LOOKS)
        waited = time.monotonic() - start
        if not told and waited > SILENT and thread.is_alive():
            announce()
            told = True
        if waited > patience.total_seconds():
            raise SegkitError(
                f"the other processes of the run have not come within {waited / 60:.0f} minutes",
                "start all of them with torchrun, or unset RANK and WORLD_SIZE to run alone",
            )
    if failed:
        raise failed[0]


@contextmanager
def reachable() -> Iterator[None]:
    """Turn the failure to reach another process into a sentence; why that one ended, it says itself."""
    try:
        yield
    except RuntimeError as error:
        raise SegkitError(
            f"another process of the run does not answer: {str(error).splitlines()[0][:200]}",
            "look for its own message; torchrun --max-restarts N goes on from the last saved state",
        ) from error


ALONE = Ranks()
"""The usual case: one process."""
