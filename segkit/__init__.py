"""segkit: train, evaluate and explain medical image segmentation models, every part a plugin."""

from __future__ import annotations

import segkit.starting  # noqa: F401  # isort: skip  # before anything that takes time

from typing import TYPE_CHECKING, Any

from segkit.declarations import Architecture, Dataset, Explainer, Loss, Metric, Task
from segkit.declarations.hookspecs import API_VERSION, hookimpl
from segkit.declarations.parts import (
    Augmentation,
    Exporter,
    Launcher,
    Normalization,
    Optimizer,
    PostProcessing,
    ReportSection,
    Sampler,
    Schedule,
    Searcher,
)
from segkit.errors import SegkitError, UnusableFileError, UsageError
from segkit.params import param
from segkit.version import __version__ as __version__

if TYPE_CHECKING:
    from segkit.api import compare, components, evaluate, export, load, run
    from segkit.contracts import (
        IGNORE,
        Measurement,
        Outputs,
        RunInfo,
        SearchedSetting,
        SectionContent,
        StudyInfo,
        Trial,
    )
    from segkit.data.case import Case, Problem, Sample

__all__ = [
    "API_VERSION",
    "Architecture",
    "Augmentation",
    "Case",
    "Dataset",
    "Explainer",
    "Exporter",
    "IGNORE",
    "Launcher",
    "Loss",
    "Measurement",
    "Metric",
    "Normalization",
    "Optimizer",
    "Outputs",
    "PostProcessing",
    "Problem",
    "ReportSection",
    "RunInfo",
    "Sample",
    "Sampler",
    "Schedule",
    "SearchedSetting",
    "Searcher",
    "SectionContent",
    "SegkitError",
    "StudyInfo",
    "Task",
    "Trial",
    "UnusableFileError",
    "UsageError",
    "compare",
    "components",
    "evaluate",
    "export",
    "hookimpl",
    "load",
    "param",
    "run",
]

# What no plugin needs to declare itself is imported at its first use: `segkit list` is to answer at once.
_MODULES = {
    "Case": "segkit.data.case",
    "IGNORE": "segkit.contracts",
    "Measurement": "segkit.contracts",
    "Outputs": "segkit.contracts",
    "Problem": "segkit.data.case",
    "RunInfo": "segkit.contracts",
    "Sample": "segkit.data.case",
    "SearchedSetting": "segkit.contracts",
    "SectionContent": "segkit.contracts",
    "StudyInfo": "segkit.contracts",
    "Trial": "segkit.contracts",
    "compare": "segkit.api",
    "components": "segkit.api",
    "evaluate": "segkit.api",
    "export": "segkit.api",
    "load": "segkit.api",
    "run": "segkit.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'segkit' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
