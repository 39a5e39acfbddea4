"""Every choice of a plan with its reason in a sentence and what else could have been chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from segkit.discovery import Registry
from segkit.jobs.plan.budget import memory_text, time_text
from segkit.jobs.plan.duration import Duration
from segkit.jobs.plan.fingerprint import Fingerprint
from segkit.jobs.plan.grids import KEPT, Grid
from segkit.jobs.plan.planned import Choice
from segkit.jobs.plan.probed import Machine
from segkit.jobs.plan.search import ENOUGH, Search, Tried
from segkit.planning.plan import Plan

RARE = 0.1
"""A class that fewer of the cases hold is rare."""
RARE_CLASSES = "rare-classes"
"""What a sampler says that suits them."""
SMALL = 0.002
"""So is one that takes a smaller share of the cases that hold it."""
MORE_FOREGROUND = 0.67
"""Share of samples that are centred on foreground where a class is rare: twice what nnU-Net takes otherwise."""
UNEVEN = 3.0
"""Spacings of one axis whose ratio is larger are told."""


def choices_of(
    found: Fingerprint,
    base: Plan,
    machine: Machine,
    memory: int,
    grids: Sequence[Grid],
    search: Search,
    best: Tried,
    duration: Duration,
    registry: Registry,
) -> list[Choice]:
    """Return all choices, in the order in which people read them."""
    return [
        mode_choice(found, base),
        grid_choice(found, base, grids, best),
        network_choice(best, search),
        *depth_choice(best),
        *batch_choice(base, best, memory, machine),
        *rare_choice(found, base, registry),
        loss_choice(base),
        epochs_choice(base, best, duration),
    ]


def mode_choice(found: Fingerprint, base: Plan) -> Choice:
    """In which mode the data are shown."""
    mode = str(base.config.data.mode)
    if len(found.shape) == 2:
        why, instead = "these are photographs, shown whole", ""
    elif mode == "patches":
        why = "volumes hold what lies above and below a slice"
        instead = "slab: neighbouring slices as channels of a 2D network"
    elif found.coarse is not None:
        planes = found.shape[found.coarse]
        why = f"volumes have {planes} planes along a coarse axis, too few to be halved"
        instead = "patches, in 3D"
    else:
        why, instead = "the network takes planes", ""
    return Choice("mode", mode, {"data.mode": mode}, why, instead)


def grid_choice(found: Fingerprint, base: Plan, grids: Sequence[Grid], best: Tried) -> Choice:
    """On which grid."""
    grid = best.rung.grid
    if base.config.origin("data.size").kind.said:
        return Choice("size", grid.text, {}, "as you said")
    at = "" if grid.spacing is None else f" at {' x '.join(f'{one:g}' for one in grid.spacing)} mm"
    name = found.task.classes[grid.worst - 1] if grid.worst else "foreground"
    kept = f"training masks brought there and back keep a Dice of {grid.kept:.3f} ({name} the least)"
    median = "x".join(map(str, found.shape))
    others = [one.text for one in grids if one is not grid]
    finer = f"; {grids[-1].text} is the largest of use (median case {median})" if grid is not grids[-1] else ""
    if grid.kept < KEPT:
        kept += f", less than the {KEPT:g} that a plan asks for"
    instead = f"one of {', '.join(others)}" if others else ""
    return Choice(
        "patch" if base.volumes and len(grid.size) == 3 else "size",
        grid.text + at,
        grid.settings,
        kept + finer,
        instead,
    )


def network_choice(best: Tried, search: Search) -> Choice:
    """Which network."""
    rung = best.rung
    values = {name: value for name, value in rung.settings.items() if name.startswith(("components.", "arch."))}
    variant = ", ".join(f"{name} {value}" for name, value in rung.variant.items())
    text = rung.arch.component.name + (f", {variant}" if variant else "")
    if best.steps >= ENOUGH:
        why = (
            f"the largest of those tried that is left with {ENOUGH} steps or more: {best.probed.parameters:,} "
            f"parameters, {time_text(best.probed.seconds)} a step, {best.steps:,.0f} steps"
        )
    else:
        why = (
            f"even this one, {time_text(best.probed.seconds)} a step, is left with {best.steps:,.0f} steps; "
            f"{ENOUGH} would be better: give more --minutes"
        )
    tried = sorted(search.tried.values(), key=lambda one: one.rung.cost)
    others = "; ".join(one.text for one in tried if one.rung is not rung)
    return Choice("network", text, {name: value for name, value in values.items() if name != "arch.depth"}, why, others)


def depth_choice(best: Tried) -> Iterator[Choice]:
    """How often it halves the grid."""
    depth = best.rung.settings.get("arch.depth")
    if depth is not None:
        coarsest = "x".join(str(math.ceil(side / 2**depth)) for side in best.rung.grid.size)
        yield Choice("depth", str(depth), {"arch.depth": depth}, f"its coarsest grid then has {coarsest} cells")


def batch_choice(base: Plan, best: Tried, memory: int, machine: Machine) -> Iterator[Choice]:
    """How many samples a step has, and what saves memory."""
    size, parts = base.config.train.batch_size, best.saving.get("train.accumulate", base.config.train.accumulate)
    took = f"took {memory_text(best.probed.memory)} of {memory_text(memory)} on {machine.device}"
    values: dict[str, Any] = {"train.batch_size": size}
    if not best.saving:
        yield Choice("batch", str(size), values, f"as the recipe has it; its steps {took}")
        return
    yield Choice(
        "batch",
        f"{size} in {parts} parts",
        {**values, **best.saving},
        f"whole steps do not fit; these {took}",
        "a smaller network or size, whole steps",
    )


def rare_labels(found: Fingerprint) -> list[int]:
    """Classes that few cases hold, or that take a small share of those."""
    labels = range(1, len(found.task.classes) + 1)
    few = RARE * found.looked_at
    return [
        label
        for label in labels
        if found.held_in(label) and (found.held_in(label) < few or found.share_of(label) < SMALL)
    ]


def rare_choice(found: Fingerprint, base: Plan, registry: Registry) -> Iterator[Choice]:
    """How rare classes are shown more often."""
    rare = rare_labels(found)
    if not rare:
        return
    names = ", ".join(found.task.classes[label - 1] for label in rare[:3]) + (", ..." if len(rare) > 3 else "")
    least = min(rare, key=found.share_of)
    why = (
        f"{names} {'is' if len(rare) == 1 else 'are'} rare: {found.task.classes[least - 1]} takes "
        f"{found.share_of(least):.2%} of the {found.held_in(least)} of {found.looked_at} cases that hold it"
    )
    if base.volumes:
        share = max(MORE_FOREGROUND, base.config.data.foreground)
        values = {"data.foreground": share}
        yield Choice(
            "sampling",
            f"{share:.0%} on foreground",
            values,
            why,
            f"{base.config.data.foreground:.0%}, as the recipe has it",
        )
        return
    samplers = [item for item in registry.components("sampler") if RARE_CLASSES in item.component.suits]  # type: ignore[attr-defined]
    if samplers:
        yield Choice(
            "sampling", samplers[0].component.name, {"data.sampler": samplers[0].full_name}, why, "every case alike"
        )


def loss_choice(base: Plan) -> Choice:
    """What is learnt by."""
    names = " + ".join(str(term) for term, _ in base.losses)
    return Choice("loss", names, {}, "as the recipe has it", "see segkit list loss")


def epochs_choice(base: Plan, best: Tried, duration: Duration) -> Choice:
    """For how long."""
    if base.config.origin("train.epochs").kind.said:
        return Choice("epochs", str(base.config.train.epochs), {}, "as you said")
    epochs = duration.whole_epochs(best.probed)
    one = time_text(duration.epoch_seconds(best.probed))
    around = time_text(duration.around(best.probed))
    why = (
        f"an epoch takes {one}, validation included; {around} of {time_text(duration.seconds)} go to data, scores "
        "and report"
    )
    return Choice("epochs", str(epochs), {"train.epochs": epochs}, why)


def remarks_of(found: Fingerprint) -> list[str]:
    """Return what whoever trains on these data must know."""
    remarks = []
    if found.cases == 1:
        remarks.append("there is one training case: what is learnt of it says little of any other")
    for label, name in enumerate(found.task.classes, 1):
        held = found.held_in(label)
        if held == 0:
            remarks.append(f"class {name} is in none of the {found.looked_at} training cases that were looked at")
        elif held == 1 and found.looked_at > 1:
            remarks.append(f"class {name} is in one of {found.looked_at} training cases alone")
    if found.spacing_ratio > UNEVEN:
        remarks.append(
            f"spacings of one axis differ by a factor of {found.spacing_ratio:.1f}: cases far from the median are "
            "resampled most; look at them with segkit data show"
        )
    if found.spacing is None and len(found.shape) == 3:
        remarks.append("the spacing of some cases is not known: every case is trained on at its own")
    return remarks
