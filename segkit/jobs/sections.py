"""Sections that plugins add to a run's page; none of them can keep the page from being written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from segkit.contracts import SectionContent
from segkit.discovery import Found
from segkit.errors import SegkitError, one_line
from segkit.jobs.culprit import culprit_of
from segkit.report.html import Section

TEMPLATE = "plugin_section.html.j2"


def plugin_sections(found: Sequence[Found], folder: Path, tell: Callable[[str], None]) -> list[Section]:
    """Ask each plugin's section what it shows; what it raises is told, and the page goes without it.

    Args:
        folder: the run's directory.
        tell: told in a sentence of what failed.
    """
    sections = []
    for item in found:
        try:
            content = item.load()(item.component.params())(folder)
            if content is None:
                continue
            if not isinstance(content, SectionContent):
                raise SegkitError(f"it returned {type(content).__name__}, not segkit.SectionContent")
        except Exception as error:  # of a plugin
            culprit = culprit_of(error, [item.plugin])
            reason = culprit.error(error).message if culprit else one_line(f"{error}")
            tell(f"section {item.full_name} is left out: {reason}")
            continue
        sections.append(Section(f"plugin-{item.component.name}", content.title, TEMPLATE, content))
    return sections
