"""Whether the losses can learn from the mean of several readers; said before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segkit.data.dataset import DatasetReader
from segkit.discovery import Found, Registry
from segkit.errors import UsageError


def averages(reader: DatasetReader) -> bool:
    """Whether the mean of an image's drawings is trained on, not one of them."""
    return bool(getattr(reader, "averages_readings", False))


def check_soft(reader: DatasetReader, losses: Sequence[Found], registry: Registry) -> None:
    """Raise UsageError where the mean of several readers is the target and a loss has not declared that it takes it."""
    for found in losses if averages(reader) else ():
        component: Any = found.component
        if component.soft:
            continue
        able = [item.component.name for item in registry.components("loss") if getattr(item.component, "soft", False)]
        raise UsageError(
            f"loss {component.name} does not say that it takes soft targets, which the mean of several readers is",
            f"take others ({', '.join(able) or 'none is installed'}), or train on one reader at a time",
        )
