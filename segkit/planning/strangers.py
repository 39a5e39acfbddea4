"""What run directories and checkpoints name is read where it lies in the data root or this user has named it.

A run directory or a checkpoint may be from anybody: `data.classes = "/home/you/keys.toml"` or a root of pictures that
are nobody's business would be read into a report that is handed on (issue 19).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segkit.config import ChosenParams, Layer
from segkit.data.named import is_known, remember
from segkit.data.roots import Root
from segkit.errors import SegkitError
from segkit.files import is_inside, real
from segkit.params import describe, show

ROOT = "data.root"


def check_root(root: Root, given: str | None, layers: Iterable[Layer], dataset: str) -> None:
    """Hold a data root against the rule, and remember one that the user named or that was found.

    Args:
        given: the folder asked for; None where it was looked for.
        layers: what was said, the weakest first.

    Raises:
        SegkitError: a run directory alone names it.
    """
    by = said_by(layers, ROOT)
    if given is None or by is None or not by.of_stranger:
        remember(root.path)
    elif not is_known(root.path):
        raise SegkitError(
            f"{by.source} names the data root {root.path}, which you have not named to segkit on this machine",
            f"if these are your data, say --data-root {root.path}, or once: segkit data info {dataset} --data-root ...",
        )


def check_params(
    chosen: Sequence[ChosenParams], values: Mapping[Any, Any], layers: Iterable[Layer], root: Path
) -> None:
    """Hold the files that components' params name against the rule, and remember those that the user named.

    Args:
        values: the params of the chosen components by section and name.
        layers: what was said, the weakest first.

    Raises:
        SegkitError: a run directory or checkpoint alone names a file outside of the data root.
    """
    layers = list(layers)
    for one in chosen:
        own = values[one.section, one.name]
        for name in describe(one.type):
            by = said_by(layers, one.prefix + name, f"{one.section}.{name}")
            if by is None:
                continue
            for place in outside(getattr(own, name), root):
                if not by.of_stranger:
                    remember(place)
                elif not is_known(place):
                    value = show(getattr(own, name))
                    raise SegkitError(
                        f"{by.source} names {one.prefix}{name}={value}, which is not in the data root",
                        f"if the file is yours, name it yourself once: --set {one.prefix}{name}={value}, here or in "
                        "segkit data info",
                    )


def check_rebuilt(params: Any, what: str) -> None:
    """Raise SegkitError where a checkpoint has a component read files as the model is built.

    Params of first weights are left out: a model that is rebuilt takes their defaults.
    """
    kind: type = type(params)
    for name, info in describe(kind).items():
        if not info.start and not all(map(is_known, outside(getattr(params, name), None))):
            raise SegkitError(
                f"{what} names {name}={show(getattr(params, name))}, a file that you have not named to segkit",
                "ask who made it for a checkpoint that stands alone",
            )


def said_by(layers: Iterable[Layer], *names: str) -> Layer | None:
    """Return whose word counts for a setting, which may have several names; None where nobody said it."""
    return next((layer for layer in reversed(list(layers)) if not layer.values.keys().isdisjoint(names)), None)


def outside(value: Any, root: Path | None) -> Iterator[Path]:
    """Yield the files that a param's value may mean and that are not in the data root; None where there is none."""
    if isinstance(value, tuple):
        for one in value:
            yield from outside(one, root)
    elif isinstance(value, Path) or (isinstance(value, str) and leads_out(value)):
        # Files that params declare as such are looked for from where the command is called, other names in the root.
        here = Path.cwd() if isinstance(value, Path) or root is None else root
        place = here / os.path.expanduser(value)  # noqa: PTH111 -- in nobody's home it is a name as any other
        if root is None or not (is_below(root, place) or is_inside(root, place)):
            yield real(place)


def is_below(root: Path, place: Path) -> bool:
    """Whether a path is written as one below the root, through whatever links in it: those are the user's."""
    return Path(os.path.abspath(place)).is_relative_to(os.path.abspath(root))  # noqa: PTH100 -- `..` taken as written


def leads_out(text: str) -> bool:
    """Whether text is a path from the root of a file system, from a home folder, or up."""
    path = Path(text)
    return bool(path.root or path.drive) or text.startswith("~") or ".." in path.parts
