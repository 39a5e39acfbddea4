"""Find installed plugins, load them one by one, and resolve component names."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pluggy

from segkit.declarations import NAME, PATH, Architecture, Component, Dataset, Task, hookspecs, resolve
from segkit.declarations.installed import (
    DISABLE_ALL,
    DISABLE_VARIABLE,
    SLOW,
    ContractError,
    Plugin,
    canonical,
    check_version,
    disabled_plugins,
    installed_plugins,
    message_of,
)
from segkit.declarations.joint import JOIN, joint_dataset
from segkit.declarations.parts import EVERY_KIND
from segkit.errors import SegkitError, UsageError, did_you_mean

HEAVY_MODULES = ("torch", "torchvision", "timm", "matplotlib", "scipy", "nibabel")


@dataclass(frozen=True, repr=False)
class Found:
    """A component and the plugin that declares it.

    Attributes:
        variant_of: the name under which it is declared, where it is used once more under a name of its own.
    """

    plugin: Plugin
    component: Component
    variant_of: str = ""

    def __repr__(self) -> str:
        """Kind, full name and version; a declaration with its plugin and all that it declares would fill the screen."""
        return f"<{self.component.kind} {self.full_name} {self.plugin.version}>"

    @property
    def full_name(self) -> str:
        """Unambiguous name, such as "segkit-unet:unet", or "nsd-2mm=segkit-metrics:nsd" of a variant."""
        if self.variant_of:
            return f"{self.component.name}={self.plugin.name}:{self.variant_of}"
        return f"{self.plugin.name}:{self.component.name}"

    def load(self, attribute: str = "factory") -> Any:
        """Import what a declaration's string names; raises SegkitError that names plugin, component and string."""
        owner = f"plugin {self.plugin.name}, {self.component.kind} {self.component.name}"
        # Not above: readers of JSON and TOML would make `segkit list` a tenth slower (docs/benchmarks/startup.md).
        from segkit.files import name_the_user

        name_the_user()
        return resolve(getattr(self.component, attribute), owner)

    def network(self, task: Task, params: Any, size: tuple[int, ...]) -> Any:
        """Build an architecture's network; one that declares `sized` is told the working size."""
        assert isinstance(self.component, Architecture)
        factory = self.load()
        return factory(task, params, size=size) if self.component.sized else factory(task, params)

    def layers(self, params: Any) -> dict[str, str]:
        """Return an architecture's named layers; raises SegkitError where its function gives something else."""
        assert isinstance(self.component, Architecture)
        layers = self.component.layers
        told = self.load("layers")(params) if isinstance(layers, str) else layers
        if not isinstance(told, Mapping) or not all(isinstance(text, str) for pair in told.items() for text in pair):
            raise SegkitError(
                f"arch {self.full_name}: layers gave {told!r}, not names of modules by what they are called",
                "report it to its author",
            )
        return dict(told)

    def offers(self, params: Any) -> tuple[str, ...]:
        """Return what an architecture offers explainers; raises SegkitError where its function gives something else."""
        assert isinstance(self.component, Architecture)
        offers = self.component.offers
        told = self.load("offers")(params) if isinstance(offers, str) else offers
        if not isinstance(told, tuple) or not all(isinstance(word, str) for word in told):
            raise SegkitError(
                f"arch {self.full_name}: offers gave {told!r}, not a tuple of words", "report it to its author"
            )
        return told


@dataclass(frozen=True, repr=False)
class Joint(Found):
    """Several datasets that are trained on together, as one component.

    Attributes:
        parts: each of them, in the order in which they were named.
    """

    parts: tuple[Found, ...] = ()

    @property
    def full_name(self) -> str:
        """Their full names: "segkit-isic:isic + sample=segkit-isic:isic"; of one alone always with its own name."""
        if len(self.parts) == 1 and not self.parts[0].variant_of:
            return f"{self.parts[0].component.name}={self.parts[0].full_name}"
        return f" {JOIN} ".join(part.full_name for part in self.parts)


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
        start, busy = time.perf_counter(), time.thread_time()
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
                plugin.commands = self.collect_commands(module)
                self.check_unique(plugin)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit, and whatever else a stranger's module may raise
                plugin.error = error
                plugin.components, plugin.commands = [], {}
                self.manager.unregister(name=name)
        plugin.seconds, busy = time.perf_counter() - start, time.thread_time() - busy
        told = (f"{warning.category.__name__}: {message_of(warning.message)}" for warning in caught)
        plugin.notes += dict.fromkeys(told)
        heavy = [module for module in HEAVY_MODULES if module in sys.modules and module not in heavy_before]
        if heavy:
            plugin.notes.append(f"imports {', '.join(heavy)} when it is declared: every command starts slower")
        if busy > SLOW and not heavy:
            # The processor's time, not the clock's: a machine that is busy with something else is not the plugin's.
            plugin.notes.append(f"takes {busy * 1000:.0f} ms to import: import what is heavy where it is used")
        if plugin.error is None and not (plugin.components or plugin.commands or self.hears(name)):
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
                known = hookspecs.EVERY_HOOK
                raise ContractError(
                    f"it implements the unknown hook {caller.name!r}{did_you_mean(caller.name, known)}",
                    f"hooks of this segkit: {', '.join(known)}; one of a newer segkit: "
                    "@segkit.hookimpl(optionalhook=True), and older ones load it without",
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

    def collect_commands(self, module: object) -> dict[str, str]:
        """Return the subcommands of one plugin; raises ContractError where they are no names with strings."""
        found: dict[str, str] = {}
        for caller in self.manager.get_hookcallers(module) or ():
            if caller.name != hookspecs.COMMANDS_HOOK:
                continue
            for implementation in caller.get_hookimpls():
                if implementation.plugin is module:
                    told = implementation.function()
                    if not isinstance(told, dict) or not all(is_command(*pair) for pair in told.items()):
                        raise ContractError(
                            f"hook {caller.name} returned {told!r}",
                            "its author must return a dict of names with 'package.module:command'",
                        )
                    found |= told
        return found

    def commands(self) -> dict[str, list[Plugin]]:
        """Return the subcommands that plugins provide, with whose they are, by name."""
        found: dict[str, list[Plugin]] = {}
        for plugin in self.plugins:
            for name in plugin.commands:
                found.setdefault(name, []).append(plugin)
        return dict(sorted(found.items()))

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
        order = {name: position for position, name in enumerate(EVERY_KIND)}
        found = [
            Found(plugin, component)
            for plugin in self.plugins
            for component in plugin.components
            if kind in (None, component.kind)
        ]
        return sorted(found, key=lambda item: (order[item.component.kind], item.component.name, item.plugin.name))

    def find(self, kind: str, name: str, within: Collection[str] = ()) -> Found:
        """Resolve "name", an alias or "distribution:name" to one component of a kind.

        Args:
            within: distributions that the name is to be of, where several provide it.

        Raises:
            UsageError: nobody provides the name, or several plugins do.
            SegkitError: the plugin that was asked for did not load.
        """
        if kind == "data" and (JOIN in name or "=" in name):
            return self.joined([text.strip() for text in name.split(JOIN)])
        named = [item for item in self.components(kind) if matches(item, name)]
        if len(named) > 1 and within:
            named = [item for item in named if canonical(item.plugin.name) in within] or named
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

    def joined(self, texts: Sequence[str]) -> Joint:
        """Resolve datasets that are trained on together, each "name" or "name-of-its-own=name".

        Raises:
            UsageError: as `find`, or two have one name, or no mode is offered by all.
        """
        parts = []
        for text in texts:
            own, equals, name = text.rpartition("=")
            found = self.find("data", name.strip())
            own = own.strip()
            if equals and not NAME.match(own):
                raise UsageError(f"dataset {text!r}: {own!r} is no name", "use a-z, 0-9 and single hyphens")
            if equals and own != found.component.name:
                own_name = replace(found.component, name=own, aliases=())
                found = replace(found, component=own_name, variant_of=found.component.name)
            parts.append(found)
        declared = joint_dataset([part.component for part in parts if isinstance(part.component, Dataset)])
        requires = tuple(text for part in parts for text in (part.plugin.name, *part.plugin.requires))
        version = f" {JOIN} ".join(part.plugin.version for part in parts)
        plugin = replace(parts[0].plugin, version=version, requires=requires)
        return Joint(plugin, declared, parts=tuple(parts))

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


def is_command(name: Any, path: Any) -> bool:
    """Whether a subcommand's name and where its code is can be meant."""
    return all((isinstance(name, str), isinstance(path, str))) and bool(NAME.match(name) and PATH.match(path))


def plain_name(full_name: str) -> str:
    """Return the name of a component without its distribution, of a variant its own."""
    if JOIN in full_name:
        return "-and-".join(plain_name(part.strip()) for part in full_name.split(JOIN))
    own, equals, _ = full_name.rpartition("=")
    return own if equals else full_name.rpartition(":")[2]


def distribution_of(full_name: str) -> str:
    """Return the distribution in a component's full name; "" where there is none."""
    return full_name.rpartition("=")[2].rpartition(":")[0]


def matches(item: Found, name: str) -> bool:
    """Whether a component answers to "name", an alias or "distribution:name"."""
    if isinstance(item, Joint) or JOIN in name:
        texts = [text.strip() for text in name.split(JOIN)]
        parts = item.parts if isinstance(item, Joint) else ()
        return len(texts) == len(parts) and all(is_part(part, text) for part, text in zip(parts, texts, strict=True))
    owner, _, short = name.rpartition(":")
    names = (item.component.name, *item.component.aliases)
    return short in names and (not owner or canonical(owner) == canonical(item.plugin.name))


def is_part(part: Found, text: str) -> bool:
    """Whether one of several datasets is what "name", "distribution:name" or "own-name=name" says."""
    own, _, name = text.rpartition("=")
    if own.strip() not in ((part.component.name,) if part.variant_of else ("", part.component.name)):
        return False
    declared = replace(part.component, name=part.variant_of) if part.variant_of else part.component
    return matches(replace(part, component=declared, variant_of=""), name.strip())
