"""The data stage of a job: the stores that training needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from segkit.contracts import IGNORE
from segkit.data.in_time import read_case
from segkit.data.large_array import parts_of
from segkit.data.prefetch import prefetch
from segkit.data.resolution import Resolution
from segkit.data.roots import cache_folder
from segkit.data.store import Store, open_store
from segkit.data.thinness import thin_classes
from segkit.data.tile_store import open_tile_store
from segkit.data.volume_layout import VolumeLayout, median_spacing
from segkit.data.volume_store import VolumeStore, open_volume_store
from segkit.data.working_grid import TILES
from segkit.engine.progress import Progress
from segkit.errors import SegkitError
from segkit.jobs.job import Job
from segkit.params import plain

Stores = Mapping[str, Store | VolumeStore]
"""By split."""


def open_stores(job: Job, folder: Path | None = None) -> Stores:
    """Open the stores that training needs, building what is not there.

    Args:
        folder: where they are kept; the cache's where not given.
    """
    layout: VolumeLayout | Resolution | None = None
    if job.plan.config.data.mode == TILES:
        layout = tile_resolution(job)
    elif job.plan.volumes:
        layout = volume_layout(job)
    folder = folder or cache_folder() / "stores"
    return {split: open_split(job, split, layout, folder) for split in ("train", "val") if job.plan.cases[split]}


def tell_lacking(job: Job, stores: Stores) -> None:
    """Say which classes no training mask holds: a score of theirs says nothing of the network."""
    held = stores["train"].held_labels()
    if not held & set(range(1, len(job.plan.task.classes) + 1)):
        check_not_all_ignored(job, stores["train"])
    for label, name in enumerate(job.plan.task.classes, start=1):
        if label not in held:
            others = [split for split, store in stores.items() if label in store.held_labels()]
            where = f", the {' and the '.join(others)} split has it" if others else ""
            job.progress.message(f"note: class {name} is in no training mask{where}: it cannot be learnt")


def tell_thin(job: Job, stores: Stores) -> None:
    """Say of which classes resizing loses structures, where the training images were never looked at before."""
    plan, store = job.plan, stores["train"]
    if store.volumes or len(plan.size) != 2 or plan.root.generated or not store.was_built:
        return
    size = " x ".join(map(str, plan.size))
    for name, (own, working) in thin_classes(plan.reader, plan.cases["train"], plan.task, plan.size).items():
        job.progress.message(
            f"note: structures of class {name} are about {own:.2g} pixels wide, {working:.2g} once images are resized "
            f"to {size}: thin ones are lost; say --set data.mode=tiles, or a larger --size"
        )


def check_not_all_ignored(job: Job, store: Store | VolumeStore) -> None:
    """Raise SegkitError where the training masks hold 0 and 255 alone: 255 is no class but what is ignored.

    A network trained on them would be asked nothing but background.
    """
    masks = (store.mask(place) if store.volumes else store.masks([place]) for place in range(len(store)))
    name, ignored, counted = job.plan.data.full_name, False, False
    for part in (part for mask in masks for part in parts_of(mask)):
        ignored, counted = ignored or (part == IGNORE).any(), counted or (part != IGNORE).any()
    if not counted:
        raise SegkitError(
            f"dataset {name}: every pixel of the {len(store)} training masks is ignored: there is nothing to learn",
            "look at what says so, such as data.ignore, data.field_of_view or the value that classes.toml ignores",
        )
    if ignored:
        raise SegkitError(
            f"dataset {name}: no training mask holds a class, and {IGNORE}, which they hold, means: ignored here",
            f"its `read` must return labels 1 to {len(job.plan.task.classes)}, as in (mask > 0).astype('uint8')",
        )


def open_split(job: Job, split: str, layout: VolumeLayout | Resolution | None, folder: Path) -> Store | VolumeStore:
    """Open the store of one split."""
    plan = job.plan
    job.progress.start(f"store {split}", len(plan.cases[split]), "cases")
    where: dict[str, Any] = {
        "folder": folder,
        "workers": max(1, job.workers),
        "progress": counting(job.progress),
        "settings": plain(plan.config.params_of("data", plan.data.component.name)),
    }
    store: Store | VolumeStore
    if layout is None:
        store = open_store(plan.reader, plan.data.full_name, plan.cases[split], plan.size, **where)
    elif isinstance(layout, Resolution):
        store = open_tile_store(plan.reader, plan.data.full_name, plan.cases[split], layout, **where)
    else:
        measure = job.parts.measure
        if measure is not None:
            where["settings"] = {**where["settings"], "normalization": [measure.name, measure.identity]}
        store = open_volume_store(plan.reader, plan.data.full_name, plan.cases[split], layout, measure=measure, **where)
    job.progress.finish()
    return store


def counting(progress: Progress) -> Callable[[int, int], None]:
    """Turn a (done, total) callback into steps."""
    seen = 0

    def advance(done: int, total: int) -> None:
        nonlocal seen
        progress.advance(done - seen)
        seen = done

    return advance


def tile_resolution(job: Job) -> Resolution:
    """Return at what resolution tiles are taken, and say it."""
    resolution = Resolution.parse(job.plan.config.data.resolution)
    job.progress.message(f"tiles: {' x '.join(map(str, job.plan.size))} pixels at {resolution}")
    return resolution


def volume_layout(job: Job) -> VolumeLayout:
    """Choose the working grid of volumes, and say which it is."""
    plan, tell = job.plan, job.progress.message
    size = " x ".join(map(str, plan.size))
    if plan.config.data.mode != "patches":
        shown = "slices" if plan.slab == 1 else f"slabs of {plan.slab} slices"
        tell(f"volumes: axial {shown} of {size}")
        return VolumeLayout(size=plan.size)
    layout = VolumeLayout(spacing=plan.config.data.spacing or training_spacing(job))
    if layout.spacing is None:
        tell(f"volumes: patches of {size} voxels, each case at its own resolution: the spacing is not known of all")
    else:
        spacing = " x ".join(f"{length:g}" for length in layout.spacing)
        through = "" if layout.coarse is None else f", along the {'DHW'[layout.coarse]} axis by the nearest plane"
        tell(f"volumes: patches of {size} voxels at {spacing} mm (D x H x W){through}")
    return layout


def training_spacing(job: Job) -> tuple[float, ...] | None:
    """Return the median spacing of the training cases, read one by one; None where that of one is not known.

    Where the reader can read headers alone, the plan knows the spacing already (`segkit.planning.volumes`).
    """
    plan, cases = job.plan, job.plan.cases["train"]
    job.progress.start("spacing", len(cases), "cases")
    found = []
    with closing(prefetch(lambda case: read_case(plan.reader, case).spacing, cases, min(2, job.workers))) as spacings:
        for spacing in spacings:
            found.append(spacing)
            job.progress.advance()
    job.progress.finish()
    return median_spacing(found)
