"""Datasets, on their generated sample: splits, cases, samples, recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segkit.config import ChosenParams, Layer, resolve
from segkit.contracts import IGNORE
from segkit.data.case import Case, Sample
from segkit.data.dataset import SPLITS
from segkit.declarations import Task
from segkit.discovery import Registry
from segkit.errors import SegkitError
from segkit.planning.dataset import recipe_of
from segkit.planning.splits import CASE_ID
from segkit.planning.terms import parse_sum
from segkit.testing.check import NotChecked, check, fail, listed
from segkit.testing.subjects import DatasetSubject

READ_PER_SPLIT = 3
METHODS = ("cases", "read", "verify")


def chosen_cases(subject: DatasetSubject) -> Iterator[Case]:
    """Yield the first few cases of every split."""
    for split in SPLITS:
        yield from list(subject.reader.cases(split))[:READ_PER_SPLIT]


@check("data", "interface", needs=["resolves"])
def interface(subject: DatasetSubject) -> None:
    """The factory is a class with cases, read and verify, and a reader_version."""
    missing = [name for name in METHODS if not callable(getattr(subject.factory, name, None))]
    if missing:
        fail(f"it lacks {listed(missing)}", "see segkit.data.dataset.DatasetReader")
    if not isinstance(getattr(subject.factory, "reader_version", None), int):
        fail("it has no reader_version", "write reader_version = 1; raise it when read() returns something else")


@check("data", "sample", needs=["interface"])
def sample(subject: DatasetSubject) -> None:
    """make_sample writes into an empty folder what the reader opens: cases to train on and cases to score."""
    if not subject.makes_sample:
        raise NotChecked("it makes no sample; plugin_checks(..., samples={name: write}) gives one")
    try:
        reader = subject.reader
        counts = {split: len(list(reader.cases(split))) for split in SPLITS}
    except Exception as error:
        fail(f"it raised {type(error).__name__}: {error}", "write the sample in the real data's layout")
    if not counts["train"] or not counts["val"] + counts["test"]:
        fail(f"the sample has {counts}", "write cases of train, and of val or test")
    if not isinstance(reader.task, Task):
        fail(f"reader.task is {type(reader.task).__name__}", "give a segkit.Task")


def contents(root: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@check("data", "sample-repeats", needs=["sample"], full=True)
def sample_repeats(subject: DatasetSubject) -> None:
    """Equal params write equal samples, byte for byte."""
    if subject.write is not None:
        raise NotChecked("the sample is the test's own")
    first, second = contents(subject.root), contents(subject.new_root())
    different = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
    if different:
        fail(f"{listed(different)} differ", "draw with a generator of a fixed seed, and write no time into files")


@check("data", "splits", needs=["sample"])
def splits(subject: DatasetSubject) -> None:
    """No case and no patient is in two splits, and ids are unique, capitals aside, and fit for file names."""
    ids: dict[str, str] = {}
    groups: dict[str, str] = {}
    for split in SPLITS:
        for case in subject.reader.cases(split):
            if not CASE_ID.match(case.id):
                fail(f"the id {case.id!r} is no file name", "leave out slashes, control characters and a first dot")
            if case.id.casefold() in ids:
                fail(
                    f"case {case.id} of {split} is in {ids[case.id.casefold()]} as well",
                    "let ids differ over all splits, in more than capitals: such as val-0 and train-0",
                )
            ids[case.id.casefold()] = split
            if case.group is not None and groups.setdefault(case.group, split) != split:
                fail(f"group {case.group} is in {groups[case.group]} and in {split}", "split by group, not by case")


@check("data", "read", needs=["sample"])
def read(subject: DatasetSubject) -> None:
    """read() gives image, mask, spacing and affine as the contract says, the same each time."""
    import numpy as np

    from segkit.data.check import check_sample

    reader = subject.reader
    for case in chosen_cases(subject):
        found = reader.read(case)
        if not isinstance(found, Sample):
            fail(f"case {case.id} gave {type(found).__name__}", "return segkit.Sample(image, mask)")
        blank = None if found.mask is None else np.zeros_like(found.mask)
        try:
            check_sample(replace(found, mask=blank), case, reader.task, subject.name)
        except SegkitError as error:
            fail(
                error.message,
                "let read() return segkit.Sample: image (C, *S) in the file's type, mask (*S) of whole numbers, "
                "spacing in mm in the order of the axes (D, H, W)",
            )
        if found.affine is not None and np.shape(found.affine) != (4, 4):
            fail(f"case {case.id} has an affine of shape {np.shape(found.affine)}", "give a 4x4 matrix or None")
        again = reader.read(case)
        if not (np.array_equal(found.image, again.image) and same(found.mask, again.mask)):
            fail(f"case {case.id} differs when it is read again", "leave augmentation to the core")


def whole(sample: Sample) -> Sample:
    """Return a sample whose arrays are in memory, of one of which parts can be read."""
    import numpy as np

    mask = None if sample.mask is None else np.asarray(sample.mask)
    return replace(sample, image=np.asarray(sample.image), mask=mask)


def same(first: Any, second: Any) -> bool:
    """Whether two masks are equal, or both are missing."""
    import numpy as np

    return first is second is None or (first is not None and second is not None and np.array_equal(first, second))


@check("data", "labels", needs=["sample"])
def labels(subject: DatasetSubject) -> None:
    """Masks hold labels from 0 to the number of classes, or 255, and the sample shows some foreground."""
    import numpy as np

    found: set[int] = set()
    classes = len(subject.reader.task.classes)
    for case in chosen_cases(subject):
        mask = subject.reader.read(case).mask
        if mask is None:
            continue
        values = {int(value) for value in np.unique(mask)}
        outside = sorted(value for value in values if not (0 <= value <= classes or value == IGNORE))
        if outside:
            fail(
                f"case {case.id} has {listed(outside)}",
                "map the file's values to labels in read(), such as (mask > 128).astype(np.uint8); never "
                "interpolate masks",
                f"0 to {classes}, or {IGNORE}",
            )
        found |= values
    if not found & set(range(1, classes + 1)):
        if IGNORE in found:
            fail("masks hold 0 and 255 alone", "255 means ignore: write (mask > 127).astype(numpy.uint8) in read()")
        fail("no mask of the first cases marks any class", "draw structures into the sample")


@check("data", "read-resized", needs=["read"])
def read_resized(subject: DatasetSubject) -> None:
    """read_resized(), where offered, gives the image on the size asked for and the mask as read() does."""
    import numpy as np

    reader: Any = subject.reader
    if not hasattr(reader, "read_resized"):
        raise NotChecked("it offers none")
    for case in chosen_cases(subject):
        whole = reader.read(case)
        size = tuple(max(4, side // 3 + number) for number, side in enumerate(whole.shape))
        small = reader.read_resized(case, size)
        if tuple(small.image.shape) != (reader.task.in_channels, *size) or small.image.dtype != whole.image.dtype:
            fail(
                f"the image of {case.id} is {small.image.dtype} {small.image.shape}",
                "resample the image to the size, in the file's type",
                f"{whole.image.dtype} {(reader.task.in_channels, *size)}",
            )
        if small.shape != whole.shape or not same(whole.mask, small.mask):
            fail(f"mask or grid of {case.id} are not those of read()", "leave the mask alone and give grid=its shape")
        mean, expected = (float(np.mean(part.image, dtype=np.float64)) for part in (small, whole))
        if abs(mean - expected) > 0.05 * float(np.ptp(whole.image) or 1):
            fail(f"the mean of {case.id} is {mean:.4g}, read() gives {expected:.4g}", "resample linearly, antialiased")


OF_COMPONENTS = ("loss", "metric", "explainer")


@check("data", "recipe", needs=["sample"])
def recipe(subject: DatasetSubject) -> None:
    """The recipe names config fields and installed components, with values that fit."""
    registry = Registry.discover()
    for mode in subject.component.modes:
        recipe_fits(subject, registry, recipe_of(subject.reader, subject.component, mode))


def recipe_fits(subject: DatasetSubject, registry: Registry, wanted: Mapping[str, Any]) -> None:
    """Fail unless the recipe of one mode can be meant."""
    terms = parse_sum(wanted["components.loss"]) if wanted.get("components.loss") else ()
    named = [("loss", term.name) for term in terms]
    named += [("metric", name) for name in wanted.get("components.metrics", ())]
    named += [("explainer", name) for name in wanted.get("components.explainers", ())]
    # A recipe may set what a metric takes that somebody else chooses, such as a tolerance that suits its pixels.
    named += [(parts[0], parts[1]) for parts in (name.split(".") for name in wanted) if parts[0] in OF_COMPONENTS]
    chosen = [ChosenParams("data", subject.name, subject.component.params)]
    try:
        for kind, name in dict.fromkeys(named):
            component = registry.find(kind, name).component
            chosen.append(ChosenParams(kind, component.name, component.params))
        resolve([Layer("recipe", wanted)], chosen)
    except SegkitError as error:
        fail(error.message, "mend the recipe, and require the distributions whose components it names")
