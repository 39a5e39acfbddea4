"""How the logits of one set of classes are made of those of another, classes matched by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segkit.declarations import Task

Combination = Sequence[tuple[int, float]]
"""One logit as a sum of others: (which, factor)."""


def class_rows(task: Task, source: Task, called: Mapping[str, str]) -> list[Combination | None]:
    """Return for each logit of a task what it is made of in a source; None for one that starts new.

    Logits of exclusive classes count against each other: only their differences mean anything. A single class has one
    logit, that of the class less that of the background, which is 0 there; so has each of overlapping classes.

    Args:
        called: what the source calls a class that has another name there.
    """
    places = {name: place for place, name in enumerate(source.classes)}
    shared = {name: places[called.get(name, name)] for name in task.classes if called.get(name, name) in places}
    if not shared:
        return [None] * task.out_channels
    alone, source_alone = is_alone(task), is_alone(source)
    rows: list[Combination | None] = []
    if not alone:
        rows.append([] if source_alone else [(0, 1.0)])
    for name in task.classes:
        place = shared.get(name)
        if place is None:
            rows.append(None)
        elif source_alone:
            rows.append([(place, 1.0)])
        else:
            rows.append([(place + 1, 1.0), *([(0, -1.0)] if alone else [])])
    return rows


def is_alone(task: Task) -> bool:
    """Whether each class has a logit of its own, against nothing: a single class, or overlapping ones."""
    return task.out_channels == len(task.classes)
