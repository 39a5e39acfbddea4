"""Several datasets as one declaration: "isic + sample=isic" (issue 22)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Literal

from segkit.declarations.kinds import Dataset
from segkit.errors import UsageError
from segkit.params import describe, param

JOIN = "+"
"""What stands between datasets that are trained on together, as between the terms of a loss."""
FACTORY = "segkit.data.joint:JointReader"


def joint_dataset(parts: Sequence[Dataset]) -> Dataset:
    """Return the dataset that several make together; its params are theirs, each after its dataset's name.

    Raises:
        UsageError: two have one name, or they have no mode in common.
    """
    names = [part.name for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"dataset {name!r} is named twice", f"give one a name of its own: --data other={name}")
    modes = {
        mode: dims for mode, dims in parts[0].modes.items() if all(part.modes.get(mode) == dims for part in parts[1:])
    }
    if not modes:
        told = "; ".join(
            f"{part.name} offers {', '.join(f'{m} ({d}D)' for m, d in part.modes.items())}" for part in parts
        )
        raise UsageError(f"these datasets have no mode in common: {told}", "train on them apart")
    return Dataset(
        name="-and-".join(names),
        factory=FACTORY,
        summary=f"{' and '.join(names)} together."[:200],
        params=joint_params(tuple((part.name, part.params) for part in parts)),
        modes=modes,
        homepage=" ".join(part.homepage for part in parts if part.homepage),
    )


@functools.cache
def joint_params(parts: tuple[tuple[str, type], ...]) -> type:
    """Return the dataclass of all datasets' params, "isic_year" for year of isic, and of how they are dealt."""
    deal: Literal["size", "evenly"] = param(
        "size", "How often cases are shown: by their dataset's size, or evenly: as many of each dataset in every batch."
    )
    fields: list[tuple[str, Any, Any]] = [("deal", Literal["size", "evenly"], deal)]
    for name, kind in parts:
        own = {field.name: field for field in dataclasses.fields(kind)}
        for info in describe(kind).values():
            copied = dataclasses.field(default=info.default, metadata=own[info.name].metadata)
            fields.append((f"{prefix_of(name)}{info.name}", info.hint, copied))
    made: type = dataclasses.make_dataclass("JointParams", fields, frozen=True)
    return made


def prefix_of(name: str) -> str:
    """What stands before the params of a dataset among several: "my_data_" of my-data."""
    return name.replace("-", "_") + "_"
