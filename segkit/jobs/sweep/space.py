"""The settings that are searched, as people write them, and random values of them."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from segkit.contracts import SearchedSetting, StudyInfo, Trial
from segkit.errors import UsageError

LOG = "log:"
FORM = "write SETTING=A,B,C, SETTING=LOW..HIGH or SETTING=log:LOW..HIGH"


def read_space(texts: Sequence[str]) -> tuple[SearchedSetting, ...]:
    """Read `--vary` options; raises UsageError for one that cannot be meant."""
    found: dict[str, SearchedSetting] = {}
    for text in texts:
        name, equals, values = (part.strip() for part in text.partition("="))
        if not equals or "." not in name or not values:
            raise UsageError(f"--vary {text!r} names no setting with values", FORM)
        if name in found:
            raise UsageError(f"--vary {name} was given twice", f"say all of its values at once: {name}=A,B,C")
        found[name] = read_range(name, values) if ".." in values else read_choices(name, values)
    if not found:
        raise UsageError("nothing to search was named", f"say --vary: {FORM}")
    return tuple(found.values())


def read_choices(name: str, text: str) -> SearchedSetting:
    """Read "A,B,C"; raises UsageError."""
    choices = tuple(part.strip() for part in text.split(","))
    if text.startswith(LOG) or not all(choices):
        raise UsageError(f"--vary {name}={text} is no range and no list of values", FORM)
    if len({*choices}) < max(2, len(choices)):
        raise UsageError(f"--vary {name}={text} has too few values, or one twice", FORM)
    return SearchedSetting(name, choices)


def read_range(name: str, text: str) -> SearchedSetting:
    """Read "LOW..HIGH" or "log:LOW..HIGH"; both ends as whole numbers mean whole numbers. Raises UsageError."""
    log = text.startswith(LOG)
    ends = [part.strip() for part in text.removeprefix(LOG).split("..")]
    try:
        low, high = (float(end) for end in ends)
        if not low < high < math.inf or low == -math.inf:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--vary {name}={text}: {'..'.join(ends)} is no range of two numbers, the lower first", FORM
        ) from None
    if log and low <= 0:
        raise UsageError(f"--vary {name}={text}: a range by orders of magnitude begins above 0", FORM)
    return SearchedSetting(name, (), low, high, log, whole=all(end.lstrip("+-").isdigit() for end in ends))


def value_text(setting: SearchedSetting, value: Any) -> str:
    """Write a value as `--set` takes it, numbers with four digits; what rounding takes out of the range stays in it."""
    if setting.choices:
        return str(value)
    number = float(value) if setting.whole else float(f"{float(value):.4g}")
    number = min(max(number, setting.low), setting.high)
    return str(round(number)) if setting.whole else repr(number)


def ends_of(setting: SearchedSetting) -> tuple[str, ...]:
    """The values that tell whether all of them are allowed."""
    return setting.choices or (value_text(setting, setting.low), value_text(setting, setting.high))


def value_at(setting: SearchedSetting, share: float) -> str:
    """Return the value at a share, 0 to 1, of the way through a setting's values."""
    if setting.choices:
        return setting.choices[min(int(share * len(setting.choices)), len(setting.choices) - 1)]
    # Whole numbers: each has as much room as the others, those at the ends included.
    low, high = (setting.low - 0.5, setting.high + 0.5) if setting.whole else (setting.low, setting.high)
    if setting.log:
        low = max(low, setting.low / 2)
        return value_text(setting, math.exp(math.log(low) + share * (math.log(high) - math.log(low))))
    return value_text(setting, low + share * (high - low))


class RandomSearch:
    """Values drawn at random; a trial's follow from the seed and its number alone, whoever asks."""

    def __init__(self, study: StudyInfo) -> None:
        self.study = study

    def suggest(self, number: int, trials: Sequence[Trial]) -> Mapping[str, str]:
        """Return the values of a trial."""
        draw = random.Random(f"{self.study.seed} {number}")
        return {setting.name: value_at(setting, draw.random()) for setting in self.study.settings}
