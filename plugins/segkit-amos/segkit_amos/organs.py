"""The 15 organs of AMOS22, by the label that every release gives them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from segkit import SegkitError

ORGANS = (
    "spleen",
    "right kidney",
    "left kidney",
    "gallbladder",
    "esophagus",
    "liver",
    "stomach",
    "aorta",
    "inferior vena cava",
    "pancreas",
    "right adrenal gland",
    "left adrenal gland",
    "duodenum",
    "bladder",
    "prostate/uterus",
)
"""In label order, label 1 first."""

AS_WRITTEN = {"gallbladder": "gall bladder", "aorta": "arota", "inferior vena cava": "postcava"}
"""How AMOS's own dataset.json spells some of them."""

OTHER_NAMES = {
    "gall bladder": "gallbladder",
    "oesophagus": "esophagus",
    "arota": "aorta",
    "postcava": "inferior vena cava",
    "ivc": "inferior vena cava",
    "vena cava": "inferior vena cava",
    "urinary bladder": "bladder",
    "kidney right": "right kidney",
    "kidney left": "left kidney",
    "adrenal gland right": "right adrenal gland",
    "adrenal gland left": "left adrenal gland",
    "right adrenal": "right adrenal gland",
    "left adrenal": "left adrenal gland",
    "prostate": "prostate/uterus",
    "uterus": "prostate/uterus",
    "prostate uterus": "prostate/uterus",
}


def organ_of(name: str) -> str | None:
    """Return the organ that a spelling means, None where it is none that is known."""
    plain = re.sub(r"[\s_\-/]+", " ", name).strip().casefold()
    if plain in OTHER_NAMES:
        return OTHER_NAMES[plain]
    return next((organ for organ in ORGANS if organ.replace("/", " ") == plain), None)


def check_order(written: Sequence[str]) -> None:
    """Raise SegkitError where dataset.json gives a label to another organ than AMOS does.

    Spellings that nobody knows are taken for what their label says.
    """
    for label, name in enumerate(written, 1):
        organ = organ_of(name)
        expected = ORGANS[label - 1] if label <= len(ORGANS) else None
        if expected is None or (organ is not None and organ != expected):
            meant = f"AMOS {expected}" if expected else f"AMOS has {len(ORGANS)}"
            raise SegkitError(
                f"dataset.json gives label {label} to {name!r}, {meant}",
                "these are other labels than AMOS's: read them with --data msd",
            )
