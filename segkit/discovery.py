"""Find installed plugins, load them one by one, and resolve component names."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import pluggy

from segkit import hookspecs
from segkit.declarations import KINDS, Component, resolve
from segkit.errors import SegkitError, UsageError, did_you_mean, one_line
from segkit.version import __version__

GROUP = "segkit"
CORE = "segkit-core"
DISABLE_VARIABLE = "SEGKIT_DISABLE_PLUGINS"
UNNAMED = "unnamed"
"""What a distribution is called whose metadata give no name."""
DISABLE_ALL = {"1", "all"}
HEAVY_MODULES = ("torch", "torchvision", "timm", "matplotlib", "scipy", "nibabel")
CORE_REQUIREMENT = re.compile(r"segkit[-_.]core(?![\w.-])(?P<range>[^;]*)(?P<marker>;.*)?\Z", re.IGNORECASE)
RELEASE = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(\d+(?:\.\d+)*)\s*\Z")


@dataclass
class Plugin:
    """One entry point of an installed distribution, loaded or not.

    `name` is the distribution's name: pip keeps those unique, and it is what people type to install,
    disable or uninstall it.
    """

    name: str
    version: str
    entry_point: metadata.EntryPoint
    requires: tuple[str, ...] = ()
    components: list[Component] = field(default_factory=list)
    disabled: bool = False
    error: BaseException | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """Whether it can be used: "ok", "failed" or "disabled"."""
        if self.disabled:
            return "disabled"
        return "ok" if self.error is None else "failed"

    @property
    def reason(self) -> str:
        """Why it did not load, in one line; empty when it did."""
        if self.error is None:
            return ""
        text = message_of(self.error)
        if isinstance(self.error, ContractError):
            return text
        return f"{type(self.error).__name__}: {text}" if text else type(self.error).__name__

    @property
    def hint(self) -> str:
        """What to do about the reason; empty when there is none."""
        if self.error is None:
            return ""
        if isinstance(self.error, ContractError):
            return one_line(self.error.hint)
        if isinstance(self.error, ImportError):
            return f"reinstall it with what it needs: pip install --force-reinstall {self.name}"
        return f"report it to its author; {DISABLE_VARIABLE}={self.name} silences it"


@dataclass(frozen=True, repr=False)
class Found:
    """A component and the plugin that declares it."""

    plugin: Plugin
    component: Component

    def __repr__(self) -> str:
        """Kind, full name and version; a declaration with its plugin and all that it declares would fill the screen."""
        return f"<{self.component.kind} {self.full_name} {self.plugin.version}>"

    @property
    def full_name(self) -> str:
        """Unambiguous name, such as "segkit-unet:unet"."""
        return f"{self.plugin.name}:{self.component.name}"

    def load(self, attribute: str = "factory") -> Any:
        """Import what a declaration's string names; raises SegkitError that names plugin, component and string."""
        owner = f"plugin {self.plugin.name}, {self.component.kind} {self.component.name}"
        # Not above: readers of JSON and TOML would make `segkit list` a tenth slower (docs/benchmarks/startup.md).
        from segkit.files import name_the_user

        name_the_user()
        return resolve(getattr(self.component, attribute), owner)


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Look for no garbage while plugins declare: they make much and drop nothing, and looking takes time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class ContractError(Exception):
    """A plugin breaks a rule of the contract."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Registry:
    """The components of all installed plugins."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("segkit")
        self.manager.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []

    @classmethod
    def discover(cls, *, enabled: bool = True) -> Registry:
        """Load every installed plugin that is not disabled; failures are kept on the plugin, never raised."""
        registry = cls()
        skip = disabled_plugins()
        with no_garbage_collection():
            for plugin in sorted(installed_plugins(), key=lambda plugin: (plugin.name, plugin.entry_point.name)):
                plugin.disabled = not enabled or bool(skip & {canonical(plugin.name), *DISABLE_ALL})
                registry.add(plugin)
        return registry

    def add(self, plugin: Plugin) -> None:
        """Take in one plugin, and load it unless it is disabled or already known to be broken."""
        twin = next((p for p in self.plugins if p.entry_point.name == plugin.entry_point.name), None)
        if twin is not None:
            plugin.notes.append(f"its entry point {plugin.entry_point.name!r} is named as that of {twin.name}")
        if not plugin.disabled and plugin.error is None:
            self.load(plugin)
        self.plugins.append(plugin)

    def load(self, plugin: Plugin) -> None:
        """Import one plugin and collect what its hooks return."""
        name = f"{plugin.name}/{plugin.entry_point.name}"
        heavy_before = {module for module in HEAVY_MODULES if module in sys.modules}
        start = time.perf_counter()
        # What a plugin prints would end up among the results; what it warns of is told by `segkit plugins`.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                plugin.notes += check_version(plugin)
                module = plugin.entry_point.load()
                self.register(module, name)
                # All that it declares or nothing: half of a broken plugin would be there under some names and not
                # under others.
                plugin.components = list(self.collect(module))
                self.check_unique(plugin)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit, and whatever else a stranger's module may raise
                plugin.error = error
                plugin.components = []
                self.manager.unregister(name=name)
        plugin.seconds = time.perf_counter() - start
        told = (f"{warning.category.__name__}: {message_of(warning.message)}" for warning in caught)
        plugin.notes += dict.fromkeys(told)
        heavy = [module for module in HEAVY_MODULES if module in sys.modules and module not in heavy_before]
        if heavy:
            plugin.notes.append(f"imports {', '.join(heavy)} when it is declared: every command starts slower")
        if plugin.error is None and not plugin.components and not self.hears(name):
            plugin.notes.append("declares no component: is its hook marked with @segkit.hookimpl?")

    def hears(self, name: str) -> bool:
        """Whether a plugin, by the name it is registered under, implements an event hook."""
        callers = self.manager.get_hookcallers(self.manager.get_plugin(name)) or ()
        return any(caller.name in hookspecs.EVENT_HOOKS for caller in callers)

    def register(self, module: Any, name: str) -> None:
        """Register a plugin's module; raises ContractError where it is there already or implements no known hook."""
        before = self.manager.get_name(module)
        if before is not None:
            raise ContractError(f"its module is already loaded by {before}", "uninstall one of the two")
        self.manager.register(module, name=name)
        for caller in self.manager.get_hookcallers(module) or ():
            if not caller.has_spec() and not all(hook.optionalhook for hook in caller.get_hookimpls()):
                known = [*hookspecs.DECLARATION_OF_HOOK, *hookspecs.EVENT_HOOKS]
                raise ContractError(
                    f"it implements the unknown hook {caller.name!r}{did_you_mean(caller.name, known)}",
                    f"hooks of this segkit: {', '.join(known)}",
                )

    def collect(self, module: object) -> Iterator[Component]:
        """Yield what the hooks of one plugin return, checked for type and kind."""
        for caller in self.manager.get_hookcallers(module) or ():
            wanted = hookspecs.DECLARATION_OF_HOOK.get(caller.name)
            for implementation in caller.get_hookimpls():
                if implementation.plugin is not module or wanted is None:
                    continue
                result = implementation.function()
                hint = f"its author must return a list of segkit.{wanted.__name__}"
                if not isinstance(result, list):
                    raise ContractError(f"hook {caller.name} returned {type(result).__name__}, not a list", hint)
                for component in result:
                    if not isinstance(component, wanted):
                        kind = type(component).__name__
                        raise ContractError(f"hook {caller.name} returned a {kind} in its list", hint)
                    yield component

    def check_unique(self, plugin: Plugin) -> None:
        """Raise ContractError where one distribution, in one entry point or several, declares a name twice."""
        seen: set[tuple[str, str]] = set()
        for other in (*(p for p in self.plugins if p.name == plugin.name), plugin):
            for component in other.components:
                for name in (component.name, *component.aliases):
                    if (component.kind, name) in seen:
                        raise ContractError(f"it declares {component.kind} {name!r} twice", "report it to its author")
                    seen.add((component.kind, name))

    @property
    def failed(self) -> list[Plugin]:
        """The plugins that did not load."""
        return [plugin for plugin in self.plugins if plugin.error is not None]

    @property
    def unknown_disabled(self) -> list[str]:
        """The names in SEGKIT_DISABLE_PLUGINS that no installed plugin has."""
        return sorted(disabled_plugins() - DISABLE_ALL - {canonical(plugin.name) for plugin in self.plugins})

    def components(self, kind: str | None = None) -> list[Found]:
        """Return all components, of one kind if given, by kind, name and plugin."""
        order = {name: position for position, name in enumerate(KINDS)}
        found = [
            Found(plugin, component)
            for plugin in self.plugins
            for component in plugin.components
            if kind in (None, component.kind)
        ]
        return sorted(found, key=lambda item: (order[item.component.kind], item.component.name, item.plugin.name))

    def find(self, kind: str, name: str) -> Found:
        """Resolve "name", an alias or "distribution:name" to one component of a kind.

        Raises:
            UsageError: nobody provides the name, or several plugins do.
            SegkitError: the plugin that was asked for did not load.
        """
        named = [item for item in self.components(kind) if matches(item, name)]
        if len(named) == 1:
            return named[0]
        if named:
            choices = " or ".join(item.full_name for item in named)
            # Never the last one installed: results would depend on the order of installation
            # (docs/design-decisions.md).
            raise UsageError(f"{kind} {name!r} is provided by several plugins", f"say {choices}")
        self.check_asked_for(name)
        installed = [item.component.name for item in self.components(kind)]
        others = [item.component.kind for item in self.components() if matches(item, name)]
        guess = f" (it is a {others[0]})" if others else did_you_mean(name.rpartition(":")[2], installed)
        raise UsageError(
            f"no {kind} named {name!r}{guess}", f"installed: {', '.join(installed) or 'none'}{self.missing()}"
        )

    def find_any(self, name: str) -> list[Found]:
        """Return the components of any kind that answer to a name; raises as `find` where none does."""
        named = [item for item in self.components() if matches(item, name)]
        if named:
            return named
        self.check_asked_for(name)
        known = sorted({item.component.name for item in self.components()})
        raise UsageError(f"no component named {name!r}{did_you_mean(name, known)}", f"see: segkit list{self.missing()}")

    def check_asked_for(self, name: str) -> None:
        """Raise SegkitError with the reason where `name` means a plugin that did not load or is disabled."""
        owner, colon, short = name.rpartition(":")
        meant = {canonical(owner)} if colon else {canonical(short), canonical(f"segkit-{short}")}
        for plugin in self.plugins:
            if canonical(plugin.name) in meant and plugin.error is not None:
                raise SegkitError(f"plugin {plugin.name} {plugin.version} did not load: {plugin.reason}", plugin.hint)
            if canonical(plugin.name) in meant and plugin.disabled:
                raise SegkitError(
                    f"plugin {plugin.name} is disabled", f"leave out --no-plugins and {DISABLE_VARIABLE} to use it"
                )

    def missing(self) -> str:
        """Name the plugins whose components are not there, for a hint; empty where all are loaded."""
        absent = [plugin.name for plugin in self.plugins if plugin.status != "ok"]
        return f"; not loaded: {', '.join(absent)} (see: segkit plugins)" if absent else ""


def message_of(error: BaseException | str) -> str:
    """What a stranger's exception or warning says, in one line; empty where it cannot even say that."""
    try:
        return one_line(str(error))
    except Exception:
        return ""


def matches(item: Found, name: str) -> bool:
    """Whether a component answers to "name", an alias or "distribution:name"."""
    owner, _, short = name.rpartition(":")
    names = (item.component.name, *item.component.aliases)
    return short in names and (not owner or canonical(owner) == canonical(item.plugin.name))


def installed_plugins() -> Iterator[Plugin]:
    """Yield the entry points of group "segkit"; of a distribution found twice the first on the path counts."""
    seen = set()
    # One by one, because metadata.entry_points() gives nothing at all where a single distribution's file is malformed.
    for distribution in metadata.distributions():
        text = read_text(distribution, "entry_points.txt")
        if f"[{GROUP}]" not in text:
            continue
        name, version, requires = read_metadata(distribution)
        if canonical(name) in seen and name != UNNAMED:
            continue
        seen.add(canonical(name))
        try:
            points = list(distribution.entry_points.select(group=GROUP))
        except (ValueError, TypeError) as error:
            broken = metadata.EntryPoint(name="unreadable", value="entry_points.txt", group=GROUP)
            yield Plugin(name, version, broken, requires, error=error)
            continue
        yield from (Plugin(name, version, point, requires) for point in points)


def damaged_distributions() -> Iterator[tuple[str, str]]:
    """Yield every installed distribution, plugin or not, whose entry points cannot be read, and why.

    PyTorch's compiler and others read those of all at once, and fail to import beside a single one of these.
    """
    for distribution in metadata.distributions():
        try:
            list(distribution.entry_points)
        except (ValueError, TypeError, OSError) as error:
            yield read_metadata(distribution)[0], f"its entry_points.txt cannot be read: {message_of(error)}"


def read_text(distribution: metadata.Distribution, name: str) -> str:
    """Return a file of a distribution's metadata; empty where there is none or the system cannot read it.

    Bytes that are no UTF-8 are replaced: whose entry points they garble is told by `metadata` itself, a little later.
    """
    try:
        return distribution.read_text(name) or ""
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")
    except OSError:
        # As `metadata` does where there is no file or it may not be read. On every path there are distributions that
        # are none of ours: one that is broken must not stop a command (issue 19).
        return ""


def read_metadata(distribution: metadata.Distribution) -> tuple[str, str, tuple[str, ...]]:
    """Return a distribution's name, version and requirements."""
    # Parsed by hand: the email parser behind Distribution.metadata costs more than the rest of discovery together.
    text = read_text(distribution, "METADATA") or read_text(distribution, "PKG-INFO")
    fields = [line.partition(": ") for line in text.partition("\n\n")[0].splitlines()]
    values = {key: value for key, _, value in reversed(fields)}
    requires = tuple(value for key, _, value in fields if key == "Requires-Dist")
    return one_line(values.get("Name", "")) or UNNAMED, one_line(values.get("Version", "")) or "unknown", requires


def check_version(plugin: Plugin) -> list[str]:
    """Return a note where a plugin states no range of core versions; raises ContractError where this one is outside."""
    ranges = []
    for text in plugin.requires:
        found = CORE_REQUIREMENT.match(text)
        if found is None or not found["range"].strip(" ()"):
            continue
        ranges.append(found["range"])
        if not includes(text, found["range"].strip(" ()"), __version__, simple=not found["marker"]):
            raise ContractError(
                f"it asks for {CORE}{found['range'].strip()}, this is {__version__}",
                f"pip install --upgrade {plugin.name} {CORE}",
            )
    return [] if ranges else [f"does not say which {CORE} it works with: it should require {CORE}>=X,<Y"]


def includes(requirement: str, versions: str, core: str, *, simple: bool) -> bool:
    """Whether a requirement on the core's versions, such as ">=0.1,<0.2", holds for version `core`."""
    clauses = [RELEASE.match(clause) for clause in versions.split(",")]
    if simple and re.fullmatch(r"\d+(\.\d+)*", core) and None not in clauses:
        # The usual form is compared by hand: importing `packaging` costs a quarter of a command's start.
        return all(holds(core, found[1], found[2]) for found in clauses if found)
    from packaging.requirements import Requirement

    parsed = Requirement(requirement)
    if parsed.marker is not None and not parsed.marker.evaluate({"extra": ""}):
        return True
    return parsed.specifier.contains(core, prereleases=True)


def holds(version: str, operator: str, limit: str) -> bool:
    """Compare two release numbers, the shorter one filled up with zeros."""
    left, right = ([int(part) for part in text.split(".")] for text in (version, limit))
    length = max(len(left), len(right))
    left, right = left + [0] * (length - len(left)), right + [0] * (length - len(right))
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
    }[operator]


def canonical(name: str) -> str:
    """Normalise a distribution's name as pip does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def disabled_plugins() -> set[str]:
    """The distributions named in SEGKIT_DISABLE_PLUGINS; "all" and "1" stand for every one."""
    names = os.environ.get(DISABLE_VARIABLE, "").split(",")
    return {canonical(name.strip()) for name in names if name.strip()}
