"""What the classes are called, in label order, and by which codes DICOM knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segkit import SegkitError
from segkit.files import parse_toml, read_text

FILE = "classes.toml"
MOST = 254
EXAMPLE = 'write it as: classes = ["liver", "tumour"], and if you like [codes] liver = "SCT:10200004:Liver"'


@dataclass(frozen=True)
class ClassFile:
    """What classes.toml says.

    Attributes:
        names: in label order.
        codes: by name (scheme, value, meaning) of the coded type.
    """

    names: tuple[str, ...]
    codes: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)


def read_class_file(path: Path) -> ClassFile:
    """Read classes.toml: `classes`, a list or a table of values by name from 1 on, and `codes` by name.

    Raises:
        SegkitError: it cannot be read, or names no classes.
    """
    try:
        content = parse_toml(read_text(path, hint="check the path", file=path.name))
    except ValueError as error:
        raise SegkitError(f"{path.name} is no TOML: {error}", EXAMPLE) from None
    classes: Any = content.get("classes")
    codes = content.get("codes", {})
    if isinstance(classes, dict):
        values = list(classes.values())
        in_order = all(isinstance(value, int) for value in values) and sorted(values) == list(range(1, len(values) + 1))
        classes = sorted(classes, key=lambda name: classes[name]) if in_order else None
    right = isinstance(classes, list) and classes and all(isinstance(name, str) and name for name in classes)
    if not right or len({*classes}) < len(classes) or len(classes) > MOST:
        raise SegkitError(f"{path.name} names no classes, each once and from value 1 on", EXAMPLE)
    if not isinstance(codes, dict) or not all(isinstance(code, str) for code in codes.values()):
        raise SegkitError(f"{path.name} has codes that are no table of texts", EXAMPLE)
    return ClassFile(tuple(classes), {name: parse_code(code, path.name) for name, code in codes.items()})


def parse_code(written: str, where: str) -> tuple[str, str, str]:
    """Return scheme, value and meaning of "SCT:10200004:Liver"; raises SegkitError."""
    parts = [part.strip() for part in written.split(":", 2)]
    if len(parts) != 3 or not all(parts) or len(parts[0]) > 16 or len(parts[1]) > 16 or len(parts[2]) > 64:
        raise SegkitError(f"{where} has the code {written!r}", "write scheme, value and meaning: SCT:10200004:Liver")
    return parts[0], parts[1], parts[2]


def default_names(found: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all segments that were found, each once, sorted whatever the letters' case."""
    once = {name.casefold(): name for name in sorted(found, reverse=True) if name}
    if len(once) > MOST:
        raise SegkitError(
            f"the masks have {len(once)} segments, at most {MOST} classes can be learnt",
            "choose some: --set data.classes=NAME,NAME",
        )
    return tuple(once[key] for key in sorted(once))
