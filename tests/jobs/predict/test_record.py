"""What prediction.json says, and what is known from it of the files beside it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from segkit.declarations import Task
from segkit.errors import SegkitError
from segkit.jobs.predict.files import Options, Outcome, PredictedFile
from segkit.jobs.predict.inputs import Input
from segkit.jobs.predict.outputs import ClassSize
from segkit.jobs.predict.record import Before, LabelMap, maps_in, read_before, record

NEW, OLD = LabelMap("new.png", "new"), LabelMap("old.png", "old")


def test_what_belongs_to_a_label_map() -> None:
    """Its picture and its probabilities, called by its name."""
    assert LabelMap("a.tif", "a-2").files == ("a.tif", "overlays/a-2.jpg", "probabilities/a-2.npy")
    assert LabelMap("a.tif", "a-2").entry() == {"mask": "a.tif", "name": "a-2"}


def test_only_an_unfinished_prediction_is_replaced_unasked() -> None:
    """All of it, the record and the table included; of a finished one nothing."""
    assert Before(frozenset({NEW})).unfinished_files == frozenset()
    assert Before(frozenset({NEW}), finished=False).unfinished_files == {
        "new.png", "overlays/new.jpg", "probabilities/new.npy", "sizes.csv", "prediction.json",
    }  # fmt: skip


def test_what_stays_in_a_folder(tmp_path: Path) -> None:
    """Label maps that are there and will not be written again, by name; one that is gone is forgotten."""
    names = ("c.png", "a.png", "b.png", "gone.png", "again.png")
    for name in set(names) - {"gone.png"}:
        (tmp_path / name).touch()
    before = Before(frozenset(LabelMap(name, name[:-4]) for name in names))
    left = before.left_in(tmp_path, [LabelMap("again.png", "other")])
    assert [found.mask for found in left] == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize(
    ("content", "maps", "finished"),
    [
        ({"files": [{"mask": "new.png", "name": "new"}]}, {NEW}, True),
        ({"files": [], "begun": [{"mask": "new.png", "name": "new"}]}, {NEW}, False),
        ({"files": [{"mask": "new.png", "name": "new"}], "earlier": [OLD.entry()]}, {NEW, OLD}, True),
        ({"files": [{"mask": "old.nii.gz"}]}, {LabelMap("old.nii.gz", "old")}, True),
        ({"files": [{"name": "no mask"}]}, set(), True),
        ({"begun": []}, set(), True),
        ({"files": [3]}, set(), True),
        ({"files": 3}, set(), True),
        ([], set(), True),
    ],
)
def test_a_record_is_read_or_says_nothing(tmp_path: Path, content: object, maps: set, finished: bool) -> None:
    """Where it cannot be read nothing is known to be ours; one of before names were kept is called by its file."""
    (tmp_path / "prediction.json").write_text(json.dumps(content))
    assert read_before(tmp_path) == Before(frozenset(maps), finished)


def test_a_folder_without_a_record_holds_nothing_of_ours(tmp_path: Path) -> None:
    """Nor does one whose record is no JSON."""
    assert read_before(tmp_path) == Before()
    (tmp_path / "prediction.json").write_text("{")
    assert read_before(tmp_path) == Before()


@pytest.fixture
def models() -> list:
    """Two models, as far as a record looks at them; the second was trained on a generated sample."""
    header = {"components": [{"kind": "arch"}], "preprocessing": {"size": [8, 8]}, "weights": "last epoch"}
    first = {**header, "postprocess": {"fill_holes": True}}
    second = {**header, "generated_sample": True, "weights": None}
    task = Task(3, ("a", "b"))
    return [
        SimpleNamespace(header=one, task=task, predictor=SimpleNamespace(mirror=mirror, turn=False))
        for one, mirror in ((first, False), (second, True))
    ]


def test_a_record_says_what_made_it(models: list, tmp_path: Path) -> None:
    """Every model, the settings, what each file became and why others did not."""
    item, bad = Input((tmp_path / "x" / "a.jpg",), "a"), Input((tmp_path / "b.png",), "b")
    sizes = [ClassSize("a", 1, 3, 0.5)]
    outcome = Outcome(tmp_path, [PredictedFile(item, tmp_path / "a.png", sizes, ("is grey",))])
    outcome.failed.append((bad, SegkitError("b.png is\nbroken", "mend it")))
    said = record(models, outcome, Options(overlays=True), begun=[NEW], earlier=[OLD])
    assert said["notice"].startswith("for research, not for diagnosis; ")
    assert "generated sample" in said["notice"]
    assert [(one["weights"], one["mirror"]) for one in said["models"]] == [("last epoch", False), (None, True)]
    assert said["postprocess"] == {"fill_holes": True}
    assert [(one["label"], one["name"]) for one in said["classes"]] == [(1, "a"), (2, "b")]
    assert said["classes"][0]["colour"] != said["classes"][1]["colour"]
    assert (said["overlays"], said["probabilities"]) == (True, False)
    assert said["files"] == [
        {"input": "a.jpg", "name": "a", "files": ["a.jpg"], "mask": "a.png", "classes": [vars(sizes[0])]}
        | {"remarks": ["is grey"]}
    ]
    assert said["failed"] == [{"input": "b.png", "reason": "b.png is broken"}]
    assert (said["begun"], said["earlier"]) == ([NEW.entry()], [OLD.entry()])
    assert set(maps_in(said)) == {LabelMap("a.png", "a"), NEW, OLD}


def test_a_record_of_the_end_has_nothing_begun(models: list, tmp_path: Path) -> None:
    """Nor words on real data, remarks, or earlier ones where there are none."""
    outcome = Outcome(tmp_path, [PredictedFile(Input((tmp_path / "a.jpg",), "a"), tmp_path / "a.png", [])])
    said = record(models[:1], outcome, Options())
    assert said["notice"] == "for research, not for diagnosis"
    assert not {"begun", "earlier"} & set(said)
    assert "remarks" not in said["files"][0]
    assert record(models[:1], outcome, Options(), begun=[])["begun"] == []
