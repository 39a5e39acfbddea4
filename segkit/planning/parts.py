"""The parts of training and scoring that settings name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from segkit.config import SETTINGS_OF_PARTS, Config, Layer, section_values
from segkit.declarations import Task
from segkit.declarations.parts import PARTS, Augmentation
from segkit.discovery import Found, Registry
from segkit.errors import UsageError, did_you_mean
from segkit.planning.replaced import Choice


def find_parts(
    registry: Registry, layers: Sequence[Layer], kinds: Collection[str] = tuple(SETTINGS_OF_PARTS)
) -> tuple[Found, ...]:
    """Resolve every part that the layers, weakest first, name; what the core carries out itself is none.

    Raises:
        UsageError: nobody provides a name, several plugins do, or one is named twice.
    """
    found: list[Found] = []
    for kind in kinds:
        section, _, field = SETTINGS_OF_PARTS[kind].partition(".")
        found += (find_part(registry, kind, name) for name in named(kind, section_values(layers, section).get(field)))
    return tuple(found)


def named(kind: str, value: Any) -> list[str]:
    """Return the names of plugins' parts in a setting's value."""
    listed = [value] if isinstance(value, str) else list(value or ())
    names = [name for name in listed if name not in ("", "none", *PARTS[kind].own)]
    for name, count in Counter(names).items():
        if count > 1:
            raise UsageError(f"{kind} {name!r} is named twice", "name each once")
    return names


def find_part(registry: Registry, kind: str, name: str) -> Found:
    """Resolve one name; raises UsageError that lists the core's own beside those of plugins."""
    known = [*PARTS[kind].own, *(item.component.name for item in registry.components(kind))]
    short = name.rpartition(":")[2]
    if short not in known and not any(short in item.component.aliases for item in registry.components(kind)):
        registry.check_asked_for(name)
        raise UsageError(
            f"{SETTINGS_OF_PARTS[kind]}: no {kind} named {name!r}{did_you_mean(short, known)}",
            f"there are: {', '.join(known) or 'none'}{registry.missing()}",
        )
    return registry.find(kind, name)


def check_parts(parts: Sequence[Found], task: Task, losses: Sequence[Found] = ()) -> None:
    """Raise UsageError where a part cannot do what the task asks."""
    for item in parts:
        if isinstance(item.component, Augmentation) and task.spatial_dims not in item.component.spatial_dims:
            dims = " and ".join(f"{one}D" for one in item.component.spatial_dims)
            raise UsageError(
                f"augmentation {item.component.name} is for {dims}, the network is shown {task.spatial_dims}D",
                "leave it out of augment.further",
            )

    mapped = [item.full_name for item in losses if getattr(item.component, "case_map", "")]
    moving = [item.full_name for item in parts if isinstance(item.component, Augmentation) and item.component.moves]
    if mapped and moving:
        raise UsageError(
            f"augmentation {moving[0]} moves pixels, and the map that loss {mapped[0]} had made stays where it is",
            "leave one of them out",
        )


def with_full_names(config: Config, choice: Choice) -> Config:
    """Write the parts' full names where settings name them."""
    for kind, setting in SETTINGS_OF_PARTS.items():
        names = [item.full_name for item in choice.of(kind)]
        if names:
            section, _, field = setting.partition(".")
            told = getattr(config, section)
            value = names[0] if isinstance(getattr(told, field), str) else tuple(names)
            config = replace(config, **{section: replace(told, **{field: value})})
    return config
