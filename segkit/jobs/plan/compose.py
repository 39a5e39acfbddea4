"""From a dataset and a budget to a plan: the training split looked at, a few steps measured, every choice with why."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from segkit.config import Config, Kind, Layer, section_values
from segkit.data.dataset import DatasetReader
from segkit.data.working_grid import VOLUME_MODES
from segkit.declarations import Architecture, Dataset
from segkit.discovery import Found, Registry
from segkit.engine.progress import Progress
from segkit.errors import UsageError
from segkit.jobs.plan.budget import Budget, memory_text
from segkit.jobs.plan.duration import Duration
from segkit.jobs.plan.fingerprint import Fingerprint, read_fingerprint
from segkit.jobs.plan.grids import Grid, grids_of
from segkit.jobs.plan.ladder import ladder
from segkit.jobs.plan.planned import Planned
from segkit.jobs.plan.probed import Bench, Machine
from segkit.jobs.plan.reasons import choices_of, remarks_of
from segkit.jobs.plan.search import Search, Tried
from segkit.planning.components import required
from segkit.planning.dataset import about_data, choose_dataset
from segkit.planning.modes import able_architectures, with_modes_of
from segkit.planning.plan import Plan, make_plan
from segkit.planning.replaced import Choice as Chosen
from segkit.planning.said import Said

MOST_OF_MEMORY = 0.8
"""Share of the free memory that is planned with where nobody says how much."""
FEW_PLANES = 16
"""Volumes of fewer coarse planes are trained on slice by slice: patches would span all of them and halve nothing."""


@dataclass
class Planner:
    """Makes a plan.

    Args:
        given: what the user said, weakest first.
        bench: measures steps.
    """

    given: Sequence[Layer]
    registry: Registry
    budget: Budget
    bench: Bench
    progress: Progress = field(default_factory=Progress)
    workers: int = 2

    def plan(self) -> Planned:
        """Look, measure and choose.

        Raises:
            UsageError: something cannot be meant.
            SegkitError: the data are not as they should be, or no network fits the budget.
        """
        begun = time.monotonic()
        tell = self.progress.message
        reader, data = self.open_data()
        archs = self.architectures(data)
        base = self.base_plan(archs[0], None)
        found = self.look(reader, base)
        mode = choose_mode(data, archs, found, base)
        archs = [arch for arch in archs if data.modes[mode] in arch.component.spatial_dims]  # type: ignore[attr-defined]
        base = self.base_plan(archs[0], mode)
        common = {"data.mode": mode}
        machine = self.bench.machine({**common, "components.arch": archs[0].full_name})
        memory = self.memory_on(machine, tell)
        grids = self.grids(found, base, mode)
        rungs = ladder(archs, grids, common, self.bench.costs)
        counts = {split: len(cases) for split, cases in base.cases.items()}
        duration = Duration(self.budget.seconds, counts, base.split, base.config, found.seconds, self.workers)
        search = Search(self.bench, rungs, memory, duration.steps, base.config.train.batch_size, tell)
        best = self.confirmed(search, memory, duration)
        context = (found, base, machine, memory, grids, search, best, duration)
        return Planned(
            choices_of(*context, self.registry),
            remarks_of(found),
            duration.forecast(best.probed, self.said_epochs(base.config)),
            self.said(),
            time.monotonic() - begun,
        )

    def open_data(self) -> tuple[DatasetReader, Dataset]:
        """Open the dataset that was named."""
        names = section_values(self.given, "components")
        found = self.registry.find("data", required(names, "data", self.registry))
        said = Said(self.given, os.environ, ("data",))
        about = said.layers(Chosen([("data", found)], ("data",)))
        dataset = choose_dataset(found, about_data(about))
        reader, root = dataset.open(self.progress.message)
        self.progress.message(f"data: {root.shown} ({root.source})")
        assert isinstance(found.component, Dataset)
        return reader, with_modes_of(found.component, reader)

    def architectures(self, data: Dataset) -> list[Found]:
        """Return the architecture that was named, else those that suit any data, or that have variants at all.

        Raises:
            UsageError: there is none, or the named one cannot work on the data.
        """
        named = section_values(self.given, "components").get("arch")
        dims = set(data.modes.values())
        if named not in (None, "", "none"):
            return [self.registry.find("arch", str(named))]
        able = [
            item
            for item in self.registry.components("arch")
            if isinstance(item.component, Architecture)
            and item.component.variants
            and dims & {*item.component.spatial_dims}
        ]
        if not able:
            raise UsageError(
                "no installed architecture says which variants of it can be chosen among",
                f"say --arch NAME; {able_architectures(self.registry, dims)}",
            )
        return [item for item in able if "any-data" in item.component.suits] or able  # type: ignore[attr-defined]

    def base_plan(self, arch: Found, mode: str | None) -> Plan:
        """What a run would be where nothing is planned but its mode."""
        values: dict[str, Any] = {"components.arch": arch.full_name}
        return make_plan([planned_layer(values | ({"data.mode": mode} if mode else {})), *self.given], self.registry)

    def look(self, reader: DatasetReader, base: Plan) -> Fingerprint:
        """Read training cases."""
        self.progress.start("looking at training cases", min(24, len(base.cases["train"])), "cases")
        done = 0

        def advance(now: int, total: int) -> None:
            nonlocal done
            self.progress.advance(now - done)
            done = now

        found = read_fingerprint(
            reader, base.cases["train"], base.data.full_name, workers=self.workers, progress=advance
        )
        self.progress.finish()
        return found

    def memory_on(self, machine: Machine, tell: Callable[[str], None]) -> int:
        """Return the bytes that a run may take: what was asked for, and no more than is free."""
        wanted = self.budget.memory
        if wanted is None:
            return int(MOST_OF_MEMORY * machine.memory)
        if 0 < machine.memory < wanted:
            tell(
                f"note: {memory_text(wanted)} were given and {memory_text(machine.memory)} are free on "
                f"{machine.device}: the plan is made for those"
            )
            return machine.memory
        return wanted

    def grids(self, found: Fingerprint, base: Plan, mode: str) -> list[Grid]:
        """Return the grids to choose among: one where the user has said the size."""
        if base.config.origin("data.size").kind.said:
            return [Grid(base.size, base.config.data.spacing if mode == "patches" else None, 1.0, 0)]
        square = base.config.augment.transpose > 0
        return grids_of(found, mode, square=square)

    def confirmed(self, search: Search, memory: int, duration: Duration) -> Tried:
        """Measure the best once more, alone in its process and with prediction; go down where it does not fit so."""
        best = search.best()
        rungs = [one for one in search.rungs if one.cost <= best.rung.cost]
        for rung in reversed(rungs):
            saving = best.saving if rung is best.rung else {}
            self.progress.message(f"measuring {rung.text}")
            probed = self.bench.steps({**rung.settings, **saving}, memory, whole=True)
            tried = Tried(rung, saving, probed, 0.0 if probed.failed else duration.steps(probed))
            if tried.fits:
                return tried
            search.tried[list(search.rungs).index(rung)] = tried
        return search.best()

    def said_epochs(self, config: Config) -> int | None:
        """The epochs that the user asked for."""
        return config.train.epochs if config.origin("train.epochs").kind.said else None

    def said(self) -> dict[str, Any]:
        """All that the user said, the strongest last."""
        return {name: value for layer in self.given for name, value in layer.values.items()}


def planned_layer(values: dict[str, Any]) -> Layer:
    """What is planned as a layer of settings: stronger than recipes, weaker than what the user says."""
    return Layer("plan", values, Kind.FILE)


def choose_mode(data: Dataset, archs: Sequence[Found], found: Fingerprint, base: Plan) -> str:
    """Return the mode: what was said, patches of volumes, neighbouring slices of volumes with few coarse planes."""
    if base.config.origin("data.mode").kind.said and base.config.origin("data.mode").source != "plan":
        return str(base.config.data.mode)
    dims = {dim for arch in archs for dim in arch.component.spatial_dims}  # type: ignore[attr-defined]
    able = [mode for mode, dim in data.modes.items() if dim in dims]
    if not set(able) & set(VOLUME_MODES):
        return able[0]
    flat = found.coarse is not None and found.shape[found.coarse] < FEW_PLANES
    wished = ("slab", "slices", "patches") if flat else ("patches", "slab", "slices")
    return next(mode for mode in (*wished, *able) if mode in able)
