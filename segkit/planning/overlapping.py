"""Whether what was chosen can deal with classes that overlap; said before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence

from segkit.declarations import Task
from segkit.discovery import Found, Registry
from segkit.errors import UsageError
from segkit.settings import Evaluate


def check_overlapping(task: Task, chosen: Sequence[Found], registry: Registry) -> None:
    """Raise UsageError where a task's classes overlap and a loss, metric or explainer has not declared that it can.

    Architectures give a logit per channel and the core asks the dataset: they need not.
    """
    if not task.overlapping:
        return
    for found in chosen:
        if getattr(found.component, "overlapping", True):
            continue
        kind = found.component.kind
        able = [item.component.name for item in registry.components(kind) if getattr(item.component, "overlapping", 0)]
        raise UsageError(
            f"{kind} {found.component.name} does not say that it can deal with overlapping classes, and "
            f"{', '.join(task.classes)} overlap",
            f"take one that can: {', '.join(able) or 'none is installed'}",
        )


def check_background(task: Task, settings: Evaluate) -> None:
    """Raise UsageError where the background is to be scored as a class, and is none."""
    if task.overlapping and settings.background:
        raise UsageError(
            "evaluate.background: overlapping classes are scored one by one, and there is no background among them",
            "leave it out",
        )
