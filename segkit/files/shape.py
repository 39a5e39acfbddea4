"""What a JSON or TOML value is to look like, declared, and checked with a message that names the place.

A shape is a type (`str`, `int`, `float`, `bool`, `dict`, `list`, `object` for anything), a list of one shape, a table
of shapes by name ("name?" may be missing, further names may be there), `{str: shape}` for a table of any names, None,
`Either(...)`, or `Limited(...)`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "a table", list: "a list"}
SHOWN = 60
"""Signs of a wrong value that a message shows."""


@dataclass(frozen=True)
class Either:
    """One of several shapes; the error of the last is told."""

    first: Any
    last: Any


@dataclass(frozen=True)
class Limited:
    """A number or the length of a list or text within limits, both included."""

    shape: Any
    least: float = -math.inf
    most: float = math.inf


def check_shape(value: Any, shape: Any, where: str = "") -> None:
    """Raise ValueError that names the first place where a value is not of a shape: "scores[3].mean is 'x', not ...".

    True is no number, a whole number is also a number, and numbers are finite.
    """
    if isinstance(shape, dict):
        _check_table(value, shape, where)
    elif isinstance(shape, list):
        _expect(isinstance(value, list), value, "a list", where)
        for place, part in enumerate(value):
            check_shape(part, shape[0], f"{where}[{place}]")
    elif isinstance(shape, Either):
        try:
            check_shape(value, shape.first, where)
        except ValueError:
            check_shape(value, shape.last, where)
    elif isinstance(shape, Limited):
        check_shape(value, shape.shape, where)
        measured = value if isinstance(value, (int, float)) else len(value)
        low, high = f"from {shape.least:g}", f" to {shape.most:g}" if math.isfinite(shape.most) else " on"
        _expect(shape.least <= measured <= shape.most, value, f"{low}{high}", where)
    elif shape is None:
        _expect(value is None, value, "null", where)
    elif shape is not object:
        _expect(_is(value, shape), value, WORDS[shape], where)


def _check_table(value: Any, shape: Mapping[Any, Any], where: str) -> None:
    _expect(isinstance(value, Mapping), value, "a table", where)
    before = f"{where}." if where else ""
    if str in shape:
        for key, part in value.items():
            check_shape(part, shape[str], f"{before}{shown(key)}")
        return
    for name, part in shape.items():
        key = name.removesuffix("?")
        if key in value:
            check_shape(value[key], part, before + key)
        elif name == key:
            raise ValueError(f"{before}{key} is missing")


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return _is(value, int) or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _expect(right: bool, value: Any, wanted: str, where: str) -> None:
    if not right:
        raise ValueError(f"{where or 'it'} is {shown(value)}, not {wanted}")


def shown(value: Any) -> str:
    """Return a value as a message can hold it, cut where it is long."""
    text = repr(value) if not isinstance(value, (dict, list)) else f"a {'table' if isinstance(value, dict) else 'list'}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
