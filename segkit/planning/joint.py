"""Several datasets opened as one: what is said of each, and where it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from segkit.config import Layer, is_core
from segkit.data.dataset import DatasetReader
from segkit.data.joint import JointPart, JointReader
from segkit.data.roots import Root
from segkit.declarations.joint import prefix_of
from segkit.discovery import Found
from segkit.errors import UsageError
from segkit.params import describe

ROOT = "data.root"


def open_joint(
    parts: Sequence[Found],
    given: str | None,
    given_by: str,
    layers: Sequence[Layer],
    modes: Iterable[str],
    open_one: Callable[[Found, Sequence[Layer]], tuple[DatasetReader, Root]],
    *,
    evenly: bool,
) -> tuple[Any, Root]:
    """Open each dataset by what layers say of it.

    Args:
        modes: those that all of them declare.
        evenly: whether an epoch shows as many cases of each.
        open_one: opens one dataset by what is said of it.
        given: their folders, separated as the platform separates paths; an empty one is looked for. None: all are.

    Raises:
        UsageError: there are folders for another number of datasets.
        SegkitError: as of each dataset, or they cannot be trained on together.
    """
    roots = [""] * len(parts) if given is None else given.split(os.pathsep)
    if len(roots) != len(parts):
        names = ", ".join(part.component.name for part in parts)
        raise UsageError(
            f"{given_by}: {len(roots)} folders for {len(parts)} datasets ({names})",
            'say --data-root once for each of them, in their order; "" where it is to be looked for',
        )
    opened, found = [], []
    for part, root in zip(parts, roots, strict=True):
        reader, own = open_one(part, [*of_part(layers, part, root)])
        opened.append(JointPart(part.component.name, reader, own.path))
        found.append(own)
    source = ", ".join(dict.fromkeys(root.source for root in found))
    joint = Root(found[0].path, source, any(root.generated for root in found), tuple(found))
    return JointReader(opened, tuple(modes), evenly=evenly), joint


def of_part(layers: Sequence[Layer], part: Found, root: str) -> Iterator[Layer]:
    """Yield what layers say of one of several datasets, as if it were alone."""
    prefix, own = prefix_of(part.component.name), describe(part.component.params)
    for layer in layers:
        values = {}
        for name, value in layer.values.items():
            rest = name.removeprefix("data.")
            if name == ROOT and root and value != "none":
                values[ROOT] = root
            elif rest.startswith(prefix) and rest.removeprefix(prefix) in own:
                values[f"data.{rest.removeprefix(prefix)}"] = value
            elif name != ROOT and is_core("data", rest):
                values[name] = value
        yield replace(layer, values=values)
