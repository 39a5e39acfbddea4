"""What every component has: a name, a summary, a factory that is imported when it is built, and params."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from segkit.errors import SegkitError
from segkit.params import NoParams, check_params_type

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")


class ParamsOfComponent:
    """The field `params` of a component: the dataclass itself, or where it is, imported when somebody first asks.

    Dataclasses are made by running generated source text: those of three plugins took a fifth of `segkit list`, which
    shows none of their params.
    """

    def __get__(self, component: Component | None, owner: type) -> type:
        if component is None:
            return NoParams
        declared = component.__dict__["params"]
        if isinstance(declared, str):
            found: Any = resolve(declared, f"{component.kind} {component.name}")
            try:
                component.check_params(found)
            except (TypeError, ValueError) as error:
                raise SegkitError(str(error), "report it to the plugin's author") from None
            component.__dict__["params"] = declared = found
        return declared  # type: ignore[no-any-return]

    def __set__(self, component: Component, value: type | str) -> None:
        component.__dict__["params"] = value


@dataclass(frozen=True, kw_only=True)
class Component:
    """A named, documented factory.

    `factory` is "package.module:name", imported only when the component is built, so declaring costs nothing; `params`
    is a dataclass or "package.module:Name" likewise.
    """

    kind: ClassVar[str]

    name: str
    factory: str
    summary: str
    params: Any = ParamsOfComponent()
    aliases: tuple[str, ...] = ()
    reference: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.aliases, tuple):
            raise TypeError(f"{self.kind} {self.name}: aliases must be a tuple of names, not {self.aliases!r}")
        for name in (self.name, *self.aliases):
            if not isinstance(name, str) or not NAME.match(name):
                raise ValueError(f"{name!r} is not a component name: use a-z, 0-9 and single hyphens between them")
        check_summary(self)
        check_path(self, "factory", self.factory)
        declared = self.__dict__["params"]
        if isinstance(declared, str):
            check_path(self, "params", declared)
        else:
            self.check_params(declared)

    def check_params(self, params: Any) -> None:
        """Raise TypeError or ValueError unless `params` is a dataclass that this component can have."""
        try:
            check_params_type(params)
        except TypeError as error:
            raise TypeError(f"{self.kind} {self.name}: {error}") from None


def check_words(component: Component, attribute: str, words: Any) -> None:
    """Raise TypeError unless an attribute is a tuple of words."""
    if not isinstance(words, tuple) or not all(isinstance(word, str) and word.strip() for word in words):
        raise TypeError(f"{component.kind} {component.name}: {attribute} must be a tuple of words, not {words!r}")


def check_words_or_path(component: Component, attribute: str, value: Any) -> None:
    """Raise TypeError or ValueError unless an attribute is a tuple of words, or says where they come from.

    A word alone has no colon: it is told that a tuple is wanted.
    """
    if isinstance(value, str) and ":" in value:
        check_path(component, attribute, value)
    else:
        check_words(component, attribute, value)


def check_summary(component: Component) -> None:
    """Raise ValueError unless the summary is one line that says something."""
    summary = component.summary
    if not isinstance(summary, str) or not summary.strip() or not summary.isprintable():
        raise ValueError(f"{component.kind} {component.name}: summary must be one line that says what it is")


def check_path(component: Component, attribute: str, path: Any) -> None:
    """Raise ValueError unless `path` has the form "package.module:name"."""
    if not isinstance(path, str) or not PATH.match(path):
        raise ValueError(f"{component.kind} {component.name}: {attribute} must be 'package.module:name', not {path!r}")


def resolve(path: str, owner: str) -> Callable[..., Any]:
    """Import "package.module:name".

    Args:
        owner: plugin and component, for the message: "segkit-unet: arch unet".

    Raises:
        SegkitError: the module does not import or has no such name.
    """
    module_name, _, attribute = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and whatever else a stranger's module may raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SegkitError(
            f"{owner}: {path!r} does not resolve: {reason}", "reinstall the plugin or report it to its author"
        ) from error
    if not callable(found):
        raise SegkitError(f"{owner}: {path!r} is not callable", "report it to the plugin's author")
    return found  # type: ignore[no-any-return]
