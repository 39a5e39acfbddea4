"""What a check is: a name, a kind of component, one sentence of what is expected, and a function."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

MODULES = {
    "plugin": ("segkit.testing.plugins", "segkit.testing.events", "segkit.testing.commands"),
    "arch": (
        "segkit.testing.architectures",
        "segkit.testing.forward",
        "segkit.testing.training",
        "segkit.testing.copies",
        "segkit.testing.graphs",
        "segkit.testing.overlapping",
    ),
    "data": ("segkit.testing.datasets", "segkit.testing.reading", "segkit.testing.files"),
    "loss": (
        "segkit.testing.losses",
        "segkit.testing.lossy",
        "segkit.testing.overlapping",
        "segkit.testing.drawn",
    ),
    "metric": (
        "segkit.testing.metrics",
        "segkit.testing.scoring",
        "segkit.testing.units",
        "segkit.testing.over_cases",
        "segkit.testing.probabilities",
        "segkit.testing.overlapping",
        "segkit.testing.drawn",
    ),
    "explainer": ("segkit.testing.explainers", "segkit.testing.evidence", "segkit.testing.overlapping"),
    "optimizer": ("segkit.testing.optimizers",),
    "schedule": ("segkit.testing.optimizers",),
    "augmentation": ("segkit.testing.augmentations",),
    "normalization": ("segkit.testing.intensities",),
    "sampler": ("segkit.testing.samplers",),
    "postprocess": ("segkit.testing.outputs",),
    "exporter": ("segkit.testing.outputs",),
    "section": ("segkit.testing.sections",),
    "searcher": ("segkit.testing.searchers",),
    "launcher": ("segkit.testing.launchers",),
}
"""Where the checks of each kind are; "plugin" is what every distribution has to pass."""
COMMON, LAST = ("segkit.testing.components",), ("segkit.testing.manners",)
"""Where the checks of every kind of component are: before its own, and after."""

Function = Callable[[Any], None]


class CheckFailure(AssertionError):  # noqa: N818 - pytest shows it as a failed assertion
    """What a check found wrong.

    Attributes:
        found: what came, in one or a few lines.
        mend: the way out, as an imperative.
        expected: what should have come; the check's own sentence where not given.
    """

    def __init__(self, found: str, mend: str, expected: str = "") -> None:
        super().__init__(found, mend, expected)
        self.found = found
        self.mend = mend
        self.expected = expected
        self.subject = ""

    def __str__(self) -> str:
        lines = [self.subject] if self.subject else []
        lines += [f"  expected: {self.expected}"] if self.expected else []
        return "\n".join([*lines, f"  found:    {self.found}", f"  to mend:  {self.mend}"])


class NotChecked(Exception):  # noqa: N818 - nothing is wrong
    """A check does not apply; the reason is its text."""


@dataclass(frozen=True)
class Check:
    """One named check.

    Attributes:
        expected: what is expected, in a sentence.
        function: called with the subject; raises CheckFailure or NotChecked.
        needs: checks of the same subject without which this one makes no sense.
        full: takes long; run only where that was asked for.
        raised: what to do where the component raises something; empty where the error itself says all.
    """

    name: str
    kind: str
    expected: str
    function: Function
    needs: tuple[str, ...] = ()
    full: bool = False
    raised: str = ""


_checks: dict[str, dict[str, Check]] = {}


def check(
    kind: str, name: str, *, needs: Sequence[str] = (), full: bool = False, raised: str = ""
) -> Callable[[Function], Function]:
    """Register a function as a check; its docstring's first line says what is expected."""

    def register(function: Function) -> Function:
        expected = (function.__doc__ or "").strip().splitlines()[0].rstrip(".")
        _checks.setdefault(kind, {})[name] = Check(name, kind, expected, function, tuple(needs), full, raised)
        return function

    return register


def checks_of(kind: str) -> list[Check]:
    """The checks of one kind, in the order in which they are written, whatever was imported first."""
    modules = MODULES[kind] if kind == "plugin" else (*COMMON, *MODULES.get(kind, ()), *LAST)
    for module in modules:
        importlib.import_module(module)
    common = {} if kind == "plugin" else _checks.get("component", {})
    found = [*common.values(), *_checks.get(kind, {}).values()]
    return sorted(found, key=lambda check: modules.index(check.function.__module__))


def fail(found: str, mend: str, expected: str = "") -> NoReturn:
    """End a check: say what came, what to do, and what should have come where the check's sentence is too wide."""
    raise CheckFailure(found, mend, expected)


def listed(names: Sequence[object], shown: int = 5) -> str:
    """Name the first few of many."""
    text = ", ".join(map(str, names[:shown]))
    return text if len(names) <= shown else f"{text} and {len(names) - shown} more"
