"""What libraries warn of and log, as lines for who runs the server: it may hold what a stranger wrote (issue 19)."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

from segkit.errors import one_line

TALKATIVE = ("python_multipart",)
"""Libraries that log what a client is told anyway."""


class Lines(logging.Handler):
    """Writes each record as one line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        say(f"{record.levelname.lower()}: {record.getMessage()}")


def speak_in_lines() -> None:
    """Let warnings and records of this process be lines of text that no terminal obeys."""
    warnings.showwarning = _show_warning
    logging.getLogger().handlers[:] = [Lines(logging.WARNING)]
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def say(line: str) -> None:
    """Write a line on stderr, as far in as it was."""
    text = line.lstrip()
    print(" " * (len(line) - len(text)) + one_line(text), file=sys.stderr, flush=True)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Take the place of `warnings.showwarning`."""
    say(f"warning: {message}")
