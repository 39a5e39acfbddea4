"""Images and masks that are told apart by patterns of their names, such as "*_preprocessed.png" and "*_mask.png"."""

from __future__ import annotations

import re
from pathlib import Path

from segkit import SegkitError, UsageError
from segkit.data.inventory import files_below, is_litter, is_text
from segkit_folder.layout import Names, Source, split_of_path
from segkit_folder.listing import Files, composed, file_stem
from segkit_nifti.files import stem_of

WILD = "*?["


def is_pattern(text: str | None) -> bool:
    """Whether a name that people say is a pattern."""
    return text is not None and any(letter in text for letter in WILD)


def pattern_sources(root: Path, names: Names) -> list[Source]:
    """Find the images and masks that are called like two patterns, in whatever folders, one source for each split.

    What a star stands for has to be the same in an image's name and in its mask's, and is the case's id.

    Raises:
        UsageError: only one of the two is said.
        SegkitError: nothing is called like one of them.
    """
    if names.images is None or names.masks is None:
        missing = "images" if names.images is None else "masks"
        raise UsageError(
            f"data.masks and data.images: one is a pattern, and data.{missing} is not said",
            f"add --set 'data.{missing}=*.png', with a star where the names of both are the same",
        )
    patterns = {"images": compile_pattern(names.images), "masks": compile_pattern(names.masks)}
    if names.field is not None:
        patterns["field"] = compile_pattern(names.field)
    found: dict[str | None, dict[str, Files]] = {}
    others = {}
    for path in files_below(root):
        relative = path.relative_to(root)
        if any(map(is_litter, relative.parts)) or file_stem(path.name) is None:
            continue
        role = role_of(relative, patterns)
        if role is None:
            others[path] = "called like neither data.images nor data.masks"
            continue
        split = split_of_path(relative.parts[:-1])
        add_file(found.setdefault(split, {what: Files() for what in ("images", "masks", "field")}), role, path)
    for what in ("images", "masks"):
        if not any(roles[what] for roles in found.values()):
            raise SegkitError(
                f"{root} holds no file called like data.{what}={getattr(names, what)}", "check the pattern"
            )
    sources = []
    for split, roles in sorted(found.items(), key=lambda item: str(item[0])):
        masks = {"": roles["masks"]} if roles["masks"] else {}
        sources.append(Source(split, root, roles["images"], masks, roles["field"], paired=True))
    sources[0].images.others.update(others)
    return sources


def role_of(relative: Path, patterns: dict[str, re.Pattern[str]]) -> tuple[str, str] | None:
    """Return what a file is and its id; None where it is called like nothing.

    A file that is called like both an image and a mask is what the pattern with more letters of its own says.
    """
    text = composed(relative.as_posix())
    matches = {what: match for what, pattern in patterns.items() if (match := pattern.match(text))}
    if not matches:
        return None
    what = min(matches, key=lambda what: sum(map(len, matches[what].groups())))
    ids = dict.fromkeys(part for part in matches[what].groups() if part)
    return what, "-".join(ids).replace("/", "-")


def add_file(roles: dict[str, Files], role: tuple[str, str], path: Path) -> None:
    """Add a file under its id."""
    files, id = roles[role[0]], role[1]
    files.volumes |= stem_of(path.name) is not None
    if not is_text(path.name):
        files.not_text.append(path)
    elif id in files.files:
        files.twice.append(path)
    else:
        files.files[id] = path


def compile_pattern(text: str) -> re.Pattern[str]:
    """Turn a pattern into a regular expression for paths below the root, whose groups are what the stars stand for.

    A name without stars is a folder; a pattern may begin in any folder; an ending ".*" is any suffix.
    """
    text = composed(text).replace("\\", "/").strip("/")
    if not is_pattern(text):
        text += "/*.*"
    parts = []
    place = 0
    while place < len(text):
        letter = text[place]
        if text.startswith("**/", place):
            parts.append("(?:.*/)?")
            place += 3
            continue
        if text[place:] == ".*":
            parts.append(r"\.[^./]+")
            break
        close = text.find("]", place + 2)
        if letter == "*":
            parts.append("([^/]*)")
        elif letter == "?":
            parts.append("([^/])")
        elif letter == "[" and close > 0:
            inner = text[place + 1 : close].replace("\\", r"\\")
            parts.append(f"([{'^' + inner[1:] if inner[0] in '!^' else inner}])")
            place = close
        else:
            parts.append(re.escape(letter))
        place += 1
    try:
        compiled = re.compile(f"(?:.*/)?{''.join(parts)}\\Z", re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{text!r} is no pattern: {error}", "such as '*_mask.png'") from None
    return compiled
