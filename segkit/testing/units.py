"""Metrics: whether a score that is measured in space says so, with a unit that the core knows."""

from __future__ import annotations

from segkit.testing.check import check, fail
from segkit.testing.metrics import equal, ordinary_cases, score
from segkit.testing.subjects import MetricSubject

GROWTH = 2.5
"""Spacing at which scores are held against those at 1."""
UNIT_OF = {1: "mm", 2: "mm2", 3: "ml"}
"""What a score is measured in that grows with this power of the spacing."""
WRITTEN = str.maketrans({"²": "2", "³": "3", "^": None, " ": None, ".": None})
SYNONYMS = {"millimetre": "mm", "millimeter": "mm", "millilitre": "ml", "milliliter": "ml", "cc": "ml", "cm3": "ml"}


@check("metric", "unit", needs=["shape"])
def unit(subject: MetricSubject) -> None:
    """A score that grows with the spacing has a unit of space that the core knows: mm, mm2, mm3 or ml."""
    from segkit.engine.summary import SPATIAL

    declared = subject.component.unit
    if declared in SPATIAL:
        return
    plain = declared.lower().translate(WRITTEN)
    meant = SYNONYMS.get(plain.removesuffix("s"), plain)
    power = growth(subject, 3) or growth(subject, 2)
    if meant in SPATIAL:
        fail(f"the core does not know {declared!r}", f"write unit={meant!r}, which is pixels where there is no spacing")
    if power:
        shown = repr(declared) if declared else "none"
        fail(
            f"it grows with the spacing to the power of {power}, and its unit is {shown}",
            f"say unit={UNIT_OF[power]!r} and score in it, which is pixels where there is no spacing",
        )


def growth(subject: MetricSubject, dims: int) -> int:
    """The power of the spacing with which every score of some cases grows; 0 where there is none such."""
    import numpy as np

    powers = set(UNIT_OF)
    for _, prediction, mask, _ in ordinary_cases():
        if mask.ndim != dims:
            continue
        values, found = (score(subject, prediction, mask, (step,) * dims) for step in (1.0, GROWTH))
        if (np.isfinite(values) & (values != 0)).any():
            powers = {power for power in powers if equal(GROWTH**power * values, found)}
    # All of them where nothing was scored but 0 and NaN.
    return powers.pop() if len(powers) == 1 else 0
