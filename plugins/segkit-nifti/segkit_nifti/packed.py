"""Unpack gzip as the C libraries do: members one after the other, whatever follows the last one left alone."""

from __future__ import annotations

import zlib
from typing import BinaryIO, Protocol

GZIP = b"\x1f\x8b"
WINDOW = 31
"""zlib's word for: a gzip header before and a checksum behind."""
BLOCK = 1 << 18


class Bytes(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none only at the end."""


class Packed:
    """A gzip file's content; Python's own reader refuses files that somebody padded (`gzip` reads them, as zlib does).

    Reading raises zlib.error where the content or its checksum is damaged, EOFError where it ends early.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting = b""
        self._member = zlib.decompressobj(WINDOW)

    def read(self, size: int, /) -> bytes:
        """Return up to `size` unpacked bytes, none only at the end."""
        while size > 0:
            if self._member.eof and not self._next_member():
                return b""
            packed = self._waiting or self._stream.read(BLOCK)
            content = self._member.decompress(packed, size)
            self._waiting = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if content:
                return content
            if not packed and not self._member.eof:
                raise EOFError("it ends before its checksum")
        return b""

    def _next_member(self) -> bool:
        """Begin the next member, where there is one."""
        if len(self._waiting) < len(GZIP):
            self._waiting += self._stream.read(BLOCK)
        if not self._waiting.startswith(GZIP):
            return False
        self._member = zlib.decompressobj(WINDOW)
        return True
