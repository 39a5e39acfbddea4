"""What a dataset holds: counts, sizes, class shares per split, and images that are there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segkit.data.case import Case, Problem
from segkit.data.dataset import DatasetReader
from segkit.data.duplicates import find_pairs
from segkit.data.facts import CaseFacts, read_facts
from segkit.data.remarks import Remark, remarks_of, sentences
from segkit.declarations import Task

RARE = 20
"""From so many masks on a class that one of them alone holds is told."""


@dataclass(frozen=True)
class Twins:
    """Two cases with the same image.

    Attributes:
        exact: all pixels are equal; otherwise nearly so.
        distance: share of differing bits of the perceptual hash.
    """

    first: tuple[str, str]
    second: tuple[str, str]
    exact: bool
    distance: float

    @property
    def leak(self) -> bool:
        """Whether they are in different splits: a model would be scored on what it has learnt from."""
        return self.first[0] != self.second[0]


@dataclass(frozen=True)
class ClassShare:
    """How much of a split one class is.

    Attributes:
        cases: with at least one pixel of it.
        mean, largest: its share of a case's valid pixels.
    """

    name: str
    cases: int
    mean: float
    largest: float


@dataclass(frozen=True)
class SplitFacts:
    """One split, summarised.

    Attributes:
        groups: patients, 0 where none are known.
        smallest, median, largest: grids, by number of pixels.
        spacing: median mm per voxel along each axis; None for photographs.
    """

    split: str
    cases: int
    groups: int
    without_mask: int
    bytes: int
    smallest: tuple[int, ...]
    median: tuple[int, ...]
    largest: tuple[int, ...]
    grids: int
    spacing: tuple[float, ...] | None
    dtypes: tuple[str, ...]
    classes: tuple[ClassShare, ...]


@dataclass(frozen=True)
class Overview:
    """A dataset, summarised.

    Attributes:
        unreadable: cases left out, with the reason.
        remarks: what people should know of how cases were read and of masks that stand out, in sentences.
        cases: every case that could be read.
    """

    splits: tuple[SplitFacts, ...]
    twins: tuple[Twins, ...]
    unreadable: tuple[Problem, ...]
    remarks: tuple[str, ...]
    cases: tuple[CaseFacts, ...]


def overview(
    reader: DatasetReader,
    cases: Mapping[str, Sequence[Case]],
    dataset_name: str,
    *,
    workers: int,
    progress: Callable[[int, int], None],
) -> Overview:
    """Read every case and summarise; what cannot be read is named and left out."""
    facts, unreadable = read_facts(reader, cases, dataset_name, workers=workers, progress=progress)
    splits = {split: [fact for fact in facts if fact.split == split] for split in cases}
    summaries = tuple(summarise(split, listed, reader.task) for split, listed in splits.items() if listed)
    # What the reader tells of its files by headers alone is not told of the cases once more.
    said = remarks_of(reader)
    told = [(name, one) for name, one in standing_out(facts, reader.task) if not any(one.text in text for text in said)]
    remarks = tuple(sentences(told))
    return Overview(summaries, twins_among(facts), tuple(unreadable), remarks, tuple(facts))


def twins_among(facts: Sequence[CaseFacts]) -> tuple[Twins, ...]:
    """Return the pairs of cases with equal or nearly equal images, the nearest first."""
    names = [(fact.split, fact.id) for fact in facts]
    pairs = find_pairs([fact.prints for fact in facts])
    return tuple(Twins(names[pair.first], names[pair.second], pair.exact, pair.distance) for pair in pairs)


def standing_out(facts: Sequence[CaseFacts], task: Task) -> Iterator[tuple[str, Remark]]:
    """Yield what is to be told of the cases: of how they were read, and of masks that stand out."""
    for fact in facts:
        for text in dict.fromkeys((*fact.remarks, *mask_remarks(fact))):
            yield f"{fact.split}/{fact.id}", Remark(text, text)
    masked = [fact for fact in facts if fact.counts is not None]
    for position, name in enumerate(task.classes):
        holders = [fact for fact in masked if fact.counts is not None and fact.counts[position]]
        if len(holders) == 1 and len(masked) >= RARE:
            text = f"is the only one of {len(masked)} whose mask holds class {name}"
            yield f"{holders[0].split}/{holders[0].id}", Remark(text, text)


def mask_remarks(fact: CaseFacts) -> Iterator[str]:
    """Say where a mask marks nothing or everything."""
    if fact.counts is not None and not any(fact.counts):
        yield "marks no pixel"
    elif fact.counts is not None and len(fact.counts) == 1 and fact.counts[0] == fact.valid:
        yield "marks every pixel"


def summarise(split: str, facts: Sequence[CaseFacts], task: Task) -> SplitFacts:
    """Summarise the cases of one split."""
    shapes = sorted((fact.shape for fact in facts), key=lambda shape: (np.prod(shape, dtype=np.int64), shape))
    spacings = [fact.spacing for fact in facts if fact.spacing is not None]
    masked = [fact for fact in facts if fact.counts is not None]
    classes = []
    for position, name in enumerate(task.classes):
        counts = [fact.counts[position] for fact in masked if fact.counts is not None]
        shares = [count / max(fact.valid, 1) for count, fact in zip(counts, masked, strict=True)]
        mean, largest = (float(np.mean(shares)), max(shares)) if shares else (float("nan"), float("nan"))
        classes.append(ClassShare(name, sum(count > 0 for count in counts), mean, largest))
    return SplitFacts(
        split=split,
        cases=len(facts),
        groups=len({fact.group for fact in facts if fact.group is not None}),
        without_mask=len(facts) - len(masked),
        # A file that describes many cases is there once.
        bytes=sum({path: length for fact in facts for path, length in fact.files.items()}.values()),
        smallest=shapes[0],
        median=shapes[len(shapes) // 2],
        largest=shapes[-1],
        grids=len(set(shapes)),
        spacing=tuple(np.median(spacings, axis=0).tolist()) if spacings else None,
        dtypes=tuple(sorted({fact.dtype for fact in facts})),
        classes=tuple(classes),
    )
