"""What a plugin declares, described without importing torch, and the hooks that return it."""

from segkit.declarations.component import NAME, PATH, Component, resolve
from segkit.declarations.kinds import (
    CORE_DATA_FIELDS,
    KINDS,
    READERS,
    Architecture,
    Dataset,
    Explainer,
    Loss,
    Metric,
    Task,
)

__all__ = [
    "Architecture",
    "CORE_DATA_FIELDS",
    "Component",
    "Dataset",
    "Explainer",
    "KINDS",
    "Loss",
    "Metric",
    "NAME",
    "PATH",
    "READERS",
    "Task",
    "resolve",
]
