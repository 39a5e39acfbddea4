"""A dataset that a command has looked through: every case read once, with progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segkit.cli import output
from segkit.cli.data.chosen import list_cases, open_chosen, reading_threads
from segkit.cli.data.watch import Stages
from segkit.errors import SegkitError, UsageError

if TYPE_CHECKING:
    from segkit.data.case import Case
    from segkit.data.dataset import DatasetReader
    from segkit.data.overview import Overview
    from segkit.data.roots import Root
    from segkit.planning.dataset import ChosenDataset


@dataclass(frozen=True)
class LookedThrough:
    """What was found.

    Attributes:
        notes: how the reader understood its files, (label, text).
        stages: shows what is done next.
    """

    name: str
    reader: DatasetReader
    root: Root
    cases: Mapping[str, Sequence[Case]]
    found: Overview
    notes: Sequence[tuple[str, str]]
    stages: Stages


@contextmanager
def looking_through(chosen: ChosenDataset) -> Iterator[LookedThrough]:
    """Open the data and read every case; what the block does is shown as further stages."""
    from segkit.cli.progress import make_progress
    from segkit.data.overview import overview

    progress = make_progress()
    stages = Stages(progress, "cases")
    try:
        with nothing_counted(chosen.declaration.name):
            reader, root = open_chosen(chosen, progress.message)
            notes = [(str(label), str(text)) for label, text in getattr(reader, "describe", tuple)()]
            cases = list_cases(reader, chosen)
        found = overview(
            reader,
            cases,
            chosen.full_name,
            workers=reading_threads(),
            progress=lambda done, total: stages("reading cases", done, total),
        )
        yield LookedThrough(chosen.declaration.name, reader, root, cases, found, notes, stages)
        stages.finish()
    finally:
        progress.close()


@contextmanager
def nothing_counted(name: str) -> Iterator[None]:
    """Say, where the files cannot even be listed, that this is why there are no counts."""
    try:
        yield
    except UsageError:
        raise
    except SegkitError:
        output.warn(f"nothing was counted: the cases cannot be listed as the files lie (segkit data verify {name})")
        raise
