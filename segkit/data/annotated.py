"""Which of a task's classes the masks of cases were drawn for."""

from __future__ import annotations

from collections.abc import Sequence

Annotated = tuple[bool, ...]
"""Which of a task's classes were looked for, in its order."""


def rows_of(annotated: Sequence[tuple[str, ...] | None], classes: Sequence[str]) -> list[Annotated]:
    """Return which classes each case was annotated for; None: all."""
    return [tuple(names is None or name in names for name in classes) for names in annotated]
