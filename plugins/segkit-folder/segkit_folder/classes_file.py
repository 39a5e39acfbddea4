"""The TOML file that names the classes by value or colour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segkit import SegkitError
from segkit.data.masks import packed
from segkit.data.unions import Unions
from segkit.files import parse_json, parse_toml, read_bytes, read_text, whole_number
from segkit_folder.classes import EXAMPLE, Classes
from segkit_folder.joined import members_of

MOST = 254
HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\Z", re.IGNORECASE)
TEXT_LINE = re.compile(
    r"(?P<name>[^:]+):(?P<colour>\d+,\d+,\d+)(:.*)?\Z|(?P<before>\d+\s+\d+\s+\d+)\s+(?P<after>\S.*)\Z"
)
NOT_CLASSES = ("ignore", "background")


def read_classes(path: Path) -> Classes:
    """Read a TOML file that names classes, the `dataset.json` of nnU-Net, or the colours of CVAT and CamVid.

    `classes` is a list, whose first name has value 1, or a table of values or colours by name; such a table may also be
    the file itself. A class may be a list of values: their union; classes with a value in common overlap. `ignore` and
    `background` are a value or colour.

    Raises:
        SegkitError: it cannot be read, or names no classes, or gives a value twice.
    """
    content = read_content(path)
    if "classes" not in content and any(is_colour(value) for name, value in content.items() if name not in NOT_CLASSES):
        named = {name: value for name, value in content.items() if name not in NOT_CLASSES}
        content = {"classes": named, **{name: content[name] for name in NOT_CLASSES if name in content}}
    unknown = sorted(set(content) - {"classes", *NOT_CLASSES})
    if unknown:
        raise SegkitError(f"{path.name} has the unknown entry {unknown[0]!r}", EXAMPLE)
    classes = content.get("classes")
    if isinstance(classes, list) and all(isinstance(name, str) for name in classes):
        classes = {name: value for value, name in enumerate(classes, 1)} if len({*classes}) == len(classes) else None
    if not isinstance(classes, dict) or not classes or not all(name.strip() for name in classes):
        raise SegkitError(f"{path.name} names no classes, each once", EXAMPLE)
    # CVAT and CamVid list the background among the classes.
    background = content.get("background", black(classes.pop("background", None)) if len(classes) > 1 else None)
    members = members_of(path.name, classes)
    if members is None:
        return as_classes(path, classes, content.get("ignore"), background)
    base = {str(value): value for values in members.values() for value in values}
    of_values = as_classes(path, base, content.get("ignore"), background)
    numbers = {value: label for label, value in enumerate(base, start=1)}
    joined = Unions({name: tuple(numbers[str(value)] for value in values) for name, values in members.items()})
    return replace(of_values, unions=joined)


def as_classes(path: Path, classes: Mapping[str, Any], ignore: Any, background: Any) -> Classes:
    """Check values or colours and make them classes."""
    given = [*classes.values(), *(value for value in (ignore, background) if value is not None)]
    colours = any(is_colour(value) for value in given)
    if colours:
        wrong = [value for value in given if not is_colour(value)]
        if wrong:
            raise SegkitError(f"{path.name} names colours and values, such as {wrong[0]!r}", "give all of one kind")
    elif not all(is_number(value) and value > 0 for value in classes.values()) or not all(
        value is None or (is_number(value) and value >= 0) for value in (ignore, background)
    ):
        raise SegkitError(f"{path.name} gives a class a value that is no number from 1 on and no colour", EXAMPLE)
    plain = [colour_of(value) if colours else int(value) for value in given]
    if background is None:
        plain.append(0)
    if len(set(plain)) < len(plain) or len(classes) > MOST:
        raise SegkitError(f"{path.name} gives one value to two classes", EXAMPLE)
    rest = iter(plain[len(classes) :])
    return Classes(
        dict(zip(classes, plain, strict=False)),
        None if ignore is None else next(rest),
        f"from {path.name}",
        colours=colours,
        background=next(rest),
    )


def read_content(path: Path) -> dict[str, Any]:
    """Read the file's entries."""
    text = read_text(path, hint="check the path", file=path.name)
    try:
        if path.suffix.lower() == ".txt":
            return {"classes": colours_of_text(text)}
        return labels_of_json(text) if path.suffix.lower() == ".json" else parse_toml(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        kind = {".json": "dataset.json of nnU-Net", ".txt": "list of colours"}.get(path.suffix.lower(), "TOML")
        raise SegkitError(f"{path.name} is no {kind}: {error}", EXAMPLE) from None


def describes_classes(path: Path) -> bool:
    """Whether a file is there and, as a dataset.json, one that names labels: others use that name for other things."""
    if not path.is_file() or path.suffix.lower() != ".json":
        return path.is_file()
    try:
        return isinstance(parse_json(read_bytes(path), finite=False)["labels"], dict)
    except (SegkitError, ValueError, KeyError, TypeError):
        return False


def labels_of_json(text: str) -> dict[str, Any]:
    """Return the labels of nnU-Net's dataset.json in the form of classes.toml."""
    labels = dict(parse_json(text, finite=False)["labels"])
    if all(isinstance(name, str) and whole_number(name) is not None for name in labels):
        labels = {str(name): int(value) for value, name in labels.items()}  # as the Decathlon writes them
    labels.pop("background", None)
    ignore = labels.pop("ignore", None)
    labels = {name: {"values": value} if isinstance(value, list) else value for name, value in labels.items()}
    return {"classes": labels, **({} if ignore is None else {"ignore": ignore})}


def colours_of_text(text: str) -> dict[str, str]:
    """Return the classes of CVAT's labelmap.txt, "lesion:255,0,0::", or CamVid's label_colors.txt, "255 0 0 lesion"."""
    classes = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = TEXT_LINE.match(line.strip())
        if found is None:
            raise ValueError(f"the line {line.strip()!r} names no class and colour")
        name = found["name"] or found["after"]
        classes[name.strip()] = found["colour"] or found["before"]
    return classes


def black(value: Any) -> Any:
    """Return a background's value as it is; None for 0, which it is anyway."""
    return None if value is None or value == 0 else value


def is_number(value: Any) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_colour(value: Any) -> bool:
    """Whether a value is a colour: "#ff0000", "255,0,0" or [255, 0, 0]."""
    try:
        colour_of(value)
    except (ValueError, TypeError):
        return False
    return True


def colour_of(value: Any) -> int:
    """Return a colour as 0xRRGGBB; raises ValueError or TypeError where it is none."""
    import numpy as np

    if isinstance(value, str) and HEX.match(value.strip()):
        digits = value.strip()[1:]
        return int(digits if len(digits) == 6 else "".join(digit * 2 for digit in digits), 16)
    parts = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else list(value)
    numbers = [int(part) for part in parts]
    if len(numbers) != 3 or not all(0 <= number <= 255 for number in numbers):
        raise ValueError(f"{value!r} is no colour")
    return int(packed(np.array(numbers, np.uint8)))
