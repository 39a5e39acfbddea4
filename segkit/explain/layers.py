"""Layers by name: dotted, as the architecture declares them, or found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from segkit.errors import UsageError, did_you_mean

AUTO = "auto"
ROLES = ("last", "middle")
SHOWN = 14
PATH = re.compile(r"(?P<module>[^\[\]#]+)(#(?P<call>[0-9]{1,9}))?(\[(?P<key>[^\[\]]+)\])?\Z")


@dataclass(frozen=True)
class LayerPath:
    """A layer as people write it.

    Attributes:
        text: all of it.
        module: dotted module name.
        call: which of several calls, 1 the first; None for the last.
        key: which of several outputs; None for the first that is a map.
    """

    text: str
    module: str
    call: int | None = None
    key: str | None = None

    @classmethod
    def parse(cls, text: str) -> LayerPath:
        """Read "name", "name#CALL", "name[OUTPUT]" or both; raises UsageError where it is none of them."""
        found = PATH.match(text)
        if found is None or found["call"] == "0":
            raise UsageError(f"layer {text!r} is no layer's name", "as in decoder.0, decoder.0#1 or backbone[2]")
        return cls(text, found["module"], int(found["call"]) if found["call"] else None, found["key"])


def check_module(model: nn.Module, path: LayerPath, declared: Mapping[str, str] | None = None) -> nn.Module:
    """Return the module of a path; raises UsageError with the nearest name and a list where there is none."""
    if path.module and has_module(model, path.module):
        return model.get_submodule(path.module)
    raise unknown_layer(path.text, [*(declared or ()), AUTO, *names_of(model)], "is not in this model")


def has_module(model: nn.Module, name: str) -> bool:
    """Whether there is a module of this dotted name."""
    return any(name == known for known, _ in model.named_modules())


def unknown_layer(name: str, candidates: Sequence[str], what: str) -> UsageError:
    """Say that there is no such layer, what it may have meant, and what there is."""
    return UsageError(f"layer {name!r} {what}{did_you_mean(name, candidates)}", f"layers: {shown(candidates)}")


def not_spatial(path: LayerPath, what: str, candidates: Sequence[str]) -> UsageError:
    """Say that a layer gives no map."""
    return UsageError(
        f"layer {path.text!r} gives {what}, no map of an image",
        f"choose a layer with channels and a grid: {shown(candidates)}",
    )


def names_of(model: nn.Module) -> list[str]:
    """Dotted names of all modules but the model itself and lists, which are never called."""
    lists = (nn.ModuleList, nn.ModuleDict)
    return [name for name, module in model.named_modules() if name and not isinstance(module, lists)]


def shown(names: Sequence[str]) -> str:
    """Write the first names, those nearest to the model's own level before others."""
    ordered = sorted(dict.fromkeys(names), key=lambda name: name.count("."))
    more = f", ... ({len(ordered)} in all)" if len(ordered) > SHOWN else ""
    return ", ".join(ordered[:SHOWN]) + more
