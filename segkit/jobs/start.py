"""Start a run's network from weights that exist, and say what became of every tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segkit.engine.checkpoint import read_model
from segkit.engine.matching import Heads, Match, Row, match, shapes_of, text_of
from segkit.engine.weights import read_weights
from segkit.errors import SegkitError, UsageError
from segkit.files import read_json
from segkit.planning.class_rows import class_rows
from segkit.planning.plan import Plan
from segkit.planning.probe import head_axes, stem_axes
from segkit.planning.source import Source, renamed_classes
from segkit.rundir.names import START
from segkit.rundir.resume import Resume, has_state
from segkit.rundir.shapes import START_FILE

SHOWN_ROWS = 6
"""Rows of the table that are named one by one; all are in start.json."""
DIGITS = 12
"""Digits of a digest that people are shown."""


@dataclass(frozen=True)
class Started:
    """What a run started from.

    Attributes:
        record: as start.json holds it.
        sentences: as people are told it.
    """

    record: dict[str, Any]
    sentences: tuple[str, ...]


def start_from(plan: Plan, network: nn.Module) -> Started:
    """Load what fits of the plan's source into its network.

    Raises:
        SegkitError: the file is damaged, its weights are no numbers, or nothing of it fits.
    """
    source = plan.source
    assert source is not None
    found = (
        read_model(source.path)[0] if source.header is not None else read_weights(source.path, pickled=source.pickled)
    )
    own = network.state_dict()
    heads = heads_of(plan, source, own)
    matched = match(own, found, heads, {})
    if any(row.how == "new" and row.source for row in matched.rows):
        # Looked for only where something does not fit: building on the meta device costs a start 1.7 s the first time.
        matched = match(own, found, heads, stem_axes(plan, shapes_of(own)))
    check_match(plan, source, matched, found)
    network.load_state_dict({**own, **matched.values})
    return Started(record_of(source, matched), tuple(sentences(source, matched)))


def read_start(folder: Path) -> dict[str, Any] | None:
    """Return what a run says of its start; None where it started from its architecture's own weights."""
    found: dict[str, Any] | None = read_json(folder / START, START_FILE, absent="null")
    return found


def start_summary(folder: Path) -> dict[str, Any] | None:
    """Return what summary.json says of a run's start: all but the digests of images."""
    found = read_start(folder)
    return None if found is None else {name: value for name, value in found.items() if name != "trained_on"}


def needs_source(plan: Plan, resume: Resume | None) -> bool:
    """Whether the run's weights are to be loaded from its source now; a run that is gone on with has its own.

    Raises:
        UsageError: they are to be and nobody said where they are.
    """
    if resume is not None and has_state(resume.folder):
        return False
    start = plan.config.start
    if start.digest is not None and plan.source is None:
        raise UsageError(
            f"the run starts from {start.source} (sha256 {start.digest[:DIGITS]}...), and a config holds no path",
            "say where it is: --from RUN|FILE; to start anew: --set start.digest=none",
        )
    return plan.source is not None


def heads_of(plan: Plan, source: Source, own: Mapping[str, torch.Tensor]) -> Heads:
    """Find the network's heads, and which of their rows the source has."""
    trained = source.task
    if trained is None:
        return Heads({})
    called = renamed_classes(plan.config.start.classes, source, plan.task)
    if trained.classes == plan.task.classes and trained.out_channels == plan.task.out_channels and not called:
        return Heads({})
    axes = head_axes(plan, shapes_of(own))
    known = {*trained.classes}
    kept = [name for name in plan.task.classes if called.get(name, name) in known]
    return Heads(
        axes,
        class_rows(plan.task, trained, called),
        trained.out_channels,
        kept=[f"{called[name]} as {name}" if name in called else name for name in kept],
        new=[name for name in plan.task.classes if name not in kept],
    )


def check_match(plan: Plan, source: Source, matched: Match, found: Mapping[str, torch.Tensor]) -> None:
    """Raise SegkitError where nothing of a source fits, or its filters have another number of axes."""
    by_name = [row for row in matched.rows if row.source]
    for row in by_name:
        if {len(row.shape), found[row.source].ndim} == {4, 5}:
            raise SegkitError(
                f"--from {source.name}: its {row.source} is {text_of(found[row.source].shape)}, {plan.arch.full_name} "
                f"wants {text_of(row.shape)}: filters of {found[row.source].ndim - 2} axes are none of "
                f"{len(row.shape) - 2}",
                "choose a mode of the data with as many axes (--set data.mode=...), or weights of such a network",
            )
    if any(row.how != "new" and len(row.shape) > 0 for row in matched.rows):
        return
    arch = source.architecture
    theirs, ours = (", ".join(list(names)[:2]) for names in (found, (row.name for row in matched.rows)))
    network = plan.arch.full_name
    raise SegkitError(
        f"--from {source.name}: nothing of it fits {network}: it has {theirs}, ..., the network has {ours}, ...",
        f"it is of {arch['name']}: say --arch {arch['name']}" if arch else "name the architecture that it is of",
    )


def record_of(source: Source, matched: Match) -> dict[str, Any]:
    """What start.json holds: names and shapes, no path."""
    trained = source.task
    arch = source.architecture
    return {
        "source": source.name,
        "digest": source.digest,
        "arch": None if arch is None else arch["name"],
        "classes": None if trained is None else list(trained.classes),
        "prefix_off": matched.prefixes.off,
        "prefix_on": matched.prefixes.on,
        **{how: matched.count(how) for how in ("loaded", "adapted", "new")},
        "left_over": len(matched.left_over),
        "tensors": [{**asdict(row), "shape": list(row.shape)} for row in matched.rows],
        "left_over_names": list(matched.left_over),
        "trained_on": list((source.header or {}).get("trained_on", ())),
    }


def sentences(source: Source, matched: Match) -> Iterator[str]:
    """Say what became of the network's tensors, and name those that were not simply loaded."""
    counts = ", ".join(f"{matched.count(how)} {how}" for how in ("loaded", "adapted", "new"))
    known = "" if source.header is not None else "; which classes and images it was trained on is not known"
    yield (
        f"from: {source.name} (sha256 {source.digest[:DIGITS]}): of {len(matched.rows)} tensors {counts}; "
        f"{len(matched.left_over)} left over{known}"
    )
    off, on = matched.prefixes.off, matched.prefixes.on
    if off or on:
        yield f"from: names fit with {off or 'nothing'} taken off and {on or 'nothing'} put before"
    for how in ("adapted", "new"):
        rows = [row for row in matched.rows if row.how == how]
        yield from (f"from: {how}: {row.name} ({text_of(row.shape)}){noted(row)}" for row in rows[:SHOWN_ROWS])
        if len(rows) > SHOWN_ROWS:
            yield f"from: {how}: and {len(rows) - SHOWN_ROWS} more"
    if matched.left_over:
        more = ", ..." if len(matched.left_over) > SHOWN_ROWS else ""
        yield f"from: left over: {', '.join(matched.left_over[:SHOWN_ROWS])}{more}"


def noted(row: Row) -> str:
    """What was adapted, or why a tensor is new."""
    return f": {row.note}" if row.note else ""
