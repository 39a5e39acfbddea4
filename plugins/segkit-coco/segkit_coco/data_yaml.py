"""data.yaml: names of classes, and where the photographs of each split are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from segkit import SegkitError
from segkit.files import expanded, read_text
from segkit_coco.entries import short
from segkit_coco.tree import Tree

FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
NAME_LISTS = ("classes.txt", "labels/classes.txt", "obj.names")
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
MOST_BYTES = 1 << 18
"""Of a YAML file: the library reads 100 kB a second."""
MOST_IN_LIST = 1 << 28
EXAMPLE = "such as: train: images/train, val: images/val, and names: [lesion, hair]"


@dataclass(frozen=True)
class Description:
    """What the file says.

    Attributes:
        file: its name as told; "no data.yaml" where there is none.
        names: classes by their number; empty where nothing names them.
        places: folders or lists of photographs by split, as written; empty where it says none.
        base: folder that it gives for all of them, as written.
    """

    file: str = "no data.yaml"
    names: Mapping[int, str] = field(default_factory=dict)
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    base: str = ""


class Loader(yaml.BaseLoader):  # type: ignore[misc]  # the library has no types
    """Makes text, lists and mappings only, whatever text looks like (a class may be called "no"), and no key twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; raises YAMLError where a key is there twice."""
        keys = [key.value for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"found {twice!r} twice", node.start_mark)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def find_description(tree: Tree, given: str | None) -> Description:
    """Read the YAML file that is given, or the root's, or a list of names.

    Raises:
        SegkitError: it is missing, or no such file.
    """
    if given is not None:
        path = tree.root / expanded(given, "data.yaml")
        if not path.is_file():
            raise SegkitError(f"data.yaml={given}: there is no such file", f"give it as below {tree.root}")
        return read_description(path, path.name)
    there = {str(file) for file in tree.files}
    for name in FILES:
        if name in there:
            return read_description(tree.root / name, name)
    for name in NAME_LISTS:
        if name in there:
            return Description(
                name, names_of(read_text(tree.root / name, hint=EXAMPLE, file=name, most=MOST_BYTES).split("\n"), name)
            )
    return Description()


def read_description(path: Path, name: str) -> Description:
    """Read a YAML file of classes and splits; raises SegkitError."""
    try:
        content = yaml.load(
            read_text(path, hint=EXAMPLE, file=name, most=MOST_BYTES), Loader
        )  # a BaseLoader, which makes nothing but text, lists and mappings
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise SegkitError(f"{name} is no YAML: {error.problem} in line {line}", EXAMPLE) from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else short(" ".join(str(error).split()))
        raise SegkitError(f"{name} is no YAML that can be read: {reason}", EXAMPLE) from None
    if not isinstance(content, dict):
        raise SegkitError(f"{name} holds no keys and values", EXAMPLE)
    if content.get("kpt_shape"):
        raise SegkitError(f"{name} describes key points (kpt_shape), no outlines", "export the labels for segmentation")
    names = names_of(content.get("names"), name)
    count = content.get("nc")
    if count is not None and count != str(len(names)):
        raise SegkitError(f"{name} says nc: {short(count)} and names {len(names)} classes", "mend one of them")
    places: dict[str, tuple[str, ...]] = {}
    for key, split in SPLITS.items():
        written = content.get(key) or []
        listed = [written] if isinstance(written, str) else written
        if not isinstance(listed, list) or not all(isinstance(place, str) for place in listed):
            raise SegkitError(f"{name}: {key} is no folder, and no list of folders", EXAMPLE)
        places[split] = places.get(split, ()) + tuple(listed)
    base = content.get("path") or ""
    return Description(name, names, {split: found for split, found in places.items() if found}, str(base))


def names_of(written: Any, file: str) -> dict[int, str]:
    """Return names by number, of a list or of a mapping; raises SegkitError."""
    if isinstance(written, list):
        while written and written[-1] == "":
            written = written[:-1]
        written = {str(number): name for number, name in enumerate(written)}
    if not isinstance(written, dict) or not written:
        raise SegkitError(f"{file} names no classes", EXAMPLE)
    names: dict[int, str] = {}
    for number, name in written.items():
        known = isinstance(number, str) and number.isdecimal() and len(number) <= 6
        if not known or not isinstance(name, str) or not name.strip() or not name.strip().isprintable():
            raise SegkitError(f"{file} has a class that is no number with a name: {short(number)}", EXAMPLE)
        names[int(number)] = name.strip()
    if len({*names.values()}) < len(written):
        twice = next(name for name in names.values() if [*names.values()].count(name) > 1 or len(names) < len(written))
        raise SegkitError(f"{file} names a class twice: {short(twice)}", "give every class a name of its own")
    return dict(sorted(names.items()))


def place_in(tree: Tree, base: str, written: str) -> PurePosixPath | None:
    """Return the folder or file below the root that a place means; None where there is none.

    Export tools write places as they are on their own machine, or one level too high ("../train/images"), and so the
    longest end of the place that is below the root is taken; nothing outside of it ever is.
    """
    known = {*tree.files, *(folder for file in tree.files for folder in file.parents)}
    for whole in (f"{base}/{written}", written):
        parts = [part for part in whole.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        for start in range(len(parts)):
            if PurePosixPath(*parts[start:]) in known:
                return PurePosixPath(*parts[start:])
    return PurePosixPath() if written.strip("./\\") == "" else None
