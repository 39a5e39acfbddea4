"""Classes that classes.toml joins of several values: what is written there, told apart from colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segkit import SegkitError

WAY_OUT = 'write a union of values as whole = {values = [1, 2, 3]}, and a colour as "#010203"'
LABELS = 40
"""Three rising numbers up to this may be a union's values as well as a colour; more values are no labels anyway."""


def members_of(file: str, classes: Mapping[str, Any]) -> dict[str, list[Any]] | None:
    """Return the values or colours that each class is made of; None where every one is a single one.

    A list is a union, unless it may be a colour, [255, 0, 0], and nothing in the file says that it is none.

    Raises:
        SegkitError: a class is made of nothing or of no values, or lists can be meant in two ways.
    """
    unions = {name: value for name, value in classes.items() if is_union(value)}
    triples = {name: value for name, value in classes.items() if is_triple(value) and name not in unions}
    numbers = any(isinstance(value, int) and not isinstance(value, bool) for value in classes.values())
    if triples and not unions and not numbers:
        odd = next((name for name, value in triples.items() if may_be_labels(value)), None)
        if odd is not None and all(may_be_labels(value) for value in triples.values()):
            raise SegkitError(f"{file}: {odd} = {triples[odd]} may be a colour or a union of three values", WAY_OUT)
        return None
    if not unions and not triples:
        return None
    return {name: values_of(file, name, value) for name, value in classes.items()}


def is_union(value: Any) -> bool:
    """Whether a value is several in any reading: {values = [...]}, a list of colours, or one not of three numbers."""
    if isinstance(value, dict):
        return set(value) == {"values"}
    return isinstance(value, list) and not is_triple(value)


def is_triple(value: Any) -> bool:
    """Whether a value is a list of three numbers."""
    return isinstance(value, list) and len(value) == 3 and all(type(number) is int for number in value)


def may_be_labels(values: Sequence[int]) -> bool:
    """Whether three numbers are like labels: from 1, rising and small."""
    return 0 < values[0] < values[1] < values[2] <= LABELS


def values_of(file: str, name: str, value: Any) -> list[Any]:
    """Return the values of one class, each once."""
    listed = value["values"] if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if not isinstance(listed, list) or not listed:
        raise SegkitError(f"{file}: class {name} is made of no value", "name the values that it is made of")
    if any(isinstance(part, (dict, list)) for part in listed):
        raise SegkitError(f"{file}: class {name} is made of {listed!r}, which are no values", WAY_OUT)
    distinct = list(dict.fromkeys(listed))
    if len(distinct) < len(listed):
        raise SegkitError(f"{file}: class {name} names a value twice: {listed}", "name each once")
    return distinct
