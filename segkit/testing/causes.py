"""What an exception of a plugin says to the plugin's author: its true cause, and the line that raised it."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from segkit.errors import one_line

CORE = Path(__file__).parents[1]
LENGTH = 300
"""Signs of a message that are shown: a graph's may fill pages."""
USER_CODE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in \S+\n\s+(?P<code>.+)')
"""A place in the network's own code, as torch writes it into the messages of its exporters and compilers."""
BOILERPLATE = re.compile(
    r"Failed to (export|convert|decompose)|This is step|## Next steps|- (Modify|Debug|Create)|Next steps|"
    r"The following call raised|Suggested fixes|# Summary|⬆️|<class|\s*[-#(`]"
)
"""Lines of torch's exporters that are the same whatever went wrong."""


def root_cause(error: BaseException) -> BaseException:
    """Return what was raised first: exporters raise what they caught anew, with a text about themselves."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def told(error: BaseException) -> str:
    """Name an exception's class, the first line of its message that says something, and where it was raised."""
    message = str(error).strip()
    lines = [line.strip() for line in message.splitlines() if line.strip() and not BOILERPLATE.match(line.strip())]
    text = one_line(lines[0] if lines else message)[:LENGTH]
    return f"{type(error).__name__}: {text}".rstrip(": ") + place(error)


def place(error: BaseException) -> str:
    """Return ", in FILE line N: CODE" of the innermost line outside of segkit and of installed libraries."""
    found = USER_CODE.findall(str(error))
    own = [entry for entry in found if not installed(entry[0])]
    if own:
        file, line, code = own[-1]
        return f", in {Path(file).name} line {line}: {one_line(code)}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if CORE not in Path(frame.filename).parents]
    # A plugin may be installed among libraries; torch's own lines say nothing to its author.
    others = [frame for frame in frames if "torch" not in Path(frame.filename).parts and not pythons(frame.filename)]
    chosen = [frame for frame in frames if not installed(frame.filename)] or others
    return f", in {Path(chosen[-1].filename).name} line {chosen[-1].lineno}: {chosen[-1].line}" if chosen else ""


def installed(file: str) -> bool:
    """Whether a file is a library's or Python's own; compiled ones name a source that is not there."""
    return "site-packages" in Path(file).parts or pythons(file) or Path(file).suffix != ".py"


def pythons(file: str) -> bool:
    """Whether a file is of the standard library, whose folder may hold the libraries too, or generated code."""
    path = Path(file)
    generated = file.startswith("<")
    return generated or (Path(traceback.__file__).parent in path.parents and "site-packages" not in path.parts)
