"""Which cases a person should look at first: what is wrong with each, or unlike the others, in words."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segkit.data.facts import CaseFacts
from segkit.data.overview import Twins

CERTAIN, LIKELY, ODD = 3.0, 2.0, 1.0
"""Weights: what is surely a fault of some kind, what mostly is one, what is merely unlike the others."""
FAR = 5.0
"""Robust deviations (of the median, by 1.4826 times the median absolute deviation) from which a case is far out.

Of 504 dermoscopy cases that people have checked, about 3 in 100 are told by one measure or another.
"""
FULL = 0.98
RARE, FEW = 0.05, 3
"""What more than this share of all cases, and more than so many, have in common is how the data are: the 60 validation
images of a reduced ISIC 2017 are five times as large as its training images, and none of them is a fault."""


@dataclass(frozen=True)
class Suspicion:
    """A reason to look at a case.

    Attributes:
        kind: what is odd; equal for cases that are odd in the same way.
        weight: how sure it is that something is wrong; orders the cases.
        reason: in words, to be read after the case's name.
    """

    kind: str
    weight: float
    reason: str


@dataclass(frozen=True)
class Measure:
    """A number of every case that is alike in most.

    Attributes:
        least: the difference from the middle below which nothing is odd.
        words: says of a value and the middle one what is odd.
        towards_zero: only smaller values, or of the other sign, are odd.
    """

    name: str
    value: Callable[[CaseFacts], float]
    least: float
    words: Callable[[float, float], str]
    towards_zero: bool = False


def ratio(name: str) -> Callable[[float, float], str]:
    """Say of a logarithm how many times larger or smaller than the middle case it is."""

    def words(value: float, middle: float) -> str:
        factor = math.exp(abs(value - middle))
        return f"{name} {factor:.1f} times {'larger' if value > middle else 'smaller'} than in the middle case"

    return words


MEASURES = (
    Measure("size", lambda fact: math.log(math.prod(fact.shape)), 0.7, ratio("a grid")),
    Measure("aspect", lambda fact: math.log(fact.shape[-1] / fact.shape[-2]), 0.4, ratio("a width per height")),
    Measure("spacing", lambda fact: log_spacing(fact), 0.4, ratio("a voxel")),
    Measure("share", lambda fact: log_share(fact), 1.4, ratio("a foreground")),
    Measure(
        "brightness",
        # As a logarithm for photographs, and for values of either sign: a tenth is as far from the middle as ten times.
        lambda fact: math.asinh(fact.mean),
        0.7,
        lambda value, middle: (
            f"{'brighter' if value > middle else 'darker'} than the others: mean {math.sinh(value):.3g}, "
            f"in the middle {math.sinh(middle):.3g}"
        ),
    ),
    Measure("spread", lambda fact: math.log(fact.std) if fact.std else math.nan, 0.9, ratio("a spread of values")),
    Measure(
        "contrast",
        lambda fact: fact.contrast,
        0.9,
        lambda value, middle: (
            f"the mask does not lie where the image differs: contrast {value:.2f}, in the middle {middle:.2f}"
        ),
        towards_zero=True,
    ),
    Measure(
        "pieces",
        lambda fact: math.log(fact.pieces) if fact.pieces else math.nan,
        1.5,
        lambda value, middle: f"{round(math.exp(value))} pieces of foreground, in the middle {round(math.exp(middle))}",
    ),
    Measure(
        "border",
        lambda fact: fact.border,
        0.5,
        lambda value, _: f"{value:.0%} of the border is foreground: is the mask inverted?",
    ),
)


def suspicions(
    facts: Sequence[CaseFacts], twins: Iterable[Twins]
) -> tuple[dict[tuple[str, str], list[Suspicion]], list[str]]:
    """Find what is odd.

    Returns:
        By (split, id), the reasons to look at a case, the gravest first; cases without any are not there. And what so
        many have in common that it is how the data are, a sentence each.
    """
    told = [*of_masks(facts), *of_equal_masks(facts), *of_twins(twins), *of_remarks(facts), *of_outliers(facts)]
    counts = Counter(suspicion.kind for _, suspicion in told)
    common = {kind: count for kind, count in counts.items() if count > max(FEW, RARE * len(facts))}
    found: dict[tuple[str, str], list[Suspicion]] = defaultdict(list)
    shared: dict[str, str] = {}
    for name, suspicion in told:
        if suspicion.kind not in common:
            found[name].append(suspicion)
        elif suspicion.kind not in shared:
            count = common[suspicion.kind]
            shared[suspicion.kind] = f"{count} of {len(facts)} cases, such as {'/'.join(name)}: {suspicion.reason}"
    return {name: without_repeats(listed) for name, listed in found.items()}, [*shared.values()]


def without_repeats(listed: Sequence[Suspicion]) -> list[Suspicion]:
    """Order the reasons of a case, the gravest first; what reader and core both found is told once."""
    ordered = sorted(listed, key=lambda one: -one.weight)
    return list({one.reason: one for one in reversed(ordered)}.values())[::-1]


def gravest_first(facts: Sequence[CaseFacts], found: Mapping[tuple[str, str], Sequence[Suspicion]]) -> list[CaseFacts]:
    """Order cases by their gravest reason, then by how many there are; the others follow as they were listed."""

    def key(fact: CaseFacts) -> tuple[float, float]:
        listed = found.get((fact.split, fact.id), ())
        return -max((one.weight for one in listed), default=0.0), -sum(one.weight for one in listed)

    return sorted(facts, key=key)


Told = tuple[tuple[str, str], Suspicion]


def name_of(fact: CaseFacts) -> tuple[str, str]:
    """A case's split and id."""
    return fact.split, fact.id


def of_masks(facts: Sequence[CaseFacts]) -> list[Told]:
    """Masks that mark nothing or everything, images of one value, and images of another type than the rest."""
    told: list[Told] = []
    types = Counter(fact.dtype for fact in facts)
    usual = types.most_common(1)[0][0] if types else ""
    for fact in facts:
        foreground = fact.foreground
        if foreground is not None and not fact.valid:
            told.append((name_of(fact), Suspicion("ignored", CERTAIN, "ignores every pixel of its mask")))
        elif foreground == 0:
            told.append((name_of(fact), Suspicion("empty", CERTAIN, "marks no pixel")))
        elif foreground is not None and foreground >= FULL * fact.valid:
            nearly = "" if foreground == fact.valid else "nearly "
            told.append((name_of(fact), Suspicion("full", CERTAIN, f"marks {nearly}every pixel")))
        if fact.std == 0:
            told.append((name_of(fact), Suspicion("flat", CERTAIN, "its image has one value only")))
        if fact.dtype != usual:
            reason = f"its image is {fact.dtype}, most are {usual}"
            told.append((name_of(fact), Suspicion("type", LIKELY, reason)))
    return told


def of_equal_masks(facts: Sequence[CaseFacts]) -> list[Told]:
    """Equal masks of different images: one of them was probably saved under a wrong name."""
    by_print: dict[tuple[str, tuple[int, ...]], list[CaseFacts]] = defaultdict(list)
    for fact in facts:
        if fact.mask_print:
            by_print[fact.mask_print, fact.shape].append(fact)
    told: list[Told] = []
    for alike in by_print.values():
        for fact in alike:
            others = [other for other in alike if other.prints.exact != fact.prints.exact]
            if others:
                reason = f"has the same mask as {'/'.join(name_of(others[0]))}"
                told.append((name_of(fact), Suspicion("equal mask", LIKELY, reason)))
    return told


def of_twins(twins: Iterable[Twins]) -> list[Told]:
    """Images that are there twice, in two splits above all."""
    told: list[Told] = []
    for pair in twins:
        weight = CERTAIN if pair.leak and pair.exact else LIKELY if pair.leak or pair.exact else ODD
        how = "is the same image as" if pair.exact else "looks the same as"
        where = ", of another split" if pair.leak else ""
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            told.append((one, Suspicion(f"twins {weight}", weight, f"{how} {'/'.join(other)}{where}")))
    return told


def of_remarks(facts: Sequence[CaseFacts]) -> list[Told]:
    """What the reader did to make sense of a file."""
    return [(name_of(fact), Suspicion(remark, LIKELY, remark)) for fact in facts for remark in fact.remarks]


def of_outliers(facts: Sequence[CaseFacts]) -> list[Told]:
    """Cases that one measure puts far from the others, as far as there are enough to tell."""
    told: list[Told] = []
    for measure in MEASURES:
        values = np.array([measure.value(fact) for fact in facts])
        known = np.isfinite(values)
        if np.count_nonzero(known) < 5:
            continue
        middle = float(np.median(values[known]))
        spread = 1.4826 * float(np.median(np.abs(values[known] - middle)))
        least = max(measure.least, 1e-9 + 0.02 * abs(middle))
        for fact, value in zip(facts, values, strict=True):
            away = abs(value - middle)
            farther = (value - middle) * middle >= 0
            if not np.isfinite(value) or away <= max(FAR * spread, least) or (measure.towards_zero and farther):
                continue
            excess = min(away / max(FAR * spread, least), 10.0)
            kind = f"{measure.name} {value > middle}"
            told.append((name_of(fact), Suspicion(kind, ODD + 0.09 * excess, measure.words(float(value), middle))))
    return told


def log_spacing(fact: CaseFacts) -> float:
    """Logarithm of a voxel's volume; NaN for photographs."""
    return math.nan if fact.spacing is None else float(np.log(np.prod(fact.spacing)))


def log_share(fact: CaseFacts) -> float:
    """Logarithm of the foreground's share; NaN where there is none."""
    foreground = fact.foreground
    return math.log(foreground / fact.valid) if foreground and fact.valid else math.nan
