"""What is taken off the names of images and masks so that the two are the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import SequenceMatcher
from pathlib import Path

IMAGE_ENDING = re.compile(r"[-_. ](image|img|0000)\Z", re.IGNORECASE)
SEPARATORS = "-_. "
TRIED = 20
"""Images whose nearest masks are looked for when a pattern is proposed."""


def without_affixes(stems: Collection[str]) -> tuple[dict[str, str], str]:
    """Take off what all stems begin and end with, at a separator or between letters and digits.

    Returns:
        What is left by stem, and what was taken off in the form "img*_training"; nothing is taken off a single stem.
    """
    if len(stems) < 2:
        return {stem: stem for stem in stems}, ""
    prefix = common_start(stems)
    suffix = common_start([stem[::-1] for stem in stems])[::-1]
    while prefix and not is_boundary(prefix[-1], {stem[len(prefix) : len(prefix) + 1] for stem in stems}):
        prefix = prefix[:-1]
    while suffix and not is_boundary(suffix[0], {stem[-len(suffix) - 1 : -len(suffix)] for stem in stems}):
        suffix = suffix[1:]
    if min(map(len, stems)) <= len(prefix) + len(suffix) or not (prefix or suffix):
        return {stem: stem for stem in stems}, ""
    return {stem: stem[len(prefix) : len(stem) - len(suffix)] for stem in stems}, f"{prefix}*{suffix}"


def common_start(texts: Collection[str]) -> str:
    """Return the letters that all texts begin with."""
    first, last = min(texts), max(texts)
    differing = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(differing, min(len(first), len(last)))]


def is_boundary(letter: str, others: Iterable[str]) -> bool:
    """Whether a name may be cut between a letter and what stands on its other side."""
    return letter in SEPARATORS or (letter.isalpha() and all(other.isdigit() for other in others))


def nearest_patterns(images: Mapping[str, Path], masks: Mapping[str, Path]) -> tuple[str, str, str, str]:
    """Find the patterns that pair the most images and masks.

    Returns:
        The two patterns, and names of an image and a mask that they pair.
    """
    best: tuple[int, str, str, str, str] | None = None
    for stem, path in list(images.items())[:TRIED]:
        other = max(masks, key=lambda mask: longest_common(stem, mask)[2])
        start, there, length = longest_common(stem, other)
        if not length:
            continue
        patterns = (
            f"{stem[:start]}*{stem[start + length :]}{path.name[len(stem) :]}",
            f"{other[:there]}*{other[there + length :]}{masks[other].name[len(other) :]}",
        )
        pairs = count_pairs(patterns, images, masks)
        if best is None or pairs > best[0]:
            best = (pairs, *patterns, path.name, masks[other].name)
    if best is None:
        image, mask = next(iter(images.values())), next(iter(masks.values()))
        return f"*{image.suffix}", f"*_mask{mask.suffix}", image.name, mask.name
    return best[1:]


def longest_common(one: str, other: str) -> tuple[int, int, int]:
    """Return where in two texts their longest common part begins, and its length; separators around it are left out."""
    found = SequenceMatcher(None, one, other, autojunk=False).find_longest_match()
    part = one[found.a : found.a + found.size]
    before = len(part) - len(part.lstrip(SEPARATORS))
    return found.a + before, found.b + before, len(part.strip(SEPARATORS))


def count_pairs(patterns: tuple[str, str], images: Mapping[str, Path], masks: Mapping[str, Path]) -> int:
    """Count the ids that two patterns of one star find in both."""
    ids = []
    for pattern, files in zip(patterns, (images, masks), strict=True):
        before, _, after = pattern.partition("*")
        ids.append(
            {
                path.name[len(before) : len(path.name) - len(after)]
                for path in files.values()
                if path.name.startswith(before) and path.name.endswith(after)
            }
        )
    return len(ids[0] & ids[1])
