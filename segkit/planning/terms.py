"""Sums of losses, as people write them: "dice + 0.5*focal"."""

from __future__ import annotations

import math
from dataclasses import dataclass

from segkit.errors import UsageError


@dataclass(frozen=True)
class Term:
    """One summand: factor times a loss, by name."""

    factor: float
    name: str

    def __str__(self) -> str:
        return self.name if self.factor == 1 else f"{self.factor:g}*{self.name}"


def parse_sum(text: str) -> tuple[Term, ...]:
    """Read "dice + 0.5*focal"; raises UsageError where it is not a sum of named losses."""
    terms = tuple(_parse_term(part, text) for part in text.split("+"))
    names = [term.name for term in terms]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"loss {text!r} names {name!r} twice", "add its factors up")
    return terms


def _parse_term(part: str, whole: str) -> Term:
    factor_text, star, name = part.rpartition("*")
    hint = 'write for instance --loss "dice + 0.5*focal"'
    try:
        factor = float(factor_text) if star else 1.0
    except ValueError:
        raise UsageError(f"loss {whole!r}: {factor_text.strip()!r} is not a factor", hint) from None
    if not name.strip() or " " in name.strip():
        raise UsageError(f"loss {whole!r}: {part.strip()!r} names no loss", hint)
    if not math.isfinite(factor) or factor <= 0:
        raise UsageError(f"loss {whole!r}: the factor {factor_text.strip()!r} is not positive", hint)
    return Term(factor, name.strip())
