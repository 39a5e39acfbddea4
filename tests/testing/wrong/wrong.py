"""Tables of components that are each wrong in one way, as authors really are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Wrong:
    """One wrong component.

    Attributes:
        check: the check that has to fail.
        says: words of what is found or of the way to mend it.
        factory: builds it.
        also: checks that may fail beside it, since the mistake is theirs too.
        declares: fields of the declaration that are not the usual ones.
    """

    check: str
    says: str
    factory: Callable[..., Any]
    also: tuple[str, ...] = ()
    declares: Mapping[str, Any] = field(default_factory=dict)


class Table(dict[str, Wrong]):
    """Wrong components by name."""

    def add(self, check: str, says: str, *also: str, **declares: Any) -> Callable[[Any], Any]:
        """Register a factory under its own name."""

        def register(factory: Any) -> Any:
            self[factory.__name__.strip("_").replace("_", "-").lower()] = Wrong(check, says, factory, also, declares)
            return factory

        return register
