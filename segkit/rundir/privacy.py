"""Keep paths, and where asked case ids, out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

FOLDER_SETTINGS = ("data.root", "run.output")
"""The settings that are folders of the machine."""
# A path inside a sentence: starts at the root, a home folder or a drive, and has at least two parts.
# Not preceded by a letter or by what stands before the slashes of a URL.
PATH_IN_TEXT = re.compile(r"(?<![\w/.:])(?:~[\w.-]*/|/(?=[^\s/]+/)|[A-Za-z]:[\\/]|\\\\)[^\s'\"<>|,;]*")


def last_part(path: str) -> str:
    """Return the last folder or file name of a POSIX or Windows path; "" for a root."""
    return PureWindowsPath(path).name


def is_absolute(text: str) -> bool:
    """Whether text is an absolute path of a POSIX or Windows system, or one in somebody's home."""
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute() or text.startswith("~")


def without_paths(value: Any) -> Any:
    """Return text, or anything read from JSON or TOML, with every absolute path cut down to its last name."""
    if isinstance(value, dict):
        return {key: without_paths(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_paths(part) for part in value]
    if not isinstance(value, str):
        return value
    if is_absolute(value):
        return last_part(value)
    return PATH_IN_TEXT.sub(lambda found: last_part(found.group()), value)


def pseudonyms(names: Iterable[str], word: str) -> dict[str, str]:
    """Number the distinct names in their order: {"ISIC_0012": "case 001"}."""
    distinct = list(dict.fromkeys(names))
    width = max(3, len(str(len(distinct))))
    return {name: f"{word} {number:0{width}d}" for number, name in enumerate(distinct, start=1)}


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a sentence in which every known name is replaced by what is shown for it."""
    if not names:
        return text
    # Longer names first: "case-10" is not "case-1" with a 0 behind it.
    known = sorted(names, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, known)), lambda found: names[found.group()], text)
