"""What a run directory is, said by its files alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from segkit.engine import state
from segkit.rundir import names
from segkit.rundir.lock import is_being_written
from segkit.rundir.names import STATE
from segkit.rundir.stage import Stage, is_cut, standing_of

MODEL = (2).to_bytes(8, "little") + b"{}"
"""The smallest safetensors file."""
FINISHED = json.dumps({"finished": True})


def run(folder: Path, **files: str | bytes) -> Path:
    """A run directory with some of its files, named with _ for the dot."""
    names = {"config": "config.toml", "history": "history.jsonl", "model": "model.safetensors", "cases": "cases.csv"}
    names |= {"summary": "summary.json", "report": "report.html", "state": "last/state.safetensors", "last": "last/x"}
    for name, content in files.items():
        path = folder / names[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


CONFIG = "[train]\nepochs = 7\n"
HISTORY = '{"epoch": 1}\n{"epoch": 3}\n'
SCORED = {"config": CONFIG, "model": MODEL, "cases": "", "history": HISTORY}


@pytest.mark.parametrize(
    ("files", "stage", "details", "resumable"),
    [
        ({"config": CONFIG}, Stage.UNFINISHED, "0 of 7 epochs", True),
        ({"config": CONFIG, "state": "", "history": HISTORY}, Stage.UNFINISHED, "3 of 7 epochs", True),
        ({"config": CONFIG, "state": "", "history": "{"}, Stage.UNFINISHED, "? of 7 epochs", True),
        ({"config": "=", "state": "", "history": HISTORY}, Stage.UNFINISHED, "3 of ? epochs", True),
        ({"config": CONFIG, "state": "", "model": MODEL}, Stage.TRAINED, "not scored", True),
        ({**SCORED, "state": "", "summary": '{"finished": false}'}, Stage.SCORED, "its report is not written", True),
        ({**SCORED, "summary": FINISHED, "report": ""}, Stage.FINISHED, "", False),
        ({**SCORED, "summary": FINISHED, "report": "", "state": ""}, Stage.FINISHED, "", False),
        ({**SCORED, "summary": FINISHED, "report": "", "last": ""}, Stage.FINISHED, "", False),
        ({**SCORED, "summary": "{}", "report": ""}, Stage.FINISHED, "", False),
        ({**SCORED, "summary": FINISHED}, Stage.FINISHED, "report.html is missing", False),
        ({"config": CONFIG, "history": HISTORY}, Stage.BROKEN, "3 of 7 epochs were trained, and last/state.", False),
        ({"config": CONFIG, "last": ""}, Stage.BROKEN, "0 of 7 epochs were trained, and last/state.", False),
        ({"config": CONFIG, "model": MODEL}, Stage.TRAINED, "not scored, and last/state.", False),
        ({"state": "", "history": HISTORY}, Stage.BROKEN, "config.toml is missing", False),
        ({**SCORED, "summary": FINISHED, "model": MODEL[:-1]}, Stage.BROKEN, "model.safetensors is not whole", False),
        ({**SCORED, "summary": "{", "report": ""}, Stage.BROKEN, "summary.json is damaged", False),
        ({"config": CONFIG, "summary": FINISHED}, Stage.BROKEN, "model.safetensors is missing", False),
        ({"config": CONFIG, "summary": FINISHED, "model": MODEL}, Stage.BROKEN, "cases.csv is missing", False),
        ({}, Stage.BROKEN, "there is no config.toml in it", False),
    ],
)
def test_every_set_of_files_has_its_stage(tmp_path, files, stage, details, resumable):
    """Stage, how far it came, and whether it can be gone on with; where it cannot, there is a way out."""
    found = standing_of(run(tmp_path, **files))
    assert (found.stage, found.resumable) == (stage, resumable)
    assert found.details.startswith(details)
    assert bool(found.way_out) == (not resumable and details != "")


def test_the_state_has_one_name():
    """The directory's reader, which does without torch, looks for what the engine writes."""
    assert STATE == state.NAME


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, MODEL + b"x", (2).to_bytes(8, "little") + b"[]"])
def test_a_model_that_is_not_whole_is_no_model(tmp_path, content):
    """Shorter or longer than its header says, or without one."""
    files = {**SCORED, "summary": FINISHED, "report": "", "model": content}
    assert standing_of(run(tmp_path, **files)).details == "model.safetensors is not whole"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_a_named_pipe_in_a_strangers_run_is_not_waited_for(tmp_path):
    """In the place of the model or of the lock it is neither, and nobody waits for its other end (issue 19)."""
    for name in (names.MODEL, names.LOCK):
        os.mkfifo(tmp_path / name)
    assert is_cut(tmp_path / names.MODEL)
    assert not is_being_written(tmp_path)
