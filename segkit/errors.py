"""What users see when something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self


class SegkitError(Exception):
    """A problem that the user can understand and mend.

    Args:
        message: names the file or option and what is wrong with it.
        hint: the way out, as an imperative.

    `exit_code` is what the command exits with: 1 for bad input.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def of(self, subject: str) -> Self:
        """Return the same error, its message begun with what it is about, such as "case c01"."""
        told = type(self).__new__(type(self))
        # Not copy.copy: it would call __init__ with the arguments of this class's, and a subclass may take others.
        told.__dict__ |= vars(self)
        told.message = f"{subject}: {self.message}"
        told.args = (told.message, self.hint)
        return told


class UsageError(SegkitError):
    """A command, option, config field or component name that cannot be meant; exits with 2."""

    exit_code = 2


class UnusableFileError(SegkitError):
    """A file that cannot be used.

    Args:
        file: as the user knows it, such as relative to the data root.
        reason: what is wrong with it, to be read after its name.
        hint: the way out.
    """

    def __init__(self, file: str, reason: str, hint: str) -> None:
        super().__init__(f"{file} {reason}", hint)
        self.file = file
        self.reason = reason


def one_line(text: str) -> str:
    """Return text from elsewhere as a line for the terminal: white space as single spaces, the rest `printable`."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Return text with everything escaped that a terminal would not show as it is, line breaks and tabs included.

    Names of files, cases, classes, tensors and plugins come from strangers, and so do the answers of servers: what of
    them reaches a terminal goes through here (`segkit.cli.output`), so that no name moves the cursor, sets the
    window's title or turns the direction of writing around.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """Return " (did you mean 'x'?)" for the known word nearest to `word`, or an empty string."""
    import difflib

    candidates = [str(candidate) for candidate in known]
    close = difflib.get_close_matches(word, candidates, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
