"""segkit: train, evaluate and explain medical image segmentation models, every part a plugin."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit.api import components, load, run
from segkit.contracts import IGNORE, Measurement, Outputs
from segkit.data.case import Case, Problem, Sample
from segkit.declarations import Architecture, Dataset, Explainer, Loss, Metric, Task
from segkit.errors import SegkitError, UsageError
from segkit.hookspecs import API_VERSION, hookimpl
from segkit.params import param

__all__ = [
    "API_VERSION",
    "Architecture",
    "Case",
    "Dataset",
    "Explainer",
    "IGNORE",
    "Loss",
    "Measurement",
    "Metric",
    "Outputs",
    "Problem",
    "Sample",
    "SegkitError",
    "Task",
    "UsageError",
    "components",
    "hookimpl",
    "load",
    "param",
    "run",
]
