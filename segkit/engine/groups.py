"""What of a network learns, and how fast: frozen parts, learning rates by part and by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from segkit.errors import UsageError, did_you_mean
from segkit.settings import Train

Parts = Mapping[str, Sequence[str]]
"""An architecture's parts: name -> dotted names of modules."""


@dataclass(frozen=True)
class Learning:
    """Which parameters learn how fast.

    Attributes:
        frozen: patterns of names that do not learn.
        release: the last epoch in which they do not; None: they never learn.
        rates: (pattern, factor of the learning rate); of several that match, the last counts.
        layer_decay: factor of the rate from each layer to the one before it.
    """

    frozen: tuple[str, ...] = ()
    release: int | None = None
    rates: tuple[tuple[str, float], ...] = ()
    layer_decay: float = 1.0

    def is_frozen(self, name: str, epoch: int) -> bool:
        """Whether a parameter does not learn in an epoch, counted from 1."""
        held = self.release is None or epoch <= self.release
        return held and any(matches(pattern, name) for pattern in self.frozen)

    def factors(self, model: nn.Module) -> dict[str, float]:
        """Return the factor of the learning rate of every parameter, by name."""
        names = [name for name, _ in model.named_parameters()]
        layers = list(dict.fromkeys(map(layer_of, names)))
        depth = {layer: len(layers) - 1 - place for place, layer in enumerate(layers)}
        found = {}
        for name in names:
            said = [factor for pattern, factor in self.rates if matches(pattern, name)]
            found[name] = (said[-1] if said else 1.0) * self.layer_decay ** depth[layer_of(name)]
        return found

    def apply(self, model: nn.Module, trainable: set[str], epoch: int) -> None:
        """Let the parameters learn that do so in an epoch; normalisation that does not keeps its statistics, too.

        Args:
            trainable: names of those that the network itself lets learn.
        """
        if not self.frozen:
            return
        for name, parameter in model.named_parameters():
            if name in trainable:
                parameter.requires_grad_(not self.is_frozen(name, epoch))
        for name, module in model.named_modules():
            # Moving statistics would change what frozen weights were trained beside.
            if getattr(module, "running_mean", None) is not None and self.is_frozen(f"{name}.weight", epoch):
                module.eval()


def matches(pattern: str, name: str) -> bool:
    """Whether a parameter is the one, inside of the module, or of the names that a pattern with stars means."""
    return name == pattern or name.startswith(f"{pattern}.") or fnmatchcase(name, pattern)


def layer_of(name: str) -> str:
    """The layer that a parameter belongs to: the parts of its name up to the first number, else its module."""
    words = name.split(".")
    number = next((place for place, word in enumerate(words) if word.isdigit()), None)
    return ".".join(words[: number + 1] if number is not None else words[:-1])


def learning_of(settings: Train, parts: Parts, model: nn.Module) -> Learning:
    """Read what the settings say of a network.

    Raises:
        UsageError: a pattern matches no parameter, a rate is no number, or nothing is left to learn.
    """
    names = [name for name, _ in model.named_parameters()]
    frozen = [pattern for said in settings.freeze for pattern in patterns(said, parts, names, "train.freeze")]
    rates = []
    for text in settings.rates:
        part, factor = read_rate(text)
        rates += [(pattern, factor) for pattern in patterns(part, parts, names, f"train.rates.{part}")]
    learning = Learning(tuple(frozen), settings.release, tuple(rates), settings.layer_decay)
    if names and settings.release is None and all(learning.is_frozen(name, 1) for name in names):
        raise UsageError("train.freeze freezes every parameter", "leave something to learn, or say train.release=N")
    return learning


def read_rate(text: str) -> tuple[str, float]:
    """Read PART=FACTOR; raises UsageError where it is something else."""
    part, _, factor = text.rpartition("=")
    try:
        value = float(factor)
    except ValueError:
        value = -1.0
    if not part.strip() or not 0 < value <= 1000:
        raise UsageError(
            f"train.rates {text!r} is not PART=FACTOR, with a factor above 0", "write train.rates.encoder=0.1"
        )
    return part.strip(), value


def patterns(said: str, parts: Parts, names: Sequence[str], where: str) -> list[str]:
    """Return the patterns of parameters' names that somebody means; raises UsageError where one matches nothing."""
    meant = list(parts.get(said, (said,)))
    if any(matches(pattern, name) for pattern in meant for name in names):
        return meant
    known = [*parts, *dict.fromkeys(modules(names))]
    raise UsageError(
        f"{where}={said}: no parameter of the network has such a name{did_you_mean(said, known)}",
        f"its parts: {', '.join(parts) or 'none declared'}; its modules: {', '.join(known[len(parts) :][:8])}, ...",
    )


def modules(names: Sequence[str]) -> Iterator[str]:
    """Yield the names of the modules that hold parameters, the outer ones first."""
    for depth in (1, 2):
        yield from (".".join(name.split(".")[:depth]) for name in names)


def groups_record(model: nn.Module, settings: Train, learning: Learning) -> list[dict[str, Any]]:
    """What is told of the groups of parameters: how many, how fast, with what decay, and whether frozen."""
    counts: dict[tuple[float, float, bool], int] = {}
    factors = learning.factors(model)
    for name, parameter in model.named_parameters():
        decay = settings.weight_decay if parameter.ndim >= 2 else 0.0
        frozen = learning.is_frozen(name, 1) or not parameter.requires_grad
        key = (settings.learning_rate * factors[name], decay, frozen)
        counts[key] = counts.get(key, 0) + parameter.numel()
    return [
        {
            "parameters": count,
            "learning_rate": rate,
            "weight_decay": decay,
            "frozen": frozen,
            "released_after": learning.release if frozen else None,
        }
        for (rate, decay, frozen), count in counts.items()
    ]
