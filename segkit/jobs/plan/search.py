"""Find the costliest network that the memory holds and the minutes train for enough steps, by a few probes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from segkit.errors import SegkitError
from segkit.jobs.plan.budget import memory_text, time_text
from segkit.jobs.plan.ladder import Rung, has
from segkit.jobs.plan.probed import Bench, Probed

ENOUGH = 2000
"""Steps that a larger network has to be left with before it is taken: the recipes' runs have 2200 and 2400, and a
quarter of them loses 0.002 of 0.866 (docs/results/hippocampus.md)."""
FEWEST = 40
"""Steps under which nothing is learnt that a plan could stand for."""
PROBES = 6
LONGEST = 75.0
"""Seconds of probing after which the best of what was found is taken: a plan is to be made in two minutes."""


@dataclass(frozen=True)
class Tried:
    """A rung that was probed, with what saves memory there.

    Attributes:
        saving: settings that save memory, none where there was no need.
        steps: that the minutes leave it with.
    """

    rung: Rung
    saving: dict[str, Any]
    probed: Probed
    steps: float

    @property
    def fits(self) -> bool:
        """Whether its steps could be taken."""
        return not self.probed.failed

    @property
    def text(self) -> str:
        """What came out, in a few words."""
        if self.probed.failed == "time":
            return f"{self.rung.text}: its steps took too long to be waited for"
        if self.probed.failed:
            return f"{self.rung.text}: more memory than there is for it"
        return f"{self.rung.text}: {time_text(self.probed.seconds)} a step, {self.steps:,.0f} steps"


@dataclass
class Search:
    """Probes rungs.

    Args:
        steps_of: from what a probe took to the steps that the minutes leave.
        batch: samples of a step, which may be computed in parts.
    """

    bench: Bench
    rungs: Sequence[Rung]
    memory: int
    steps_of: Callable[[Probed], float]
    batch: int
    tell: Callable[[str], None] = lambda text: None
    tried: dict[int, Tried] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def best(self) -> Tried:
        """Return the rung to take: the costliest with enough steps, else the cheapest one that fits.

        Raises:
            SegkitError: no rung fits into the memory, or the minutes leave none with steps to learn from.
        """
        place = 0
        while place is not None and (not self.tried or (len(self.tried) < PROBES and self.seconds < LONGEST)):
            self.probe(place)
            place = self.next()  # type: ignore[assignment]
        fitting = [tried for tried in self.tried.values() if tried.fits]
        if not fitting:
            self.refuse()
        enough = [tried for tried in fitting if tried.steps >= ENOUGH]
        best = max(enough, key=lambda one: one.rung.cost) if enough else max(fitting, key=lambda one: one.steps)
        if best.steps < FEWEST:
            needed = FEWEST * (best.probed.seconds or 1.0)
            raise SegkitError(
                f"no network learns in that time: even {best.rung.text}, which takes {time_text(best.probed.seconds)} "
                f"a step, is left with {max(0, math.floor(best.steps))} steps",
                f"give more than --minutes {math.ceil(needed / 60) + 1}",
            )
        return best

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.monotonic() - self.started

    def probe(self, place: int) -> None:
        """Probe one rung; where its memory is too much, with what saves some."""
        rung = self.rungs[place]
        self.tell(f"trying {rung.text}")
        for saving in savings(rung, self.batch):
            probed = self.bench.steps({**rung.settings, **saving}, self.memory)
            steps = 0.0 if probed.failed else self.steps_of(probed)
            self.tried[place] = Tried(rung, saving, probed, steps)
            if probed.failed != "memory":
                return

    def next(self) -> int | None:
        """Return the rung to try next: the highest that may be had, judged by those that were tried."""
        too_high = [place for place, tried in self.tried.items() if not tried.fits or tried.steps < ENOUGH]
        good = [place for place, tried in self.tried.items() if tried.fits and tried.steps >= ENOUGH]
        highest = min(too_high, default=len(self.rungs)) - 1
        lowest = max(good, default=-1) + 1
        if highest < lowest:
            return None
        bound = self.tried.get(highest + 1)
        nearest = self.tried.get(max(good, default=min(too_high, default=0)))
        if nearest is None or not nearest.steps or (bound is not None and not bound.fits):
            return (lowest + highest + 1) // 2  # what a larger network takes of memory is not foreseen: halved
        guess = [
            place
            for place in range(lowest, highest + 1)
            if nearest.steps * nearest.rung.cost >= ENOUGH * self.rungs[place].cost
        ]
        # Small networks take longer than their operations: what seems out of reach is tried once more, one rung up.
        return guess[-1] if guess else lowest

    def refuse(self) -> None:
        """Raise SegkitError: nothing fits."""
        smallest = self.tried[min(self.tried)]
        if smallest.probed.failed == "time":
            raise SegkitError(
                f"even {smallest.rung.text} takes longer for a few steps than a plan waits for",
                "choose a smaller --size, or plan where the run will be carried out",
            )
        saved = "".join(f", with {name}={value}" for name, value in smallest.saving.items())
        raise SegkitError(
            f"no network fits into {memory_text(self.memory)}: not even {smallest.rung.text}{saved}",
            "give more --memory, or set a smaller --size",
        )


def savings(rung: Rung, batch: int) -> Iterator[dict[str, Any]]:
    """Yield what saves memory, the cheapest first: nothing, steps in parts, and activations computed again."""
    yield {}
    parts = {"train.accumulate": batch} if batch > 1 else {}
    if parts:
        yield parts
    if has(rung.arch, "checkpointing"):
        yield {**parts, "arch.checkpointing": True}
