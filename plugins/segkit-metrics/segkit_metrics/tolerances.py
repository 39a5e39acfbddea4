"""Tolerances of the normalised surface distance, per class."""

from __future__ import annotations

import re
from collections.abc import Mapping

from segkit import UsageError
from segkit_metrics.params import SurfaceDiceParams

TABLES: Mapping[str, Mapping[str, float]] = {
    "flare22": {
        "liver": 5,
        "pancreas": 5,
        "stomach": 5,
        "duodenum": 7,
        "kidney": 3,
        "spleen": 3,
        "oesophagus": 3,
        "aorta": 2,
        "inferior vena cava": 2,
        "adrenal": 2,
        "gallbladder": 2,
    }
}
"""In mm. flare22: the challenge FLARE 2022, https://flare22.grand-challenge.org."""

SAME = {
    "esophagus": "oesophagus",
    "gall bladder": "gallbladder",
    "ivc": "inferior vena cava",
    "postcava": "inferior vena cava",
}
WORDS_LEFT_OUT = {"left", "right", "gland", "glands", "l", "r"}
DEFAULT = 1.0


def tolerances(classes: tuple[str, ...], params: SurfaceDiceParams) -> tuple[float, ...]:
    """Return one tolerance per class in mm.

    Raises:
        UsageError: neither one nor as many values as classes, or a class that the table lacks and no value for it.
    """
    said = params.tolerance
    if said == "readers":
        raise UsageError("nsd: tolerance=readers is taken from data, and none were given", "say it in numbers")
    if params.table is None:
        if len(said) not in (0, 1, len(classes)):
            raise UsageError(
                f"nsd: tolerance has {len(said)} values for {len(classes)} classes",
                f"give one, or one per class in this order: {', '.join(classes)}",
            )
        return said if len(said) == len(classes) else (said or (DEFAULT,)) * len(classes)
    if len(said) > 1:
        raise UsageError(f"nsd: both table={params.table} and {len(said)} tolerances", "give one or the other")
    table = TABLES[params.table]
    lacking = [name for name in classes if plain_name(name) not in table]
    if lacking and not said:
        raise UsageError(
            f"nsd: table {params.table} has no tolerance for {', '.join(lacking)}",
            "give theirs, as in --set metric.nsd.tolerance=3, or one per class without a table",
        )
    return tuple(float(table.get(plain_name(name), said[0] if said else DEFAULT)) for name in classes)


def plain_name(name: str) -> str:
    """Return a class name as the tables write it: without side and gland, in one spelling."""
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word and word not in WORDS_LEFT_OUT]
    joined = " ".join(words)
    singular = joined.removesuffix("s") if joined in ("kidneys", "adrenals") else joined
    return SAME.get(singular, singular)
