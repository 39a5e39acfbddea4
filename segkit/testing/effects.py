"""Whether a param changes anything: who reads it, what is built, what comes out."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, MethodType, ModuleType, UnionType
from typing import Any, Literal, Union

from segkit.params import ParamInfo

DEPTH = 8
"""How far into what was built is looked."""


def recorded(params: Any, reads: set[str]) -> Any:
    """Return params that note which of their fields are read."""
    kind = type(params)
    fields = {field.name for field in dataclasses.fields(params)}

    def get(self: Any, name: str) -> Any:
        if name in fields:
            reads.add(name)
        elif name == "__dict__":
            reads.update(fields)
        return object.__getattribute__(self, name)

    twin: Any = object.__new__(type(kind.__name__, (kind,), {"__getattribute__": get}))
    for field in dataclasses.fields(params):
        object.__setattr__(twin, field.name, getattr(params, field.name))
    if hasattr(twin, "__post_init__"):
        # What is read there decides what others are: presets, and what must not be together.
        twin.__post_init__()
    return twin


def others(info: ParamInfo, value: Any) -> Iterator[Any]:
    """Yield other values of a param that its type and limits allow, the nearest first."""
    yield from (one for one in guesses(info.hint, value) if one != value and within(info, one))


def guesses(hint: Any, value: Any) -> Iterator[Any]:
    """Yield values of a type other than the one given."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        yield from args
    elif origin in (Union, UnionType):
        yield from (None,) if value is not None else ()
        for arg in args:
            if arg is not type(None):
                yield from guesses(arg, value if value is not None else starting(arg))
    elif hint is bool:
        yield not value
    elif hint is int and isinstance(value, int):
        yield from (value + 1, value * 2, value - 1, value + 2)
    elif hint is float and isinstance(value, (int, float)):
        yield from (value * 0.5, value * 2 + 0.1, value - 0.1)
    elif origin is tuple and isinstance(value, tuple) and value:
        yield from ((first, *value[1:]) for first in guesses(args[0], value[0]))


def starting(hint: Any) -> Any:
    """A value to begin with where the default is none."""
    return {int: 1, float: 1.0, bool: False}.get(hint)


def within(info: ParamInfo, value: Any) -> bool:
    """Whether a value keeps to the param's limits."""
    numbers = value if isinstance(value, tuple) else (value,)
    return all(
        (info.min is None or one >= info.min) and (info.max is None or one <= info.max)
        for one in numbers
        if isinstance(one, (int, float)) and not isinstance(one, bool)
    )


def mentioned(factory: Any, name: str) -> bool:
    """Whether the factory's package speaks of `.name` or "name": what this kit does not call may read it."""
    try:
        file = Path(inspect.getfile(inspect.unwrap(factory)))
    except (TypeError, OSError):
        return True
    # Two readers of one package share what deals cases out to splits in a module of its own.
    files = file.parent.rglob("*.py") if (file.parent / "__init__.py").exists() else [file]
    forms = (f".{name}", f'"{name}"', f"'{name}'")
    return any(form in one.read_text(encoding="utf-8", errors="replace") for one in files for form in forms)


def fingerprint(value: Any, ignored: type, depth: int = DEPTH) -> Any:
    """What can be compared of anything that was built: weights, attributes, what a function has closed over.

    Args:
        ignored: the params' type: that they are other ones says nothing.
    """
    if isinstance(value, ignored) or depth == 0:
        return None
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, Path)):
        return value
    if isinstance(value, (type, ModuleType)) or typing.get_origin(value) is not None:
        return repr(value)  # a class that is kept, such as what layers are made of, has the methods asked for below
    if hasattr(value, "detach"):
        value = value.detach().float().cpu().numpy() if value.is_floating_point() else value.cpu().numpy()
    if hasattr(value, "tobytes") and hasattr(value, "shape"):
        return str(value.shape), hashlib.sha256(value.tobytes()).hexdigest()
    deeper = functools.partial(fingerprint, ignored=ignored, depth=depth - 1)
    if hasattr(value, "named_modules"):
        plain = [{k: v for k, v in vars(one).items() if not k.startswith("_")} for one in value.modules()]
        return repr(value), deeper(value.state_dict()), deeper(plain)
    if isinstance(value, Mapping):
        return tuple((str(key), deeper(one)) for key, one in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(deeper(one) for one in value)
    if isinstance(value, functools.partial):
        return deeper(value.func), deeper(value.args), deeper(value.keywords)
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return value.__qualname__, deeper(cells), deeper(value.__defaults__), deeper(value.__kwdefaults__)
    if isinstance(value, MethodType):
        return value.__qualname__, deeper(value.__self__)
    return type(value).__qualname__, deeper(getattr(value, "__dict__", {}))
