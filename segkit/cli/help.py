"""The pages of `--help`, in whole words at every width: examples too, so that they can be copied."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

MARK = "\b\n"
"""What click takes for the begin of a paragraph whose lines are kept."""
GOES_ON = " \\"
"""How a shell is told that a command goes on in the next line."""
TOGETHER = re.compile(r"""(?<!\S)--?[\w-]+ (?=[^-\s])|"[^"]*"|'[^']*'""")
"""An option with what follows it, and what is quoted: a line is not broken in them."""
HYPHEN = "\x01"
"""Stands for a hyphen while lines are broken: options and names, dicom-seg say, are not parted at theirs."""
NARROW, MARGIN = 70, 12
"""Below so many columns an option longer than the margin stands on a line of its own, its help below it."""


class Formatter(click.HelpFormatter):
    """Writes kept lines as wide as the window, each further line of one as a shell reads on."""

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        room = self.width - self.current_indent - len(GOES_ON)
        parts = [part if not part.startswith(MARK) else kept(part, room) for part in text.split("\n\n")]
        super().write_text("\n\n".join(parts).replace("-", HYPHEN))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names beside what is said of them, or above it."""
        rows = [(name.replace("-", HYPHEN), text.replace("-", HYPHEN)) for name, text in rows]
        super().write_dl(rows, min(col_max, MARGIN) if self.width < NARROW else col_max, col_spacing)

    def getvalue(self) -> str:
        """Return what was written."""
        return super().getvalue().replace(HYPHEN, "-")


class Context(click.Context):
    """What a command is run in, with that formatter."""

    formatter_class = Formatter


def kept(paragraph: str, width: int) -> str:
    """Break the lines of a paragraph that begins with MARK."""
    lines = paragraph.removeprefix(MARK).splitlines()
    # A line that fits with no sign to spare needs none to go on with.
    return MARK + "\n".join(line if len(line) <= width + len(GOES_ON) else continued(line, width) for line in lines)


def continued(command: str, width: int) -> str:
    """Break an example of a command between its options and arguments."""
    from segkit.report.layout import wrapped

    glued = TOGETHER.sub(lambda found: found[0].replace(" ", "\0"), command)
    return wrapped(glued, width, "    ").replace("\0", " ").replace("\n", f"{GOES_ON}\n")
