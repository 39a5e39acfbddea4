"""A disk that refuses the n-th thing that is done to it: every call of Python's that changes files goes through here.

What C code writes by itself, past Python's `open` and `os`, is not seen; the core writes through `segkit.files`.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES}
CHANGES = ("mkdir", "replace", "rename", "unlink", "remove", "rmdir", "fsync", "ftruncate", "write", "symlink", "link")
REMOVALS = ("unlink", "remove", "rmdir", "close")


class Injector:
    """Counts what is done to files below a folder, and refuses one of it.

    Args:
        folder: what lies elsewhere is let through uncounted.
        refused: the number of the call to refuse, from 1; 0 counts alone.
        error: a key of ERRORS, or "short": half of a write arrives and then the disk is full; "kill": the process ends
            before the call.
        lasting: every later call that needs space is refused too, as a full disk does.
    """

    def __init__(self, folder: Path, refused: int, error: str, *, lasting: bool = False) -> None:
        self.folder = str(folder.resolve())
        self.refused, self.error, self.lasting = refused, error, lasting
        self.count = 0
        self.calls: list[str] = []
        self.descriptors: set[int] = set()
        self.real_open = builtins.open

    def install(self) -> None:
        """Put this in the place of `open` and of the functions of `os`."""
        for name in CHANGES:
            setattr(os, name, self.counted(name, getattr(os, name)))
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate = self.counted("posix_fallocate", os.posix_fallocate)
        real_os_open, real_close = os.open, os.close

        def os_open(path: Any, flags: int, *args: Any, **options: Any) -> int:
            watched = self.inside(path) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if watched:
                self.step("os.open", path)
            descriptor = real_os_open(path, flags, *args, **options)
            if watched:
                self.descriptors.add(descriptor)
            return descriptor

        def close(descriptor: int) -> None:
            watched = descriptor in self.descriptors
            self.descriptors.discard(descriptor)
            real_close(descriptor)
            if watched:  # closed it is, and a network drive says only now that it has not taken what was written
                self.step("close", descriptor)

        os.open, os.close = os_open, close
        builtins.open = io.open = self.open

    def inside(self, path: Any) -> bool:
        """Whether a path, or an open file, is one that is watched."""
        if isinstance(path, int):
            return path in self.descriptors
        text = os.fspath(path)
        text = os.fsdecode(text) if isinstance(text, bytes) else text
        return str(Path.cwd() / text).startswith(self.folder + os.sep)

    def step(self, name: str, path: Any) -> None:
        """Count one call; raises OSError where it is the one to refuse."""
        self.count += 1
        self.calls.append(name)
        if self.error == "kill" and self.count == self.refused:
            os.kill(os.getpid(), signal.SIGKILL)
        full = self.lasting and self.refused and self.count > self.refused and name not in REMOVALS
        if self.count == self.refused or full:
            number = ERRORS.get(self.error, errno.ENOSPC)
            raise OSError(number, os.strerror(number), None if isinstance(path, int) else os.fspath(path))

    def counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of `os` that counts."""

        def call(path: Any, *args: Any, **options: Any) -> Any:
            # A descriptor-relative call (shutil.rmtree) names a path that cannot be told where it is: it counts.
            if options.get("dir_fd") is not None or self.inside(path):
                self.step(name, path)
            return real(path, *args, **options)

        return call

    def open(self, file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        """As the built-in `open`; a file that is written counts once when it is opened and at every write."""
        writes = bool(set(mode) & set("wax+"))
        if not writes or not self.inside(file):
            return self.real_open(file, mode, *args, **options)
        if not isinstance(file, int):
            self.step("open", file)
        stream = self.real_open(file, mode, *args, **options)
        self.descriptors.add(stream.fileno())
        return Written(stream, self, file)


class Written:
    """A file that is open for writing: counts its writes, everything else is the real file's."""

    def __init__(self, stream: Any, injector: Injector, path: Any) -> None:
        self._stream, self._injector, self._path = stream, injector, path

    def write(self, data: Any) -> Any:
        """Write, or what of it fits."""
        try:
            self._injector.step("stream.write", self._path)
        except OSError:
            if self._injector.error == "short":
                self._stream.write(data[: len(data) // 2])
                self._stream.flush()
            raise
        return self._stream.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Written:
        self._stream.__enter__()
        return self

    def close(self) -> None:
        """Close it, and say what the disk says to that."""
        closed = self._stream.closed
        self._stream.close()
        if not closed:
            self._injector.step("close", self._path)

    def __exit__(self, *reason: Any) -> Any:
        self.close()

    def __iter__(self) -> Any:
        return iter(self._stream)
