"""Find installed plugins, load them one by one, and resolve component names."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import pluggy

from segkit import __version__, hookspecs
from segkit.declarations import KINDS, Component, resolve
from segkit.errors import SegkitError, UsageError, did_you_mean

GROUP = "segkit"
CORE = "segkit-core"
DISABLE_VARIABLE = "SEGKIT_DISABLE_PLUGINS"
HEAVY_MODULES = ("torch", "torchvision", "timm", "matplotlib", "scipy", "nibabel")


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
    error: BaseException | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def reason(self) -> str:
        """Why it did not load, in one line; empty when it did."""
        if self.error is None:
            return ""
        text = " ".join(str(self.error).split())
        if isinstance(self.error, PluginRefused):
            return text
        return f"{type(self.error).__name__}: {text}" if text else type(self.error).__name__

    @property
    def hint(self) -> str:
        """What to do about the reason; empty when there is none."""
        if self.error is None:
            return ""
        if isinstance(self.error, PluginRefused):
            return self.error.hint
        if isinstance(self.error, ImportError):
            return f"reinstall it with what it needs: pip install --force-reinstall {self.name}"
        return f"report it to its author; {DISABLE_VARIABLE}={self.name} silences it"


@dataclass(frozen=True)
class Found:
    """A component and the plugin that declares it."""

    plugin: Plugin
    component: Component

    @property
    def full_name(self) -> str:
        """Unambiguous name, such as "segkit-unet:unet"."""
        return f"{self.plugin.name}:{self.component.name}"

    def load(self, attribute: str = "factory") -> Any:
        """Import what a declaration's string names; raises SegkitError that names plugin, component and string."""
        owner = f"plugin {self.plugin.name}, {self.component.kind} {self.component.name}"
        return resolve(getattr(self.component, attribute), owner)


class PluginRefused(Exception):
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
        if not enabled:
            return registry
        skip = disabled_plugins()
        found = [describe(point) for point in metadata.entry_points(group=GROUP)]
        for plugin in sorted(found, key=lambda plugin: (plugin.name, plugin.entry_point.name)):
            if canonical(plugin.name) not in skip:
                registry.load(plugin)
        return registry

    def load(self, plugin: Plugin) -> None:
        """Import one plugin and collect what its hooks return."""
        name = f"{plugin.name}/{plugin.entry_point.name}"
        heavy_before = {module for module in HEAVY_MODULES if module in sys.modules}
        start = time.perf_counter()
        try:
            check_version(plugin)
            module = plugin.entry_point.load()
            self.manager.register(module, name=name)
            self.manager.check_pending()
            plugin.components = list(self.collect(module))
            check_unique(plugin)
        except (Exception, SystemExit) as error:
            plugin.error = error
            plugin.components = []
            self.manager.unregister(name=name)
        plugin.seconds = time.perf_counter() - start
        heavy = [module for module in HEAVY_MODULES if module in sys.modules and module not in heavy_before]
        if heavy:
            plugin.notes.append(f"imports {', '.join(heavy)} when it is declared: every command starts slower")
        twin = next((p for p in self.plugins if p.entry_point.name == plugin.entry_point.name), None)
        if twin is not None:
            plugin.notes.append(f"its entry point {plugin.entry_point.name!r} is named as that of {twin.name}")
        self.plugins.append(plugin)

    def collect(self, module: object) -> Iterator[Component]:
        """Yield what the hooks of one plugin return, checked for type and kind."""
        for caller in self.manager.get_hookcallers(module) or ():
            wanted = hookspecs.DECLARATION_OF_HOOK[caller.name]
            for implementation in caller.get_hookimpls():
                if implementation.plugin is not module:
                    continue
                result = implementation.function()
                if not isinstance(result, list):
                    raise PluginRefused(
                        f"hook {caller.name} returned {type(result).__name__}, not a list",
                        f"its author must return a list of segkit.{wanted.__name__}",
                    )
                for component in result:
                    if not isinstance(component, wanted):
                        raise PluginRefused(
                            f"hook {caller.name} returned {component!r}, not a {wanted.__name__}",
                            f"its author must return a list of segkit.{wanted.__name__}",
                        )
                    yield component

    @property
    def failed(self) -> list[Plugin]:
        """The plugins that did not load."""
        return [plugin for plugin in self.plugins if plugin.error is not None]

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
        """
        named = [item for item in self.components(kind) if matches(item, name)]
        if len(named) == 1:
            return named[0]
        if named:
            choices = " or ".join(item.full_name for item in named)
            raise UsageError(f"{kind} {name!r} is provided by several plugins", f"say {choices}")
        installed = [item.component.name for item in self.components(kind)]
        hint = f"installed: {', '.join(installed) or 'none'}"
        if self.failed:
            hint += f"; not loaded: {', '.join(plugin.name for plugin in self.failed)} (see: segkit plugins)"
        guess = did_you_mean(name.rpartition(":")[2], installed)
        raise UsageError(f"no {kind} named {name!r}{guess}", hint)

    def find_any(self, name: str) -> list[Found]:
        """Return the components of any kind that answer to a name; raises UsageError where none does."""
        named = [item for item in self.components() if matches(item, name)]
        if named:
            return named
        known = sorted({item.component.name for item in self.components()})
        broken = next((p for p in self.failed if canonical(p.name) in (canonical(name), canonical(f"segkit-{name}"))), None)
        if broken is not None:
            raise SegkitError(f"plugin {broken.name} {broken.version} did not load: {broken.reason}", broken.hint)
        raise UsageError(f"no component named {name!r}{did_you_mean(name, known)}", "see: segkit list")


def matches(item: Found, name: str) -> bool:
    """Whether a component answers to "name", an alias or "distribution:name"."""
    owner, _, short = name.rpartition(":")
    names = (item.component.name, *item.component.aliases)
    return short in names and (not owner or canonical(owner) == canonical(item.plugin.name))


def describe(point: metadata.EntryPoint) -> Plugin:
    """Read name, version and requirements of the distribution behind an entry point."""
    distribution = point.dist
    # Parsed by hand: the email parser behind Distribution.metadata costs more than the rest of discovery together.
    head = ((distribution.read_text("METADATA") if distribution else None) or "").partition("\n\n")[0]
    fields = [line.partition(": ") for line in head.splitlines()]
    values = {key: value for key, _, value in reversed(fields)}
    requires = tuple(value for key, _, value in fields if key == "Requires-Dist")
    return Plugin(
        name=values.get("Name") or (distribution.name if distribution else point.value),
        version=values.get("Version") or (distribution.version if distribution else "unknown"),
        entry_point=point,
        requires=requires,
    )


def check_version(plugin: Plugin) -> None:
    """Raise PluginRefused where the plugin's requirement excludes this core."""
    for text in plugin.requires:
        if not re.match(r"segkit[-_.]core\b", text, re.IGNORECASE) or not re.search(r"[<>=~!]", text):
            continue
        from packaging.requirements import Requirement

        requirement = Requirement(text)
        if not requirement.specifier.contains(__version__, prereleases=True):
            raise PluginRefused(
                f"it asks for {CORE}{requirement.specifier}, this is {__version__}",
                f"pip install --upgrade {plugin.name} {CORE}",
            )


def check_unique(plugin: Plugin) -> None:
    """Raise PluginRefused where one plugin declares a name twice."""
    seen: set[tuple[str, str]] = set()
    for component in plugin.components:
        for name in (component.name, *component.aliases):
            if (component.kind, name) in seen:
                raise PluginRefused(f"it declares {component.kind} {name!r} twice", "report it to its author")
            seen.add((component.kind, name))


def canonical(name: str) -> str:
    """Normalise a distribution's name as pip does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def disabled_plugins() -> set[str]:
    """The distributions named in SEGKIT_DISABLE_PLUGINS."""
    names = os.environ.get(DISABLE_VARIABLE, "").split(",")
    return {canonical(name.strip()) for name in names if name.strip()}
