"""What libtiff finds wrong with a file: heard, in place of being printed by it and passed over by Pillow.

Pillow reads TIFF through libtiff, which writes to the terminal whatever it finds, raw, and of some codecs (fax group
4, as scanners write black and white) goes on with wrong pixels, of which Pillow says nothing. Its handler of errors
can be replaced; Pillow has no function for it, and so it is done through the library that Pillow has loaded. Where
that cannot be found all is as before.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import PIL

_heard = threading.local()
ERROR_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
"""module, message as printf takes it, and the values for it, which are of no type that Python could read."""


@contextmanager
def tiff_errors() -> Iterator[list[str]]:
    """Yield a list of what libtiff finds wrong in this thread meanwhile, in words without their numbers."""
    listen()
    found: list[str] = []
    before = getattr(_heard, "found", None)
    _heard.found = found
    try:
        yield found
    finally:
        _heard.found = before


@functools.cache
def listen() -> bool:
    """Take libtiff's errors in, once for the process; returns whether the library was found."""
    for path in libraries():
        try:
            library: Any = ctypes.CDLL(path)
            setter = library.TIFFSetErrorHandler
        except (OSError, AttributeError):
            continue
        setter.restype, setter.argtypes = ctypes.c_void_p, [ERROR_HANDLER]
        setter(HANDLER)
        return True
    return False


def libraries() -> Iterator[str]:
    """Yield the files that may be the libtiff that Pillow uses: loaded ones first, then those that it came with."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        lines = maps.read_text(errors="replace").splitlines()
        yield from dict.fromkeys(line.split(maxsplit=5)[5] for line in lines if "libtiff" in line)
    package = Path(PIL.__file__).parent
    for folder in (package / ".dylibs", package.with_name("pillow.libs")):
        yield from map(str, sorted(folder.glob("libtiff*")))


def _on_error(module: bytes | None, message: bytes | None, values: int | None) -> None:
    found = getattr(_heard, "found", None)
    if found is not None:
        found.append(in_words((message or b"").decode("latin-1")))


HANDLER = ERROR_HANDLER(_on_error)
"""Kept for as long as the process lives: libtiff calls it. Of warnings Pillow tells libtiff to be silent."""


def in_words(message: str) -> str:
    """Return the part of a printf message that stands before its first value: "Bad code word at line"."""
    return " ".join(message.split("%")[0].strip(" ,;:.(").split()) or "an error"
