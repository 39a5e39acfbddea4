"""A model scored on data with some of its classes: one of the datasets it was trained on, or another (issue 22)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from segkit.config import Layer, is_core
from segkit.data.dataset import DatasetReader
from segkit.data.joint import JointPart, JointReader
from segkit.data.roots import Root
from segkit.declarations import Dataset, Task
from segkit.declarations.joint import JOIN, prefix_of
from segkit.discovery import Found, plain_name
from segkit.planning.joint import ROOT


@dataclass(frozen=True)
class OwnPart:
    """One of several datasets that a model was trained on.

    Attributes:
        names: of all of them.
        place: which of them it is.
        text: it alone, as a registry finds it: "more=segkit-toy:squares".
    """

    names: tuple[str, ...]
    place: int
    text: str

    def of(self, layer: Layer) -> Layer:
        """Return what a layer that speaks of all of them says of this one."""
        others = tuple(prefix_of(name) for name in self.names if name != self.names[self.place])
        values: dict[str, Any] = {}
        for name, value in layer.values.items():
            section, _, rest = name.partition(".")
            if name == ROOT:
                if root := self.root(str(value)):
                    values[ROOT] = root
            elif section != "data" or is_core("data", rest) or not rest.startswith(others):
                values[name] = value
        return replace(layer, values=values)

    def root(self, of_all: str) -> str:
        """Return its folder of those of all; "" where it is looked for."""
        roots = of_all.split(os.pathsep)
        return roots[self.place] if len(roots) == len(self.names) else ""


def own_part(own: str, asked: str | None) -> OwnPart | None:
    """Return which of a model's datasets is asked for, by the name that it had among them; None where it is another.

    Args:
        own: the full name of all of them.
    """
    texts = [text.strip() for text in own.split(JOIN)]
    names = tuple(map(plain_name, texts))
    for place, (name, text) in enumerate(zip(names, texts, strict=True)):
        if len(texts) > 1 and asked in (name, text):
            return OwnPart(names, place, f"{name}={text.rpartition('=')[2]}")
    return None


def in_classes_of(
    task: Task, reader: DatasetReader, data: Found, root: Root, part: OwnPart | None, tell: Callable[[str], None] | None
) -> DatasetReader:
    """Return a reader whose task is the model's where its dataset has some of the classes only, each case annotated so.

    Elsewhere it is what it was: classes that the model has not are for others to refuse.
    """
    own = reader.task
    lacking = [name for name in task.classes if name not in own.classes]
    known = set(own.classes) <= set(task.classes)
    if not known or (own.in_channels, own.spatial_dims) != (task.in_channels, task.spatial_dims):
        return reader
    if part is None and (not lacking or own.overlapping != task.overlapping):
        return reader
    widened: Any = reader
    if not isinstance(widened, JointReader):
        assert isinstance(data.component, Dataset)
        widened = JointReader([JointPart(data.component.name, reader, root.path)], [*data.component.offered])
    widened.task = task
    if lacking and tell is not None:
        name = " and ".join(widened.datasets)
        tell(f"note: {name} has no {' or '.join(lacking)}: scores are of {', '.join(own.classes)} alone")
    one: DatasetReader = widened
    return one
