"""All checks of one installed distribution, run one by one, each at most once."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from segkit.declarations import Architecture
from segkit.discovery import Found, Registry
from segkit.errors import UsageError, did_you_mean
from segkit.installed import Plugin, canonical
from segkit.testing.check import Check, CheckFailure, NotChecked, checks_of
from segkit.testing.subjects import ArchitectureSubject, CheckSubject, DatasetSubject, PluginSubject, subject_type

Status = Literal["passed", "failed", "skipped", "xfailed"]
OWN_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Item:
    """One check of one subject."""

    subject: CheckSubject
    check: Check

    def __str__(self) -> str:
        return f"{self.subject.label.replace(' ', '-')}-{self.check.name}".lower()


@dataclass(frozen=True)
class CheckOutcome:
    """What came of an item.

    Attributes:
        reason: why it was skipped, or was expected to fail.
        failure: what is wrong, where it failed.
    """

    status: Status
    reason: str = ""
    failure: CheckFailure | None = None
    seconds: float = 0.0


@dataclass
class Suite:
    """The checks of a distribution's plugins and components.

    Attributes:
        xfail: known gaps, check name or "component:check" -> reason.
        params: component name -> params to check it with, where the declared ones do not serve.
        samples: dataset name -> function that writes a small data set into an empty folder, where it makes none.
        full: also run what takes long.
    """

    plugins: list[Plugin]
    xfail: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    samples: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    full: bool = False
    _outcomes: dict[Item, CheckOutcome] = field(default_factory=dict)

    @classmethod
    def of(cls, distribution: str, registry: Registry | None = None, **options: Any) -> Suite:
        """Find an installed distribution; raises UsageError where it is not there or an option names nothing."""
        registry = registry or Registry.discover()
        plugins = [plugin for plugin in registry.plugins if canonical(plugin.name) == canonical(distribution)]
        if not plugins:
            names = sorted({plugin.name for plugin in registry.plugins})
            raise UsageError(
                f"no installed distribution {distribution!r} provides segkit plugins"
                f"{did_you_mean(distribution, names)}",
                f"install it with pip; installed: {', '.join(names) or 'none'}",
            )
        suite = cls(plugins, **options)
        suite.check_options()
        return suite

    def check_options(self) -> None:
        """Raise UsageError where `xfail` or `params` name what is not there."""
        items = [*self.items(full=True)]
        known = {name for item in items for name in names_of(item)}
        for name in self.xfail:
            if name not in known:
                raise UsageError(
                    f"xfail names no check: {name!r}{did_you_mean(name, known)}", "name CHECK or COMPONENT:CHECK"
                )
        components = {component.name for plugin in self.plugins for component in plugin.components}
        for option, names in (("params", self.params), ("samples", self.samples)):
            for name in names:
                if name not in components:
                    guess = did_you_mean(name, components)
                    raise UsageError(f"{option} name no component: {name!r}{guess}", "mend the name")

    @cached_property
    def subjects(self) -> list[CheckSubject]:
        """Every plugin and every component, architectures once per number of spatial dims."""
        found: list[CheckSubject] = []
        for plugin in self.plugins:
            found.append(PluginSubject(plugin))
            for component in plugin.components:
                item, settings = Found(plugin, component), self.params.get(component.name, {})
                if isinstance(component, Architecture):
                    found += [ArchitectureSubject(item, settings, dims) for dims in component.spatial_dims]
                else:
                    found.append(subject_type(component.kind)(item, settings))
                if isinstance(found[-1], DatasetSubject):
                    found[-1].write = self.samples.get(component.name)
        return found

    def items(self, *, full: bool | None = None) -> Iterator[Item]:
        """Yield every check of every subject in order."""
        for subject in self.subjects:
            for one in checks_of(subject.kind):
                if one.full <= (self.full if full is None else full):
                    yield Item(subject, one)

    def outcome(self, item: Item) -> CheckOutcome:
        """Run a check and what it needs, unless that was done."""
        if item not in self._outcomes:
            self._outcomes[item] = self._run(item)
        return self._outcomes[item]

    def reason_to_fail(self, item: Item) -> str:
        """Why an item is expected to fail; empty where it is not."""
        return next((self.xfail[name] for name in names_of(item) if name in self.xfail), "")

    def _run(self, item: Item) -> CheckOutcome:
        for other in checks_of(item.subject.kind):
            if other.name not in item.check.needs:
                continue
            needed = self.outcome(Item(item.subject, other))
            if needed.status in ("failed", "xfailed"):
                return CheckOutcome("skipped", f"it needs {other.name}, which failed")
            if needed.status == "skipped":
                return CheckOutcome("skipped", needed.reason)
        known, start = self.reason_to_fail(item), time.perf_counter()
        found: CheckFailure | None
        try:
            item.check.function(item.subject)
        except NotChecked as reason:
            return CheckOutcome("skipped", str(reason), seconds=time.perf_counter() - start)
        except CheckFailure as failure:
            found = failure
        except Exception as error:
            found = unexpected(error)
        else:
            found = needless(known) if known else None
        seconds = time.perf_counter() - start
        if found is None:
            return CheckOutcome("passed", seconds=seconds)
        if known and found.found != NEEDLESS:
            return CheckOutcome("xfailed", known, found, seconds)
        found.subject = f"{item.subject.full_name} fails {item.check.name!r}"
        found.expected = found.expected or item.check.expected
        return CheckOutcome("failed", "", found, seconds)


def names_of(item: Item) -> tuple[str, ...]:
    """What `xfail` may call an item, the most exact first: "mynet 2D:onnx", "mynet:onnx", "onnx"."""
    check = item.check.name
    return f"{item.subject.label}:{check}", f"{item.subject.name}:{check}", check


NEEDLESS = "it passed"


def needless(reason: str) -> CheckFailure:
    """The failure of a check that was expected to fail and did not."""
    return CheckFailure(NEEDLESS, "take it out of xfail", f"a failure, because {reason}")


def unexpected(error: Exception) -> CheckFailure:
    """Turn an exception into a failure that says where outside the kit it was raised."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if OWN_FOLDER not in Path(frame.filename).parents
    ]
    own = [frame for frame in frames if "site-packages" not in Path(frame.filename).parts] or frames
    place = f", in {Path(own[-1].filename).name} line {own[-1].lineno}: {own[-1].line}" if own else ""
    lines = str(error).strip().splitlines()
    failure = CheckFailure(
        f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ") + place,
        "run the check's pytest for the whole traceback, and mend what raised it",
    )
    failure.__cause__ = error
    return failure
