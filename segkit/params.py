"""A component's params: a frozen dataclass, built from text or TOML and checked before torch is imported."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union

from segkit.errors import UsageError, did_you_mean, one_line

NONE_WORDS = ("none", "null", "")
TRUE_WORDS = ("true", "yes", "on", "1")
FALSE_WORDS = ("false", "no", "off", "0")


def param(
    default: Any,
    help: str,
    *,
    min: float | None = None,
    max: float | None = None,
    measured: bool = False,
    start: bool = False,
) -> Any:
    """Declare one field of a params dataclass.

    Args:
        default: the value used when nobody sets it; immutable.
        help: one sentence for `segkit info`.
        min: smallest number allowed, also for each entry of a tuple of numbers.
        max: largest number allowed, likewise. Numbers are finite unless a limit or the default itself is infinite.
        measured: the value changes what a metric measures on a case (it reaches `measure` as an
            option), not only how a score is derived from it.
        start: the value matters only where training starts, such as first weights to load: a model rebuilt from its
            checkpoint takes the default.
    """
    metadata = {"help": help, "min": min, "max": max, "measured": measured, "start": start}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class NoParams:
    """The params of a component that has none."""


@dataclass(frozen=True)
class ParamInfo:
    """One param as `segkit info` shows it."""

    name: str
    type: str
    default: Any
    help: str
    min: float | None
    max: float | None
    measured: bool
    start: bool
    hint: Any

    @property
    def unbounded(self) -> bool:
        """Whether infinity is a value that makes sense, as a limit or the default says."""
        return any(abs(number) == math.inf for number in numbers_in((self.min, self.max)) + numbers_in(self.default))

    @property
    def limits(self) -> str:
        """The limits as text, empty where there are none."""
        if self.min is None and self.max is None:
            return ""
        low, high = (str(limit) if isinstance(limit, int) else f"{limit or 0:g}" for limit in (self.min, self.max))
        if self.max is None:
            return f">= {low}"
        return f"<= {high}" if self.min is None else f"{low} to {high}"


@functools.cache
def describe(params_type: type) -> Mapping[str, ParamInfo]:
    """Return the params of a dataclass by name, in the order of declaration."""
    hints = typing.get_type_hints(params_type)
    found = {}
    for field in dataclasses.fields(params_type):
        found[field.name] = ParamInfo(
            name=field.name,
            type=type_text(hints[field.name]),
            default=field.default,
            help=field.metadata.get("help", ""),
            min=field.metadata.get("min"),
            max=field.metadata.get("max"),
            measured=bool(field.metadata.get("measured", False)),
            start=bool(field.metadata.get("start", False)),
            hint=hints[field.name],
        )
    return types.MappingProxyType(found)


@functools.cache
def check_params_type(params_type: Any) -> None:
    """Raise TypeError unless `params_type` is a frozen dataclass whose fields have help and a default that fits."""
    if not (isinstance(params_type, type) and dataclasses.is_dataclass(params_type)):
        raise TypeError(f"params must be a dataclass, not {params_type!r}")
    if not params_type.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise TypeError(f"params {params_type.__name__} must be frozen: write @dataclass(frozen=True)")
    for field in dataclasses.fields(params_type):
        if field.default is dataclasses.MISSING:
            raise TypeError(f"param {field.name!r} of {params_type.__name__} has no default: use segkit.param(...)")
        if not field.metadata.get("help"):
            raise TypeError(f"param {field.name!r} of {params_type.__name__} has no help: use segkit.param(...)")
    try:
        infos = describe(params_type)
    except NameError as error:
        raise TypeError(f"params {params_type.__name__}: its annotations cannot be read: {error}") from None
    for info in infos.values():
        try:
            check(info, info.default, f"params {params_type.__name__}")
        except UsageError as error:
            raise TypeError(f"the default does not fit: {error.message}") from None


def build(params_type: type, settings: Mapping[str, Any], where: str) -> Any:
    """Build a params instance from text (command line) or TOML values.

    Args:
        settings: values by param name; the rest keep their defaults.
        where: what the params belong to, for the message: "arch unet".

    Raises:
        UsageError: for an unknown name, a value of the wrong type or one outside its limits.
    """
    known = describe(params_type)
    values = {}
    for name, value in settings.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            raise UsageError(f"{where} has no param {name!r}{did_you_mean(name, known)}", f"its params: {listed}")
        values[name] = check(known[name], value, where)
    return make(params_type, values, where)


def make(params_type: type, values: Mapping[str, Any], where: str) -> Any:
    """Make a params instance of checked values; a ValueError of its `__post_init__` is the user's sentence."""
    try:
        return params_type(**values)
    except ValueError as error:
        raise UsageError(f"{where}: {one_line(str(error)) or 'these values do not go together'}") from error


def check(info: ParamInfo, value: Any, where: str) -> Any:
    """Return `value` in the param's type and within its limits; raises UsageError otherwise."""
    try:
        converted = convert(value, info.hint)
    except (ValueError, TypeError) as error:
        reason = str(error) or f"expected {info.type}"
        raise UsageError(
            f"{where}: {info.name}={value!r}: {reason}", f"give {info.type}, as in {info.name}={show(info.default)}"
        ) from None
    for number in numbers_in(converted):
        too_low = info.min is not None and number < info.min
        too_high = info.max is not None and number > info.max
        # A tolerance of infinity, typed or computed by somebody's script, ended deep inside of a distance transform as
        # an internal error (issue 16): what few params can mean has to be said by the param.
        # Compared, for math.isfinite turns a whole number into a float, which 10**400 has none of.
        endless = number != number or (abs(number) == math.inf and not info.unbounded)
        if too_low or too_high or endless:
            wanted = ", ".join(part for part in ("a finite number" if endless else "", info.limits) if part)
            raise UsageError(f"{where}: {info.name}={show(value)} is out of range", f"give {wanted}")
    return converted


def numbers_in(value: Any) -> list[int | float]:
    """The numbers that a param's value is or holds; truth values are none."""
    if isinstance(value, tuple):
        return [number for one in value for number in numbers_in(one)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def convert(value: Any, hint: Any) -> Any:
    """Turn command-line text or a TOML value into the declared type; raises ValueError."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(value, args)
    if origin is Literal:
        for choice in args:
            # The shell has only text: "2" stands for the choice 2.
            if value == choice or str(value) == str(choice):
                return choice
        raise ValueError("expected one of " + ", ".join(map(str, args)) + did_you_mean(str(value), args))
    if origin is tuple:
        return _convert_tuple(value, args)
    if hint is Any:
        return value
    if hint is bool:
        return _convert_bool(value)
    if hint is int:
        return _convert_int(value)
    if hint is float:
        if isinstance(value, bool):
            raise ValueError("expected a number")
        return _number(float, value)
    if hint is str:
        if not isinstance(value, str):
            raise ValueError("expected text")
        return value
    if hint is Path:
        return Path(value)
    raise ValueError(f"segkit cannot read a {type_text(hint)}")


def _convert_union(value: Any, args: tuple[Any, ...]) -> Any:
    if type(None) in args and (value is None or (isinstance(value, str) and value.lower() in NONE_WORDS)):
        return None
    reasons = []
    for arg in args:
        if arg is type(None):
            continue
        try:
            return convert(value, arg)
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError(" or ".join(dict.fromkeys(reasons)))


def _convert_tuple(value: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(value, str) and args and typing.get_origin(args[0]) is tuple:
        # Rows as people write them: 1,2;3,4 or (1,2),(3,4).
        text = value.strip()
        rows = re.split(r"\s*[)\]]\s*,\s*[(\[]\s*", text.strip("()[]")) if ";" not in text else text.split(";")
        value = [row for row in rows if row.strip()]
    elif isinstance(value, str):
        text = value.strip().strip("()[]")
        if args and args[0] in (int, float):
            # Sizes as people write them, 256x256; in a list of names an x is a letter.
            if re.search(r"x\s*(x|,|$)|(^|,)\s*x|(^|,)\s*,", text):
                raise ValueError("expected a number on both sides of each x and comma")
            text = text.replace("x", ",")
        value = [part.strip() for part in text.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)):
        value = [value]
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(convert(part, args[0]) for part in value)
    if len(value) != len(args):
        raise ValueError(f"expected {len(args)} values")
    return tuple(convert(part, arg) for part, arg in zip(value, args, strict=True))


def _convert_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in TRUE_WORDS:
        return True
    if isinstance(value, str) and value.lower() in FALSE_WORDS:
        return False
    raise ValueError("expected true or false")


def _convert_int(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("expected a whole number")
    return int(_number(int, value))


def _number(kind: type, value: Any) -> Any:
    try:
        return kind(value.strip() if isinstance(value, str) else value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError("expected a whole number" if kind is int else "expected a number") from None


def type_text(hint: Any) -> str:
    """Describe a type for people: "int", "none | batch", "list of int"."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " | ".join(str(choice) for choice in args)
    if origin in (Union, types.UnionType):
        return " | ".join("none" if arg is type(None) else type_text(arg) for arg in args)
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return f"list of {type_text(args[0])}"
        return ",".join(type_text(arg) for arg in args)
    return getattr(hint, "__name__", str(hint))


def show(value: Any) -> str:
    """Write a value as `--set` takes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)) and value:
        return (";" if isinstance(value[0], (tuple, list)) else ",").join(show(part) for part in value)
    if isinstance(value, (tuple, list)):
        return ""
    return str(value)


def plain(params: Any) -> dict[str, Any]:
    """Return the params as values that TOML and JSON can hold (None becomes "none", tuples lists)."""

    def one(value: Any) -> Any:
        if value is None:
            return "none"
        if isinstance(value, (tuple, list)):
            return [one(part) for part in value]
        if isinstance(value, Path):
            return str(value)
        return value

    return {field.name: one(getattr(params, field.name)) for field in dataclasses.fields(params)}
