"""Whose fault an error is: the plugin that raised it, told with its component and the way to its author."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from segkit.declarations.installed import Plugin, contact_of, message_of
from segkit.errors import SegkitError, one_line

CORE = __name__.partition(".")[0]
CODE = ("factory", "measure", "settings", "pretrained", "case_map", "layers", "offers", "params")
"""Fields of declarations that may say where code is."""
INSIDE = (f"{CORE}.api", f"{CORE}.jobs", f"{CORE}.cli")
"""What a plugin that calls it hands the work over to: what is raised further in is not the plugin's."""


@dataclass(frozen=True)
class Culprit:
    """A plugin that an error came from.

    Attributes:
        components: kind and name of those whose code the raising module is; empty where it is a helper.
        place: file and line.
    """

    plugin: Plugin
    components: tuple[str, ...]
    place: str

    def error(self, cause: BaseException) -> SegkitError:
        """Return the sentence."""
        whose = f" ({', '.join(self.components)})" if 0 < len(self.components) <= 3 else ""
        reason = one_line(f"{type(cause).__name__}: {cause}").rstrip(": ")
        return SegkitError(
            f"plugin {self.plugin.name} {self.plugin.version}{whose}: {reason}, in {self.place}",
            f"{way_to_author(self.plugin.name)}; --traceback shows where",
        )


def way_to_author(distribution: str) -> str:
    """What to do about a fault of a plugin: "report it to its author (address)"."""
    contact = contact_of(distribution)
    return f"report it to its author{f' ({contact})' if contact else ''}"


def package_of(code: object) -> str:
    """The top-level package of a function, a class or of what a class made."""
    return str(getattr(code, "__module__", "") or type(code).__module__).partition(".")[0]


def told_in(error: BaseException, package: str) -> str:
    """Name an error in one line, with file and line of a package's code where it is the last of that to run."""
    text = f"{type(error).__name__}: {message_of(error)}".rstrip(": ")
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            return f"{text}, in {Path(frame.f_code.co_filename).name} line {line}"
    return text


def culprit_of(error: BaseException, plugins: Iterable[Plugin]) -> Culprit | None:
    """Return the plugin whose code was the last to run before an error, libraries aside; None where it was segkit's.

    What segkit raises when a plugin calls one of its helpers is the plugin's; what it raises inside of a job is not.
    """
    owners = {package: plugin for plugin in plugins for package in packages_of(plugin)}
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = str(frame.f_globals.get("__name__"))
        package = name.partition(".")[0]
        if package in owners:
            file = Path(frame.f_code.co_filename).name
            return Culprit(owners[package], components_in(owners[package], name), f"{file} line {line}")
        if name.startswith(INSIDE):
            return None
    return None


def packages_of(plugin: Plugin) -> set[str]:
    """The top-level packages that a plugin's code is in."""
    points = [plugin.entry_point.value, *plugin.commands.values()]
    points += (path for component in plugin.components for path in paths_of(component))
    return {point.partition(":")[0].partition(".")[0] for point in points} - {CORE, ""}


def paths_of(component: object) -> list[str]:
    """The strings of a declaration that name code."""
    # Not by getattr: params that are declared by their place would be imported, and may be what failed.
    found = [vars(component).get(name, "") for name in CODE]
    return [path for path in found if isinstance(path, str) and path]


def components_in(plugin: Plugin, module: str) -> tuple[str, ...]:
    """The components whose code is in a module."""
    return tuple(
        f"{component.kind} {component.name}"
        for component in plugin.components
        if any(path.partition(":")[0] == module for path in paths_of(component))
    )
