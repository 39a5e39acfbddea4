"""The streams a command writes to, whatever they are: closed, a pipe nobody reads, or one that knows few signs."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import unicodedata
from typing import TextIO

NEAREST = "segkit-nearest"
"""How errors of encoding are mended, by the name that `codecs` knows it by."""
NAMES = {1: "standard output", 2: "standard error"}
LIKE = str.maketrans("–—‘’“”…×≤≥━→", "--''\"\".x<>->")


def prepare() -> None:
    """Make stdout and stderr fit to be written to, so that no command fails for how its words are shown.

    A closed stream takes what is written and drops it; a pipe that its reader has closed does so from then on, for the
    work goes on; a sign that the stream's encoding lacks becomes its nearest, or a question mark.
    """
    fill_descriptors()
    codecs.register_error(NEAREST, nearest)
    for number, name in ((1, "stdout"), (2, "stderr")):
        setattr(sys, name, prepared(getattr(sys, name), number))


def fill_descriptors() -> None:
    """Open what was closed of 0, 1 and 2: else the next file opened, a checkpoint say, would take what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def prepared(stream: TextIO | None, number: int) -> TextIO:
    """Return the stream that takes the place of `stream`, of the descriptor 1 or 2."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8", errors="replace")  # noqa: PTH123  # open as long as we are
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    utf8 = codecs.lookup(stream.encoding).name.startswith("utf")
    # What is no text of a file's name on Linux passes through an UTF-8 stream as the bytes that it was.
    errors = stream.errors if utf8 and stream.errors == "surrogateescape" else NEAREST
    if os.name == "nt" or stream is not getattr(sys, f"__{'stdout' if number == 1 else 'stderr'}__"):
        stream.reconfigure(errors=errors)
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Outlet(number, "wb", closefd=False)),
        stream.encoding,
        errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class Outlet(io.FileIO):
    """A descriptor whose reader may go away, as `head` does; from then on what is written is dropped.

    Training goes on: an hour of it is worth more than the lines that nobody reads.
    """

    def write(self, data: object) -> int:
        """Write bytes; raises OSError that names the stream for anything but a reader that has gone."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            # Whatever it was is told once: the interpreter's last flush would tell it again, as a traceback.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if error.errno != errno.EPIPE:
                raise OSError(error.errno, error.strerror, NAMES.get(self.fileno())) from None
            return len(memoryview(data).cast("B"))  # type: ignore[arg-type]


def nearest(error: UnicodeError) -> tuple[str, int]:
    """Answer an error of encoding: á becomes a, a long dash a short one, and what has no like a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(like, error.object[error.start : error.end])), error.end


def like(sign: str) -> str:
    """Return the ASCII that looks most like a sign."""
    plain = unicodedata.normalize("NFKD", sign.translate(LIKE)).encode("ascii", "ignore").decode()
    return plain or "?"
