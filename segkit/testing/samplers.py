"""Samplers: which cases an epoch shows, from the generator that is given alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.testing.check import check, fail
from segkit.testing.subjects import ComponentSubject

CASES: dict[str, tuple[tuple[int, ...], ...]] = {
    "ordinary ones": ((1,), (1, 2), (), (2,), (1, 2, 3), (), (3,)),
    "a single one": ((1, 2),),
    "some without any label": ((), (), ()),
    "one class that a single case has": ((1,), (1,), (1,), (1, 3)),
}
COUNTS = (1, 5, 40)
EPOCHS = 40
Pairs = list[tuple[int, int | None]]


def drawn(
    subject: ComponentSubject, cases: Sequence[tuple[int, ...]], count: int, epoch: int = 1, params: Any = None
) -> Pairs:
    """One epoch's choice as the engine takes it; what it refuses is a failure."""
    from segkit.data.sampling import CaseSampler

    task = Task(1, ("class-1", "class-2", "class-3"))
    function = subject.factory(task, subject.params if params is None else params)
    try:
        return CaseSampler(subject.name, function).epoch(cases, count, 0, epoch)
    except SegkitError as error:
        fail(error.message, "return as many pairs as count says, each a case's place and a label it has, or None")


@check(
    "sampler",
    "pairs",
    needs=["resolves"],
    raised="get on with cases without labels, with none that has any, and with a single case",
)
def pairs(subject: ComponentSubject) -> None:
    """It gives as many pairs as it is asked for, of cases that are there and labels that they have."""
    for cases in CASES.values():
        for count in COUNTS:
            for epoch in range(1, 6):
                drawn(subject, cases, count, epoch)


@check("sampler", "random", needs=["pairs"])
def random(subject: ComponentSubject) -> None:
    """What is chosen depends on the generator that it is given alone: a resumed epoch is drawn again."""
    import random as shared

    import numpy as np

    found = []
    for seed in (1, 2):
        shared.seed(seed)
        np.random.seed(seed)
        found.append(drawn(subject, CASES["ordinary ones"], 40))
    if found[0] != found[1]:
        fail("with other states of shared generators it chooses other cases", "draw everything from random")


@check("sampler", "epochs", needs=["random"])
def epochs(subject: ComponentSubject) -> None:
    """Epochs differ, and over many of them every case that has a label is shown."""
    cases = CASES["ordinary ones"]
    found = [drawn(subject, cases, len(cases), epoch) for epoch in range(1, EPOCHS + 1)]
    if all(one == found[0] for one in found):
        fail(f"{EPOCHS} epochs are all alike", "draw from random: network and batches see one order only")
    seen = {case for one in found for case, _ in one}
    never = [place for place, labels in enumerate(cases) if labels and place not in seen]
    if never:
        fail(
            f"in {EPOCHS} epochs case {never[0]} of {len(cases)}, which has labels {cases[never[0]]}, is never shown",
            "draw among all cases that have a label, the last one too",
        )
