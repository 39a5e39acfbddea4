"""Samplers: which cases an epoch shows, and what parts of volumes are centred on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from segkit import Task
from segkit_training.params import Balanced, ForegroundShare

Choice = tuple[int, int | None]
Choose = Callable[[Sequence[tuple[int, ...]], int, np.random.Generator], list[Choice]]


def balanced(task: Task, params: Balanced) -> Choose:
    """Draw a class, each as likely, and a case that has it; a share of the samples is drawn among all cases."""

    def choose(labels: Sequence[tuple[int, ...]], count: int, random: np.random.Generator) -> list[Choice]:
        holders = {
            label: [case for case, held in enumerate(labels) if label in held]
            for label in range(1, len(task.classes) + 1)
        }
        held = [label for label, cases in holders.items() if cases]
        chosen: list[Choice] = []
        for _ in range(count):
            if not held or random.random() < params.anywhere:
                chosen.append((int(random.integers(len(labels))), None))
                continue
            label = held[int(random.integers(len(held)))]
            cases = holders[label]
            chosen.append((cases[int(random.integers(len(cases)))], label))
        return chosen

    return choose


def foreground_share(task: Task, params: ForegroundShare) -> Choose:
    """A share of the samples has foreground, the others are of cases without any, as far as there are both."""

    def choose(labels: Sequence[tuple[int, ...]], count: int, random: np.random.Generator) -> list[Choice]:
        filled = [case for case, held in enumerate(labels) if held]
        empty = [case for case, held in enumerate(labels) if not held]
        chosen: list[Choice] = []
        for _ in range(count):
            wanted = filled if random.random() < params.share else empty
            cases = wanted or filled or empty
            case = cases[int(random.integers(len(cases)))]
            held = labels[case]
            chosen.append((case, held[int(random.integers(len(held)))] if held and wanted is filled else None))
        return chosen

    return choose
