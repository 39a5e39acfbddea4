"""Which cases an epoch shows, where a sampler of a plugin chooses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from segkit.errors import SegkitError

Choice = tuple[int, int | None]
"""A case's place, and the label that a part of a volume is centred on; None: it lies anywhere."""
AS_EVER = -1
"""In the place of a label: a part lies where it would without a sampler, a share of them on a label of the case."""
SAMPLER, FURTHER = 5, 6
"""Spawn keys of a sampler's randomness and of plugins' augmentations, after those of `segkit.data.draws`."""


@dataclass(frozen=True)
class CaseSampler:
    """A plugin's sampler.

    Attributes:
        name: for messages.
        choose: (labels of each case, how many, randomness) -> pairs of a case's place and a label or None.
    """

    name: str
    choose: Callable[[Sequence[tuple[int, ...]], int, np.random.Generator], Sequence[Choice]]
    by_label: ClassVar[bool] = True

    def samples(self, count: int) -> int:
        """Return how many samples an epoch has: as many as without it."""
        return count

    def epoch(self, labels: Sequence[tuple[int, ...]], count: int, seed: int, epoch: int) -> list[Choice]:
        """Return the samples of an epoch, which depend on seed and epoch alone.

        Raises:
            SegkitError: it gave another number of pairs, no case, or a label that the case does not have.
        """
        source = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, epoch), spawn_key=(SAMPLER,))))
        told = self.choose(labels, count, source)
        try:
            pairs = [(int(case), None if label is None else int(label)) for case, label in told]
        except (TypeError, ValueError):
            raise self.wrong("no pairs of a case and a label") from None
        if len(pairs) != count:
            raise self.wrong(f"{len(pairs)} pairs where {count} were asked for")
        for case, label in pairs:
            if not 0 <= case < len(labels):
                raise self.wrong(f"case {case} of {len(labels)}")
            if label is not None and label not in labels[case]:
                raise self.wrong(
                    f"label {label} of case {case}, which has {', '.join(map(str, labels[case])) or 'none'}"
                )
        return pairs

    def wrong(self, what: str) -> SegkitError:
        """Describe what breaks the contract."""
        return SegkitError(f"sampler {self.name} gave {what}", "report it to its author")


@dataclass(frozen=True)
class EvenDeal:
    """Shows as many cases of each of several datasets, in every batch (issue 22).

    Attributes:
        datasets: which one each case of the training split is of.
    """

    datasets: tuple[str, ...]
    by_label: ClassVar[bool] = False

    def samples(self, count: int) -> int:
        """Return how many samples an epoch has: as many as without it."""
        return count

    def epoch(self, labels: Sequence[tuple[int, ...]], count: int, seed: int, epoch: int) -> list[Choice]:
        """Return the samples of an epoch, which depend on seed and epoch alone; a smaller dataset's cases come again.

        In every round of one sample per dataset their order is drawn, so that ranks, which take turns, have all.
        """
        source = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, epoch), spawn_key=(SAMPLER,))))
        names = list(dict.fromkeys(self.datasets))
        rounds = -(-count // len(names))
        shown = []
        for name in names:
            own = np.flatnonzero(np.array(self.datasets) == name)
            times = -(-rounds // len(own))
            shown.append(np.concatenate([source.permutation(own) for _ in range(times)])[:rounds])
        order = np.argsort(source.random((rounds, len(names))), axis=1)
        dealt = np.take_along_axis(np.stack(shown, axis=1), order, axis=1).ravel()[:count]
        return [(int(case), AS_EVER) for case in dealt]


@dataclass(frozen=True)
class OneReading:
    """Shows of an image that several readers drew one drawing an epoch (issue 22).

    Attributes:
        images: which image each case of the training split is a drawing of.
    """

    images: tuple[str, ...]
    by_label: ClassVar[bool] = False

    def samples(self, count: int) -> int:
        """Return how many samples an epoch has, of as many as all drawings would make."""
        return max(1, round(count * len({*self.images}) / len(self.images)))

    def epoch(self, labels: Sequence[tuple[int, ...]], count: int, seed: int, epoch: int) -> list[Choice]:
        """Return the samples of an epoch, which depend on seed and epoch alone."""
        source = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, epoch), spawn_key=(SAMPLER,))))
        drawings: dict[str, list[int]] = {}
        for case, image in enumerate(self.images):
            drawings.setdefault(image, []).append(case)
        drawn = np.array([cases[int(source.integers(len(cases)))] for cases in drawings.values()])
        rounds = -(-count // len(drawn))
        shown = np.concatenate([source.permutation(drawn) for _ in range(rounds)])[:count]
        return [(int(case), AS_EVER) for case in shown]


Sampler = CaseSampler | EvenDeal | OneReading


@dataclass(frozen=True)
class FurtherAugmentation:
    """A plugin's augmentation.

    Attributes:
        change: (image, mask, randomness) -> image and mask of one sample.
    """

    name: str
    change: Callable[[Any, Any, np.random.Generator], tuple[Any, Any]]

    def apply(self, image: Any, mask: Any, key: tuple[int, int, int], place: int) -> tuple[Any, Any]:
        """Change one sample by randomness of (seed, epoch, index) and the augmentation's place alone.

        Raises:
            SegkitError: what came back is no image and mask of the same shape and type.
        """
        source = np.random.Generator(np.random.Philox(np.random.SeedSequence(key, spawn_key=(FURTHER, place))))
        told = self.change(image, mask, source)
        if not isinstance(told, tuple) or len(told) != 2:
            raise self.wrong(f"{type(told).__name__}, not image and mask")
        for what, before, now in zip(("image", "mask"), (image, mask), told, strict=True):
            if getattr(now, "shape", None) != before.shape or now.dtype != before.dtype:
                found = f"{getattr(now, 'dtype', type(now).__name__)} {tuple(getattr(now, 'shape', ()))}"
                raise self.wrong(f"the {what} as {found}, it was {before.dtype} {tuple(before.shape)}")
        return told

    def wrong(self, what: str) -> SegkitError:
        """Describe what breaks the contract."""
        return SegkitError(f"augmentation {self.name} gave {what}", "report it to its author")
