"""What TensorBoard's own reader finds in the event file of a run."""

import json
import socket

import pytest

pytest.importorskip("tensorboard")
pytest.importorskip("segkit_tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segkit.contracts import RunInfo
from segkit.jobs.events import Events
from segkit_tensorboard import segkit_epoch_ended, segkit_run_ended, segkit_run_started

CONFIG = {"train.epochs": 3, "train.learning_rate": 0.01}
CONFIG |= {"data.root": "/home/somebody/data", "run.output": "/home/somebody/runs/unet"}
SCORE = {"aggregation": "case_mean", "metric": "overlap", "class": "lesion", "mean": 0.75}


def record(epoch, **others):
    """A line of history.jsonl."""
    figures = {"learning_rate": 0.01 / epoch, "images_per_second": 20.0, "loss": 1 / epoch, "terms": {"ce": 2 / epoch}}
    return {"epoch": epoch, "val": {"overlap@store": epoch / 10}, **figures, **others}


def read(folder):
    """Load what TensorBoard would show of a run."""
    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return found


def curve(folder, tag):
    """The points of one curve."""
    return [(event.step, pytest.approx(event.value)) for event in read(folder).Scalars(tag)]


@pytest.fixture
def run(tmp_path):
    """A run of three epochs, told by its events."""
    info = RunInfo(tmp_path, CONFIG, 100, "cpu")
    segkit_run_started(info)
    for epoch in (1, 2, 3):
        segkit_epoch_ended(info, record(epoch))
    segkit_run_ended(info, "finished", {"split": "test", "scores": [SCORE, {**SCORE, "aggregation": "pooled"}]})
    return info


def test_curves_by_epoch(run):
    """Loss, its terms, rates and validation have a point per epoch; the scores one at the last."""
    assert read(run.folder).Tags()["scalars"] == [
        "train/loss",
        "train/learning_rate",
        "train/images_per_second",
        "train/ce",
        "val/overlap@store",
        "scores/test/overlap/lesion",
    ]
    assert curve(run.folder, "train/loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert curve(run.folder, "val/overlap@store") == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert curve(run.folder, "scores/test/overlap/lesion") == [(3, 0.75)]


def test_settings_as_text_without_the_folder_of_the_data(run):
    """They are shown as a table; where the data lie is nobody else's business."""
    (event,) = read(run.folder).Tensors("config")
    text = event.tensor_proto.string_val[0].decode()
    assert "| train.learning_rate | 0.01 |" in text
    assert "somebody" not in text


def test_the_file_names_no_machine(run):
    """TensorBoard's own writer would put the host name into the file's name."""
    (file,) = (run.folder / "tensorboard").iterdir()
    assert file.name == "events.out.tfevents.segkit"
    assert socket.gethostname().encode() not in file.read_bytes()


def test_figures_that_do_not_exist_are_left_out(run):
    """An epoch whose validation gave no number has no point there."""
    segkit_epoch_ended(run, record(4, val={"overlap@store": None}))
    assert [step for step, _ in curve(run.folder, "val/overlap@store")] == [1, 2, 3]
    assert [step for step, _ in curve(run.folder, "train/loss")] == [1, 2, 3, 4]


def test_a_resumed_run_has_no_epoch_twice(run):
    """The file is written again from history.jsonl, which ends where the run goes on."""
    lines = [json.dumps(record(epoch)) + "\n" for epoch in (1, 2)]
    (run.folder / "history.jsonl").write_text("".join(lines))
    again = RunInfo(run.folder, CONFIG, 100, "cpu", resumed=True)
    segkit_run_started(again)
    segkit_epoch_ended(again, record(3))
    assert [step for step, _ in curve(run.folder, "train/loss")] == [1, 2, 3]


def test_a_run_without_scores(tmp_path):
    """One that was stopped, or trained only, ends without them."""
    info = RunInfo(tmp_path, CONFIG, 100, "cpu")
    segkit_run_started(info)
    segkit_run_ended(info, "stopped", {})
    assert read(tmp_path).Tags()["scalars"] == []


def test_a_full_disk_stops_no_run(tmp_path):
    """The core reports each of the plugin's hooks that fails, once, and goes on."""
    import pluggy

    import segkit_tensorboard
    from segkit.declarations import hookspecs

    manager, told = pluggy.PluginManager("segkit"), []
    manager.add_hookspecs(hookspecs)
    manager.register(segkit_tensorboard, "segkit-tensorboard/tensorboard")
    (tmp_path / "tensorboard").write_text("a file where the folder should be")
    events = Events(manager, told.append)
    with events.during(RunInfo(tmp_path, CONFIG, 100, "cpu")):
        events.epoch_ended(record(1))
        events.epoch_ended(record(2))
    assert [line.partition(":")[0] for line in told] == ["plugin segkit-tensorboard"] * 2
    assert "segkit_run_started failed (FileExistsError" in told[0]
    assert "segkit_epoch_ended failed (NotADirectoryError" in told[1]
