"""Classes that are unions of a file's labels: whole = [1, 2, 3], core = [2, 3] (issue 22)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from segkit.contracts import IGNORE
from segkit.data.in_parts import values_of


@dataclass(frozen=True)
class Unions:
    """Classes by the labels that each is made of; they overlap where two have a label in common.

    Attributes:
        members: labels, 1 to 254, by class name in the task's order.
        seen: the labels that masks held so far.
    """

    members: Mapping[str, tuple[int, ...]]
    seen: set[int] = field(default_factory=set, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes in the task's order."""
        return tuple(self.members)

    @property
    def overlapping(self) -> bool:
        """Whether a label belongs to several classes."""
        return any(set(one) & set(other) for one, other in combinations(self.members.values(), 2))

    def masks(self, labels: np.ndarray) -> np.ndarray:
        """Turn labels (*S) uint8 into a mask: (classes, *S) where classes overlap, else (*S); 255 stays ignored."""
        self.seen.update(values_of(labels))
        table = np.zeros((len(self.members), 256), np.uint8)
        for place, members in enumerate(self.members.values()):
            table[place, list(members)] = 1
        if not self.overlapping:
            table = (table * np.arange(1, len(table) + 1, dtype=np.uint8)[:, None]).sum(axis=0, dtype=np.uint8)
        table[..., IGNORE] = IGNORE
        # Class by class: one look-up in a table of two axes would hold an index of eight bytes per voxel and class.
        return table[labels] if table.ndim == 1 else np.stack([row[labels] for row in table])

    def describe(self, names: Mapping[int, str]) -> str:
        """Say what each class is made of: "1 whole (1 + 2 + 3), 2 core (2 + 3)".

        Args:
            names: what labels are called.
        """
        told = (
            f"{number} {name} ({' + '.join(names[label] for label in members)})"
            for number, (name, members) in enumerate(self.members.items(), start=1)
        )
        return ", ".join(told) + (", which overlap" if self.overlapping else "")


def never_seen(unions: Unions) -> list[tuple[str, int]]:
    """Return class and label of what classes are made of and no mask held."""
    return [(name, label) for name, members in unions.members.items() for label in members if label not in unions.seen]
