"""All checks of one installed distribution, run one by one, each at most once."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from segkit.declarations import Architecture
from segkit.declarations.installed import Plugin, canonical
from segkit.discovery import Found, Registry
from segkit.errors import UsageError, did_you_mean
from segkit.testing.causes import place, told
from segkit.testing.check import MODULES, Check, CheckFailure, NotChecked, checks_of
from segkit.testing.limit import LIMIT, TookTooLongError, time_limit
from segkit.testing.subjects import ArchitectureSubject, CheckSubject, DatasetSubject, PluginSubject, subject_type
from segkit.testing.surroundings import switches_put_back

Status = Literal["passed", "failed", "skipped", "xfailed"]
NEED_TORCH = ("arch", "loss", "explainer", "optimizer", "augmentation", "normalization", "exporter")
SLOW = "let it do less: smaller params in Architecture.small, fewer or smaller cases in make_sample; or mend the loop"


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
        blocked_by: the check it needs, where that failed.
    """

    status: Status
    reason: str = ""
    failure: CheckFailure | None = None
    seconds: float = 0.0
    blocked_by: Item | None = None


@dataclass
class Suite:
    """The checks of a distribution's plugins and components.

    Attributes:
        xfail: known gaps, check name or "component:check" -> reason.
        params: component name -> params to check it with, where the declared ones do not serve.
        samples: dataset name -> function that writes a small data set into an empty folder, where it makes none.
        full: also run what takes long.
        skip: checks that are left out, named as in `xfail`.
        limit: seconds that a check may take.
    """

    plugins: list[Plugin]
    xfail: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    samples: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    full: bool = False
    skip: Sequence[str] = ()
    limit: float = LIMIT
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
        """Raise UsageError where an option names what is not there."""
        self.check_names("xfail", self.xfail)
        self.check_names("skip", self.skip)
        components = {component.name for plugin in self.plugins for component in plugin.components}
        for option, names in (("params", self.params), ("samples", self.samples)):
            for name in names:
                if name not in components:
                    guess = did_you_mean(name, components)
                    raise UsageError(f"{option} name no component: {name!r}{guess}", "mend the name")

    def check_names(self, option: str, names: Iterable[str]) -> None:
        """Raise UsageError where an option names no check of these plugins, nor one of any other kind."""
        known = {name for item in self.items(full=True) for name in names_of(item)}
        known |= {check.name for kind in MODULES for check in checks_of(kind)}
        for name in names:
            if name not in known:
                raise UsageError(
                    f"{option} names no check: {name!r}{did_you_mean(name, known)}", "name CHECK or COMPONENT:CHECK"
                )

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

    def left_out(self, item: Item) -> bool:
        """Whether `skip` names an item."""
        return any(name in self.skip for name in names_of(item))

    def _run(self, item: Item) -> CheckOutcome:
        if self.left_out(item):
            return CheckOutcome("skipped", "it is left out")
        blocked = self._blocked(item)
        if blocked is not None:
            return blocked
        known, start = self.reason_to_fail(item), time.perf_counter()
        try:
            found = self._failure(item)
        except NotChecked as reason:
            return CheckOutcome("skipped", str(reason), seconds=time.perf_counter() - start)
        if found is None and known:
            found = needless(known)
        seconds = time.perf_counter() - start
        if found is None:
            return CheckOutcome("passed", seconds=seconds)
        if known and found.found != NEEDLESS:
            return CheckOutcome("xfailed", known, found, seconds)
        found.subject = f"{item.subject.full_name} fails {item.check.name!r}"
        found.expected = found.expected or item.check.expected
        return CheckOutcome("failed", "", found, seconds)

    def _blocked(self, item: Item) -> CheckOutcome | None:
        """How an item comes out since one that it needs failed or does not apply; None where nothing is in its way."""
        for other in checks_of(item.subject.kind):
            needed = Item(item.subject, other)
            if other.name not in item.check.needs or self.left_out(needed):
                continue
            outcome = self.outcome(needed)
            if outcome.status in ("failed", "xfailed"):
                first = outcome.blocked_by or needed
                return CheckOutcome("skipped", f"it needs {other.name}, which failed", blocked_by=first)
            if outcome.status == "skipped":
                return CheckOutcome("skipped", outcome.reason, blocked_by=outcome.blocked_by)
        return None

    def _failure(self, item: Item) -> CheckFailure | None:
        """Run a check; what it found wrong. Raises NotChecked."""
        if item.subject.kind in NEED_TORCH:
            # Before the limit begins: an import of torch that is broken off cannot be taken up again.
            import torch  # noqa: F401
        try:
            # What a plugin prints is no result of ours: `segkit check --json` writes one list to stdout.
            with time_limit(self.limit), contextlib.redirect_stdout(sys.stderr), switches_put_back(item.subject.turned):
                item.check.function(item.subject)
        except NotChecked:
            raise
        except CheckFailure as failure:
            return failure
        except TookTooLongError as error:
            return CheckFailure(f"it was ended after {self.limit:g} s{place(error)}", SLOW)
        except (Exception, SystemExit) as error:
            return unexpected(error, item.check.raised)
        return None


def names_of(item: Item) -> tuple[str, ...]:
    """What `xfail` may call an item, the most exact first: "mynet 2D:onnx", "mynet:onnx", "onnx"."""
    check = item.check.name
    return f"{item.subject.label}:{check}", f"{item.subject.name}:{check}", check


NEEDLESS = "it passed"


def needless(reason: str) -> CheckFailure:
    """The failure of a check that was expected to fail and did not."""
    return CheckFailure(NEEDLESS, "take it out of xfail", f"a failure, because {reason}")


def unexpected(error: BaseException, mend: str) -> CheckFailure:
    """Turn an exception into a failure that says where outside the kit it was raised."""
    way = "--traceback shows the whole way there"
    failure = CheckFailure(told(error), f"{mend or 'mend what raised it'}; {way}")
    failure.__cause__ = error
    return failure
