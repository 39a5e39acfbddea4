"""What MLflow's own client finds in the store of a run."""

import json
import shutil

import pytest

pytest.importorskip("mlflow")
pytest.importorskip("segkit_mlflow")

from mlflow.tracking import MlflowClient

from segkit import RunInfo
from segkit_mlflow import ASKED, segkit_epoch_ended, segkit_run_ended, segkit_run_started

CONFIG = {"run.name": "unet", "train.epochs": 3, "train.learning_rate": 0.01}
FOLDERS = {"data.root": "/home/somebody/data", "run.output": "/home/somebody/runs/unet"}
CONFIG |= {f"arch.p{number}": number for number in range(120)}
SCORE = {
    "aggregation": "case_mean",
    "metric": "dice",
    "class": "lesion",
    "mean": 0.75,
    "ci_low": 0.7,
    "ci_high": None,
    "n": 9,
}


def record(epoch):
    """A line of history.jsonl."""
    return {
        "epoch": epoch,
        "loss": 1 / epoch,
        "terms": {"ce": 2 / epoch},
        "val": {"dice@store": None if epoch == 1 else 0.5},
    }


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """A store without a run: making its tables takes MLflow ten seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty_store, tmp_path, monkeypatch):
    """The address of a store, which is asked for."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv(ASKED, address)
    monkeypatch.chdir(tmp_path)
    return address


@pytest.fixture
def folder(tmp_path):
    """A run's directory."""
    made = tmp_path / "run"
    made.mkdir()
    return made


def epochs(folder, info, *numbers):
    """Tell of epochs, as a run does: written first."""
    for number in numbers:
        with (folder / "history.jsonl").open("a") as stream:
            stream.write(json.dumps(record(number)) + "\n")
        segkit_epoch_ended(info, record(number))


def found(store):
    """The client, and every run in the store."""
    client = MlflowClient(tracking_uri=store)
    return client, client.search_runs([client.get_experiment_by_name("segkit").experiment_id])


def curve(client, run, name):
    """Step and value of each point."""
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]


def test_a_resumed_run_is_one(store, folder):
    """Params, figures by epoch once each though epochs are told again, scores with intervals, artefacts, status."""
    info = RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu")
    segkit_run_started(info)
    epochs(folder, info, 1, 2)
    segkit_run_ended(info, "stopped", {})
    client, [run] = found(store)
    assert run.info.status == "KILLED"

    (folder / "report.html").write_text("<html></html>")
    (folder / "config.toml").write_text("[data]\nroot = '/home/somebody/data'\n")
    again = RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu", resumed=True)
    segkit_run_started(again)
    epochs(folder, again, 2, 3)
    segkit_run_ended(again, "finished", {"split": "test", "scores": [SCORE, {**SCORE, "aggregation": "pooled"}]})
    client, [run] = found(store)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "unet")
    assert run.data.params == {name: str(value) for name, value in CONFIG.items()}
    assert curve(client, run, "train/loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert curve(client, run, "val/dice_store") == [(2, 0.5), (3, 0.5)]
    scores = {name: value for name, value in run.data.metrics.items() if name.startswith("scores")}
    assert scores == {
        f"scores/test/dice/lesion/{name}": value for name, value in (("mean", 0.75), ("ci_low", 0.7), ("n", 9.0))
    }
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["report.html"]
    assert "/home/somebody" not in (folder / "mlflow.json").read_text()


def test_epochs_that_were_not_written_are_made_up_for(store, folder):
    """Killed between an epoch and its figures, the resumed run writes them from history.jsonl."""
    info = RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu")
    segkit_run_started(info)
    (folder / "history.jsonl").write_text(json.dumps(record(1)) + "\n")
    segkit_run_started(RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu", resumed=True))
    client, [run] = found(store)
    assert curve(client, run, "train/ce") == [(1, 2.0)]


def test_off_unless_asked_for(folder, monkeypatch, tmp_path):
    """Installed alone it writes nothing, and imports nothing."""
    monkeypatch.delenv(ASKED, raising=False)
    monkeypatch.setattr("segkit_mlflow.store.begin", lambda *_: pytest.fail("it was not asked for"))
    info = RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu")
    segkit_run_started(info)
    segkit_epoch_ended(info, record(1))
    segkit_run_ended(info, "finished", {})
    assert list(folder.iterdir()) == []
