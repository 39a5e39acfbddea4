"""Files predicted one after the other: what is told, counted and written, whatever becomes of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from segkit.declarations import Task
from segkit.engine.progress import Progress
from segkit.errors import SegkitError
from segkit.jobs.predict import files
from segkit.jobs.predict.files import Options, PredictedFile, predict_alone, tell_remarks
from segkit.jobs.predict.inputs import Input
from segkit.jobs.predict.outputs import ClassSize


class Told(Progress):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def start(self, *what: object) -> None:
        self.told.append(what)

    def advance(self, count: int = 1, details: object = None) -> None:
        self.told.append(count)

    def message(self, text: str) -> None:
        self.told.append(text)

    def finish(self) -> None:
        self.told.append("finished")


ITEMS = [Input((Path(f"in/{name}.jpg"),), name) for name in "abc"]
MODEL = SimpleNamespace(
    header={"components": [], "preprocessing": {}},
    task=Task(3, ("x",)),
    image_task=Task(3, ("x",)),
    predictor=SimpleNamespace(mirror=False, turn=False),
    opener=SimpleNamespace(format_of=lambda path: None),
)


def result(item: Input, folder: Path) -> PredictedFile:
    """A label map, written."""
    (folder / f"{item.name}.png").touch()
    return PredictedFile(item, folder / f"{item.name}.png", [ClassSize("x", 1, 3, 0.5)], ("is grey",))


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[Told, object]]:
    """Predict the items with results that are given by name: an error, or None for a label map."""

    def call(errors: dict[str, Exception], items: list[Input] = ITEMS, *, force: bool = False):
        def run(*_: object) -> Iterator[object]:
            seen.append(json.loads((tmp_path / "prediction.json").read_text()))
            for item in items:
                error = errors.get(item.name)
                if isinstance(error, SegkitError):
                    yield item, error
                elif error is not None:
                    raise error
                else:
                    yield result(item, tmp_path)

        seen: list[dict] = []
        monkeypatch.setattr(files, "run", run)
        progress = Told()
        try:
            predict_alone([MODEL], items, tmp_path, Options(force=force), progress)
        except KeyboardInterrupt:
            progress.told.append("interrupted")
        return progress.told, seen[0]

    return call


def record(folder: Path) -> dict:
    """What prediction.json says."""
    return json.loads((folder / "prediction.json").read_text())


def rows(folder: Path) -> list[str]:
    """The label maps that sizes.csv counts."""
    with (folder / "sizes.csv").open(newline="") as stream:
        return [row["mask"] for row in csv.DictReader(stream)]


def test_what_is_told_while_files_are_predicted(predict, tmp_path: Path) -> None:
    """How many there are, each as it ends, what failed as it is met, equal remarks once, and the end."""
    told, begun = predict({"b": SegkitError("b.jpg is damaged", "mend it")})
    assert told == [
        ("predict", 3, "files"), "note: a.jpg is grey", 1, "error: b.jpg is damaged; mend it", 1, 1, "finished",
    ]  # fmt: skip
    assert [one["name"] for one in begun["begun"]] == ["a", "a", "b", "b", "c", "c"]
    assert "begun" not in record(tmp_path)
    assert rows(tmp_path) == ["a.png", "c.png"]
    assert [one["input"] for one in record(tmp_path)["failed"]] == ["b.jpg"]


def test_one_file_is_one_file(predict) -> None:
    """In words."""
    told, _ = predict({}, ITEMS[:1])
    assert told[0] == ("predict", 1, "file")


def test_what_was_predicted_before_a_stop_is_told(predict, tmp_path: Path) -> None:
    """The record keeps what was begun, so that the same command goes on; the table has what there is."""
    told, _ = predict({"b": KeyboardInterrupt()})
    assert told[-2:] == [1, "interrupted"]
    assert [one["mask"] for one in record(tmp_path)["files"]] == ["a.png"]
    assert [one["mask"] for one in record(tmp_path)["begun"]][:2] == ["a.png", "a.npz"]
    assert rows(tmp_path) == ["a.png"]
    told, _ = predict({})
    assert told[-1] == "finished"
    assert rows(tmp_path) == ["a.png", "b.png", "c.png"]


def test_label_maps_of_before_stay_known(predict, tmp_path: Path) -> None:
    """Of other files; the same ones are replaced by force alone."""
    predict({}, ITEMS[:2])
    with pytest.raises(SegkitError, match="exists already"):
        predict({}, ITEMS[1:])
    predict({}, ITEMS[1:], force=True)
    assert record(tmp_path)["earlier"] == [{"mask": "a.png", "name": "a"}]
    assert [one["mask"] for one in record(tmp_path)["files"]] == ["b.png", "c.png"]


def test_of_many_remarks_a_few_are_told(tmp_path: Path) -> None:
    """The last of them says where the others stand."""
    progress, told = Told(), set[str]()
    for number in range(8):
        part = PredictedFile(ITEMS[0], tmp_path, [], (f"remark {number}", "the same for all"))
        tell_remarks(part, told, progress)
    assert progress.told == [
        "note: a.jpg remark 0", "note: a.jpg the same for all", "note: a.jpg remark 1", "note: a.jpg remark 2",
        "note: a.jpg remark 3 (prediction.json has what is to be said of the others)",
    ]  # fmt: skip
