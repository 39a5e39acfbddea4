"""Several datasets read as one: cases, classes, masks, and what cannot be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segkit.contracts import IGNORE
from segkit.data.case import Case, Problem, Sample
from segkit.data.inventory import inventory_of
from segkit.data.joint import JointPart, JointReader, in_classes
from segkit.declarations import Task
from segkit.errors import SegkitError

OTHER = Task(3, ("hair", "lesion"))


class Reader:
    """One case a split, whose mask holds what it is given."""

    reader_version = 1

    def __init__(self, task: Task, mask: np.ndarray | None = None, splits: Sequence[str] = ("train", "val")) -> None:
        self.task, self.mask, self.splits = task, mask, splits
        self.recipe: dict[str, Any] = {"train.epochs": len(task.classes)}

    def cases(self, split: str) -> list[Case]:
        return [Case(f"{split}1", group="p")] if split in self.splits else []

    def read(self, case: Case) -> Sample:
        shape = (self.task.in_channels, 2, 3) if self.task.spatial_dims == 2 else (self.task.in_channels, 1, 2, 3)
        return Sample(np.zeros(shape, np.uint8), self.mask)

    def verify(self, progress: Any = None) -> list[Problem]:
        return [Problem("a.png", "is damaged")]


def joint(**readers: Reader) -> JointReader:
    """Join readers by name."""
    return JointReader([JointPart(name, one, Path(name)) for name, one in readers.items()], ("images", "tiles"))


def test_cases_are_called_after_their_dataset_and_annotated_for_its_classes() -> None:
    """Equal ids and patients of two datasets stay apart; a dataset of all classes is annotated for all."""
    reader = joint(a=Reader(Task(3, ("lesion",))), b=Reader(OTHER))
    assert reader.task == Task(3, ("lesion", "hair"))
    assert reader.cases("val") == [
        Case("a_val1", "a_p", annotated=("lesion",)),
        Case("b_val1", "b_p", annotated=None),
    ]
    assert reader.dataset_of("b_val1") == "b"


def test_drawings_of_several_readers_are_in_the_classes_of_all() -> None:
    """Of a dataset that has them; one with a mask a case gives none, so that its cases do not count."""

    class Drawn(Reader):
        def samples_of_readers(self, case: Case) -> dict[str, Sample]:
            return {name: self.read(case) for name in ("one", "two")}

    reader = joint(a=Reader(Task(3, ("lesion",))), b=Drawn(OTHER, np.array([[0, 1, 2]] * 2, np.uint8)))
    drawn = reader.samples_of_readers(reader.cases("val")[1])
    assert sorted(drawn) == ["one", "two"]
    assert np.array_equal(drawn["two"].mask, [[0, 2, 1]] * 2)  # hair is the second class of both
    assert reader.samples_of_readers(reader.cases("val")[0]) == {}


def test_a_case_of_one_class_alone_stays_so() -> None:
    """What a dataset says of its own cases goes before what its classes say."""
    own = Reader(OTHER)
    own.cases = lambda split: [Case("x", annotated=("hair",))]  # type: ignore[method-assign]
    assert joint(a=Reader(Task(3, ("lesion",))), b=own).cases("test")[0].annotated == ("hair",)


@pytest.mark.parametrize("overlapping", [False, True])
def test_masks_are_in_the_classes_of_all(overlapping: bool) -> None:
    """Class by class what the dataset's own mask holds; ignored pixels stay so."""
    labels = np.array([[0, 1, 2], [2, IGNORE, 0]], np.uint8)
    task = Task(3, ("gland", "lesion", "hair"), overlapping=overlapping)
    found = in_classes(labels, OTHER, task)
    for label, name in enumerate(OTHER.classes, start=1):
        place = task.classes.index(name)
        got = found[place] if overlapping else found == place + 1
        ignored = found[place] == IGNORE if overlapping else found == IGNORE
        assert np.array_equal(np.asarray(got) == 1 if overlapping else got, labels == label)
        assert np.array_equal(ignored, labels == IGNORE)
    if overlapping:
        planes = np.stack([labels == 1, labels == 2]).astype(np.uint8)
        planes[0, 0, 0] = IGNORE
        joined = in_classes(planes, replace(OTHER, overlapping=True), task)
        assert np.array_equal(joined, np.stack([0 * planes[0], planes[1], planes[0]]))


def test_reading_checks_by_the_own_task_and_joins() -> None:
    """A mask of three classes of a dataset of two is told with the dataset, not taken for a class of another."""
    good = np.array([[0, 1, 2], [2, IGNORE, 0]], np.uint8)
    reader = joint(a=Reader(Task(3, ("lesion",))), b=Reader(OTHER, good))
    mask = reader.read(reader.cases("train")[1]).mask
    assert mask is not None
    assert mask.tolist() == [[0, 2, 1], [1, IGNORE, 0]]
    bad = joint(a=Reader(Task(3, ("x", "y", "z"))), b=Reader(OTHER, good + 1))
    with pytest.raises(SegkitError, match=r"dataset b, case train1: the mask has labels outside 0 to 2"):
        bad.read(bad.cases("train")[1])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Task(1, ("lesion",)), r"a has images of 3 channels, b of 1: one network cannot"),
        (Task(3, ("lesion",), 3), r"a has photographs, b volumes: one network cannot"),
        (Task(3, ("Lesion",)), r"class lesion of a and class Lesion of b differ in letters' case only"),
    ],
)
def test_what_cannot_be_joined_is_a_sentence(other: Task, told: str) -> None:
    """Channels, axes, and classes of which nobody knows whether they are one."""
    with pytest.raises(SegkitError, match=told):
        joint(a=Reader(Task(3, ("lesion",))), b=Reader(other))


def test_datasets_without_a_common_mode() -> None:
    """Where the files decide it."""
    one, other = Reader(OTHER), Reader(OTHER)
    one.modes, other.modes = ("images",), ("tiles",)  # type: ignore[attr-defined]
    with pytest.raises(SegkitError, match="no mode in common: a images, b tiles"):
        joint(a=one, b=other)


def test_what_people_must_know() -> None:
    """Which split lacks a dataset, whose recipe holds; problems and files are told after their dataset."""
    reader = joint(a=Reader(Task(3, ("lesion",))), b=Reader(OTHER, splits=("train", "val", "test")))
    assert reader.remarks() == [
        "no case of a is in the test split",
        "the recipes differ in train.epochs: that of a holds, which was named first",
    ]
    assert [one.file for one in reader.verify()] == ["a: a.png", "b: a.png"]
    assert [label for label, _ in reader.describe()] == ["a", "b"]


def test_every_root_is_accounted_for(tmp_path: Path) -> None:
    """Files of no case below either root."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("")
    parts = [JointPart(name, Reader(OTHER), tmp_path / name) for name in ("a", "b")]
    found = inventory_of(JointReader(parts, ("images",)), [], tmp_path / "a")
    assert [one.file for one in found.left_out] == ["a: notes.txt", "b: notes.txt"]


def test_the_version_follows_from_all_that_decides_a_mask() -> None:
    """Another order of classes is another mask."""
    one = joint(a=Reader(Task(3, ("x", "y"))), b=Reader(OTHER))
    other = joint(a=Reader(Task(3, ("y", "x"))), b=Reader(OTHER))
    assert one.reader_version == joint(a=Reader(Task(3, ("x", "y"))), b=Reader(OTHER)).reader_version
    assert one.reader_version != other.reader_version
