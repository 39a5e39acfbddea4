"""What stands in the offline files of a run, read with the messages of W&B's own client."""

import json
import socket
import struct
import time

import pytest

pytest.importorskip("wandb")
pytest.importorskip("segkit_wandb")

from wandb.proto.wandb_internal_pb2 import Record

from segkit import RunInfo, UsageError
from segkit_wandb import ASKED, segkit_epoch_ended, segkit_run_ended, segkit_run_started

CONFIG = {"run.name": "unet", "train.epochs": 3, "train.learning_rate": 0.01}
FOLDERS = {"data.root": "/home/somebody/data", "run.output": "/home/somebody/runs/unet"}
SCORE = {
    "aggregation": "case_mean",
    "metric": "dice",
    "class": "lesion",
    "mean": 0.75,
    "ci_low": 0.7,
    "ci_high": 0.8,
    "n": 9,
}
BLOCK, HEAD, HEADER = 32768, 7, 7


def records(path):
    """Yield the messages of a .wandb file, which has the form of LevelDB's log: chunks in blocks of 32 kB."""
    content = path.read_bytes()[HEADER:]
    content = b"\0" * HEADER + content
    place, parts = HEADER, b""
    while place + HEAD <= len(content):
        if BLOCK - place % BLOCK < HEAD:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + HEAD])
        if place + HEAD + length > len(content):  # being written
            return
        parts += content[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if kind in (1, 4):  # whole, or the last part
            found = Record()
            found.ParseFromString(parts)
            parts = b""
            yield found


def tracked(folder, ends):
    """The messages of every offline folder of a run, in their order, once W&B's own process has written all ends."""
    until = time.monotonic() + 60
    while True:
        told = [one for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")) for one in records(path)]
        if sum(one.WhichOneof("record_type") == "exit" for one in told) >= ends:
            return told
        assert time.monotonic() < until, "W&B did not write the end of a run"
        time.sleep(0.05)


def items(message):
    """Key and value of history, config or summary."""
    told = getattr(message, "item", None) or message.update
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in told}


def record(epoch):
    """A line of history.jsonl."""
    return {
        "epoch": epoch,
        "loss": 1 / epoch,
        "terms": {"ce": 2 / epoch},
        "val": {"dice@store": None if epoch == 1 else 0.5},
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run's directory, tracking asked for."""
    monkeypatch.setenv(ASKED, "offline")
    made = tmp_path / "run"
    made.mkdir()
    return made


def epochs(folder, info, *numbers):
    """Tell of epochs, as a run does: written first."""
    for number in numbers:
        with (folder / "history.jsonl").open("a") as stream:
            stream.write(json.dumps(record(number)) + "\n")
        segkit_epoch_ended(info, record(number))


def test_a_resumed_run_is_one(folder):
    """One id; settings, figures by epoch once each though epochs are told again, scores, artefact, exit codes."""
    info = RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu")
    segkit_run_started(info)
    epochs(folder, info, 1, 2)
    segkit_run_ended(info, "stopped", {})

    (folder / "report.html").write_text("<html></html>")
    (folder / "config.toml").write_text("[data]\nroot = '/home/somebody/data'\n")
    again = RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu", resumed=True)
    segkit_run_started(again)
    epochs(folder, again, 2, 3)
    segkit_run_ended(again, "finished", {"split": "test", "scores": [SCORE, {**SCORE, "aggregation": "pooled"}]})
    told = tracked(folder, ends=2)
    runs = [one.run for one in told if one.WhichOneof("record_type") == "run"]
    assert len({run.run_id for run in runs}) == 1
    assert runs[0].display_name == "unet"
    assert {name: value for name, value in items(runs[0].config).items() if name != "_wandb"} == CONFIG
    history = [items(one.history) for one in told if one.WhichOneof("record_type") == "history"]
    assert [(row["_step"], row["train/loss"], row.get("val/dice@store")) for row in history] == [
        (1, 1.0, None),
        (2, 0.5, 0.5),
        (3, pytest.approx(1 / 3), 0.5),
    ]
    summaries: dict = {}
    for one in told:
        if one.WhichOneof("record_type") == "summary":
            summaries |= items(one.summary)
    assert [summaries[f"scores/test/dice/lesion/{name}"] for name in ("mean", "ci_low", "ci_high", "n")] == [
        0.75,
        0.7,
        0.8,
        9,
    ]
    codes = [one.exit.exit_code for one in told if one.WhichOneof("record_type") == "exit"]
    assert codes == [143, 0]
    named = [
        entry.path
        for one in told
        if one.request.log_artifact.artifact.name
        for entry in one.request.log_artifact.artifact.manifest.contents
    ]
    named += [entry.path for one in told if one.artifact.name for entry in one.artifact.manifest.contents]
    assert named == ["report.html"]


def test_nothing_of_the_machine(folder):
    """Neither host name nor the data's folder is in what sync would send."""
    segkit_run_started(info := RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu"))
    epochs(folder, info, 1)
    segkit_run_ended(info, "failed", {})
    tracked(folder, ends=1)
    sent = b"".join(path.read_bytes() for path in folder.glob("wandb/offline-run-*/*.wandb"))
    assert b"/home/somebody" not in sent
    assert bytes(folder) not in sent
    host = socket.gethostname().encode()
    assert len(host) < 4 or host not in sent


def test_off_unless_asked_for(folder, monkeypatch):
    """Installed alone it writes nothing; a word that is no mode is refused, and nothing is sent."""
    monkeypatch.delenv(ASKED)
    info = RunInfo(folder, {**CONFIG, **FOLDERS}, 100, "cpu")
    segkit_run_started(info)
    segkit_epoch_ended(info, record(1))
    segkit_run_ended(info, "finished", {})
    monkeypatch.setenv(ASKED, "1")
    with pytest.raises(UsageError, match="SEGKIT_WANDB=1 is none of offline, online"):
        segkit_run_started(info)
    assert list(folder.iterdir()) == []
