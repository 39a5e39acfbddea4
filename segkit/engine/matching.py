"""Match the tensors of a file with those of a network: by name and shape, prefixes taken off, channels adapted."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

Shape = tuple[int, ...]
Combination = Sequence[tuple[int, float]]
"""One row of a head as a sum of rows of the source: (row, factor)."""
TRIED = 6
"""Pairs of prefixes that are tried: those that most tensors vote for."""


@dataclass(frozen=True)
class Prefixes:
    """How names of the file become names of the network: something taken off the front, something put there."""

    off: str = ""
    on: str = ""

    def renamed(self, name: str) -> str | None:
        """Return the network's name for one of the file's; None for a name without the prefix."""
        return self.on + name.removeprefix(self.off) if name.startswith(self.off) else None


@dataclass(frozen=True)
class Heads:
    """What of a network follows from its classes.

    Attributes:
        axes: by name of a tensor, the axis along which it has a row per logit.
        rows: for each logit, of which of the source's it is made; None for one that starts new. None where the logits
            are those of the source.
        kept, new: names of the classes.
    """

    axes: Mapping[str, int]
    rows: Sequence[Combination | None] | None = None
    outputs: int = 0
    kept: Sequence[str] = ()
    new: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """What became of one tensor of the network.

    Attributes:
        name: the network's.
        how: loaded, adapted or new.
        source: the file's name of it, "" where it has none.
        note: what was adapted, or why it is new.
    """

    name: str
    how: str
    shape: Shape
    source: str = ""
    note: str = ""


@dataclass(frozen=True)
class Match:
    """What a file gives to a network.

    Attributes:
        values: by the network's names.
        rows: one per tensor of the network, in its order.
        left_over: the file's names of what the network has no place for.
    """

    values: Mapping[str, torch.Tensor]
    rows: Sequence[Row]
    left_over: Sequence[str]
    prefixes: Prefixes

    def count(self, how: str) -> int:
        """How many tensors of the network something became of."""
        return sum(row.how == how for row in self.rows)


def match(
    network: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], heads: Heads, stems: Mapping[str, int]
) -> Match:
    """Match a file's tensors with a network's.

    Args:
        network: its state dict, with first weights, from which what is new stays.
        stems: by name of a tensor, the axis along which it has a part per channel of the image.
    """
    prefixes = choose_prefixes(shapes_of(network), shapes_of(found))
    sources = {new: name for name in found if (new := prefixes.renamed(name)) is not None}
    values, rows = {}, []
    for name, own in network.items():
        source = sources.get(name, "")
        value, note = fitted(name, own, found[source], heads, stems) if source else (None, "not in the source")
        # A counter of batches is no weight, and says nothing about what a network has learnt.
        how = "new" if value is None else "adapted" if note else "loaded"
        rows.append(Row(name, how, tuple(own.shape), source, note))
        if value is not None:
            values[name] = value.to(own.dtype)
    used = {row.source for row in rows if row.how != "new"}
    return Match(values, rows, [name for name in found if name not in used], prefixes)


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, Shape]:
    """The shape of each tensor."""
    return {name: tuple(value.shape) for name, value in tensors.items()}


def choose_prefixes(network: Mapping[str, Shape], found: Mapping[str, Shape]) -> Prefixes:
    """Return the prefixes with which most numbers of the file have the name and shape of one of the network's.

    Each tensor of the file votes for what would have to be taken off and put on for the longest common end of its name
    and one of the network's; the names as they are win where nothing is better.
    """
    by_end: dict[str, list[str]] = defaultdict(list)
    for name in network:
        by_end[end_of(name)].append(name)
    votes: Counter[Prefixes] = Counter()
    for name, shape in found.items():
        alike = [other for other in by_end[end_of(name)] if network[other] == shape]
        for prefixes in {prefixes_between(name, other) for other in alike}:
            votes[prefixes] += 1 + math.prod(shape)
    tried = [Prefixes(), *(prefixes for prefixes, _ in votes.most_common(TRIED))]

    def fits(prefixes: Prefixes) -> int:
        renamed = ((prefixes.renamed(name), shape) for name, shape in found.items())
        return sum(1 + math.prod(shape) for name, shape in renamed if name is not None and network.get(name) == shape)

    return max(tried, key=fits)


def end_of(name: str) -> str:
    """The last two parts of a dotted name."""
    return ".".join(name.split(".")[-2:])


def prefixes_between(name: str, other: str) -> Prefixes:
    """Return what turns a name into another one: all before their longest common dotted end."""
    one, two = name.split("."), other.split(".")
    common = 0
    while common < min(len(one), len(two)) and one[-1 - common] == two[-1 - common]:
        common += 1
    off, on = one[: len(one) - common], two[: len(two) - common]
    return Prefixes("".join(f"{part}." for part in off), "".join(f"{part}." for part in on))


def fitted(
    name: str, own: torch.Tensor, found: torch.Tensor, heads: Heads, stems: Mapping[str, int]
) -> tuple[torch.Tensor | None, str]:
    """Return the values of one tensor, or None, and in words what was adapted or why it stays new."""
    axis = heads.axes.get(name)
    if axis is not None and heads.rows is not None:
        return head_values(own, found, axis, heads)
    if own.shape == found.shape:
        return found, ""
    stem = stems.get(name)
    if stem is not None and same_but(own.shape, found.shape, stem):
        channels, had = own.shape[stem], found.shape[stem]
        return adapted_channels(found, stem, channels), f"image channels {had} to {channels}"
    return None, f"the source's is {text_of(found.shape)}"


def head_values(own: torch.Tensor, found: torch.Tensor, axis: int, heads: Heads) -> tuple[torch.Tensor | None, str]:
    """Take the rows of classes that both have from the source; the others stay as they are."""
    assert heads.rows is not None
    if not heads.kept:
        return None, "no class of the source's is one of these"
    fits = own.ndim == found.ndim and same_but(own.shape, found.shape, axis)
    if not fits or own.shape[axis] != len(heads.rows) or found.shape[axis] != heads.outputs:
        return None, f"the source's is {text_of(found.shape)}"
    values = own.clone().movedim(axis, 0)
    rows = found.to(own.dtype).movedim(axis, 0)
    for place, combination in enumerate(heads.rows):
        if combination is not None:
            values[place] = sum((factor * rows[row] for row, factor in combination), torch.zeros_like(values[place]))
    kept = f"classes kept: {', '.join(heads.kept)}"
    return values.movedim(0, axis).contiguous(), f"{kept}; new: {', '.join(heads.new)}" if heads.new else kept


def same_but(one: Sequence[int], other: Sequence[int], axis: int) -> bool:
    """Whether two shapes differ along one axis at most."""
    return len(one) == len(other) and all(
        a == b for place, (a, b) in enumerate(zip(one, other, strict=True)) if place != axis
    )


def adapted_channels(weight: torch.Tensor, axis: int, channels: int) -> torch.Tensor:
    """Return a first layer's weight for other image channels, as timm does (`timm.models.adapt_input_conv`).

    One channel gets the sum over all; otherwise they are repeated in their order, scaled so that an image with the same
    values in every channel gives what it gave.
    """
    parts = weight.float().movedim(axis, 0)
    if channels == 1:
        new = parts.sum(dim=0, keepdim=True)
    else:
        repeats = math.ceil(channels / len(parts))
        new = parts.repeat(repeats, *[1] * (parts.ndim - 1))[:channels] * (len(parts) / channels)
    return new.movedim(0, axis).to(weight.dtype).contiguous()


def text_of(shape: Sequence[int]) -> str:
    """A shape as people read it."""
    return " x ".join(map(str, shape)) or "one number"
