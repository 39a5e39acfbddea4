"""What a reader is, told by its source: an edited `read` never trains on a store of before it was edited."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Hashable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

CORE = __name__.partition(".")[0]
CONVENTION = f"{CORE}_"
"""How the packages of plugins begin: what a reader has from another one is a part of it."""


def reader_digest(reader: Any) -> str:
    """Return a SHA-256 over the source of a reader's class and of what its modules have from plugins' packages.

    Comments and formatting do not count. What is imported inside of functions is not followed: `reader_version` is
    there for that. Classes without a file, as of a notebook, give the digest of nothing.
    """
    kind: type = type(reader)
    return _digest(kind)


@functools.cache
def _digest(kind: Hashable) -> str:
    assert isinstance(kind, type)
    whole = hashlib.sha256()
    for name in sorted(modules_of(kind)):
        whole.update(f"{name} {source_digest(sys.modules[name])}\n".encode())
    return whole.hexdigest()


def modules_of(kind: type) -> set[str]:
    """Return the names of the modules that a reader's class consists of."""
    pending = [one.__module__ for one in kind.__mro__ if one.__module__.partition(".")[0] not in (CORE, "builtins")]
    packages = {name.partition(".")[0] for name in pending}
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name in found or name not in sys.modules:
            continue
        found.add(name)
        pending += (
            other
            for other in used_by(sys.modules[name])
            if other.partition(".")[0] in packages or other.startswith(CONVENTION)
        )
    return found


def used_by(module: ModuleType) -> Iterator[str]:
    """Yield the names of the modules that a module has something from."""
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str):
            yield name


def source_digest(module: ModuleType) -> str:
    """Return a SHA-256 over what a module's file says; empty where it has none that can be read."""
    try:
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        return hashlib.sha256(ast.dump(ast.parse(text)).encode()).hexdigest()
    except (AttributeError, OSError, ValueError, SyntaxError):
        return ""
