"""Which network is taken, by what probes say."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from segkit import SegkitError
from segkit.jobs.plan.grids import Grid
from segkit.jobs.plan.ladder import Rung, in_turn
from segkit.jobs.plan.probed import Probed
from segkit.jobs.plan.search import ENOUGH, PROBES, Search
from segkit.params import NoParams


@dataclass
class Made:
    """A bench whose steps take a second per unit of cost, and so much memory per unit."""

    memory_per_cost: float = 0.0
    overhead: float = 0.0
    halved_by: str = ""
    asked: list[float] = field(default_factory=list)

    def steps(self, settings, memory, *, whole=False):
        cost = settings["cost"]
        self.asked.append(cost)
        needed = cost * self.memory_per_cost / (2 if self.halved_by in settings else 1)
        failed = "memory" if needed > memory else ""
        return Probed(failed, seconds=self.overhead + cost, memory=int(needed))


def rungs(*costs: float) -> list[Rung]:
    arch = SimpleNamespace(component=SimpleNamespace(name="net", params=NoParams))
    return [Rung(arch, Grid((32, 32), None, 1.0, 0), {}, {"cost": cost}, cost) for cost in costs]  # type: ignore[arg-type]


def search(bench: Made, seconds: float, *costs: float, memory: int = 100, batch: int = 4) -> Search:
    return Search(bench, rungs(*costs), memory, lambda probed: seconds / probed.seconds, batch)  # type: ignore[arg-type]


def test_the_costliest_with_enough_steps_is_taken() -> None:
    """Found by a few probes, however many rungs there are."""
    bench = Made(overhead=0.5)
    found = search(bench, ENOUGH * 40, *range(1, 100)).best()
    assert found.rung.cost >= 35
    assert found.steps >= ENOUGH
    assert len(bench.asked) <= PROBES


def test_the_smallest_is_taken_where_none_has_enough_steps() -> None:
    """It has the most of them."""
    found = search(Made(), 1000, 1, 2, 3).best()
    assert found.rung.cost == 1
    assert found.steps == 1000


def test_all_are_taken_up_to_the_largest_where_there_is_time() -> None:
    """Nothing is left to grow to."""
    assert search(Made(), ENOUGH * 1000, 1, 2, 3).best().rung.cost == 3


def test_memory_bounds_what_time_would_allow() -> None:
    """The largest that fits."""
    found = search(Made(memory_per_cost=10), ENOUGH * 1000, *range(1, 30), batch=1).best()
    assert 6 <= found.rung.cost <= 10


def test_steps_in_parts_come_before_a_smaller_network() -> None:
    """A step of four in four parts."""
    found = search(Made(memory_per_cost=10, halved_by="train.accumulate"), ENOUGH * 1000, 5, 15).best()
    assert found.rung.cost == 15
    assert found.saving == {"train.accumulate": 4}


def test_a_budget_that_no_network_fits_is_refused() -> None:
    """With what was tried last and the way out."""
    said = r"no network fits into 0 MB: not even net, at 32x32, with train\.accumulate=4"
    with pytest.raises(SegkitError, match=said):
        search(Made(memory_per_cost=1000), 1e9, 1, 2).best()


def test_minutes_that_suffice_for_nothing_are_refused() -> None:
    """With how many would do."""
    with pytest.raises(
        SegkitError, match=r"even net, at 32x32, which takes 10 s a step, is left with 3 steps; .*minutes 8"
    ):
        search(Made(), 30, 10).best()


def test_steps_that_nobody_waits_for_are_refused() -> None:
    """Not as a matter of memory."""
    bench = Made()
    bench.steps = lambda *_, **__: Probed("time")  # type: ignore[method-assign]
    with pytest.raises(SegkitError, match="takes longer for a few steps than a plan waits for"):
        search(bench, 1e9, 1, 2).best()


def test_grid_and_network_grow_in_turn() -> None:
    """From the smallest pair to the largest, one at a time."""
    grids, variants = list(range(5)), list(range(6))
    path = list(in_turn(grids, variants))  # type: ignore[arg-type]
    assert (path[0], path[-1]) == ((0, 0), (4, 5))
    assert len(path) == len(grids) + len(variants) - 1
    assert all(abs(grid / 4 - variant / 5) < 0.35 for grid, variant in path)
