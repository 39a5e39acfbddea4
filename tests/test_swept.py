"""`segkit sweep` by two processes on one study, one of them killed: every trial is made, and none twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
TRIALS = 20
COMMAND = (
    *("sweep", "--arch", "net", "--data", "squares", "--device", "cpu", "--epochs", "40", "--trials", str(TRIALS)),
    *("--vary", "train.learning_rate=log:1e-4..1e-1", "--vary", "arch.width=2..8", "--seeds", "1"),
    *("--set", "data.cases=4", "--output", "study"),
)

pytestmark = pytest.mark.full


def trials(folder: Path) -> list[dict]:
    """What is known of every trial."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("study/trials/*/trial.json"))]


@pytest.mark.parametrize("searcher", ["random", "tpe"])
def test_two_processes_and_a_kill(install_source, tmp_path: Path, searcher: str) -> None:
    """Twenty distinct trials end, though one process is killed in the middle of one; the last process compares."""
    plugins = [PROJECT / "tests" / "toy"]
    if searcher == "tpe":
        pytest.importorskip("optuna")
        plugins.append(PROJECT / "plugins" / "segkit-optuna")
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEGKIT_")},
        "PYTHONPATH": str(install_source(plugins)),
        "SEGKIT_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "segkit", *COMMAND, "--searcher", searcher]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=tmp_path, env=environ, text=True, **pipes)

    killed, other = start(), start()
    while len(trials(tmp_path)) < 4:
        assert killed.poll() is None
        assert other.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    third = start()
    for process in (other, third):
        _, told = process.communicate(timeout=900)
        assert process.returncode == 0, told
    found = trials(tmp_path)
    assert [trial["number"] for trial in found] == list(range(TRIALS))
    assert {trial["state"] for trial in found} <= {"finished", "pruned"}
    assert len({json.dumps(trial["values"], sort_keys=True) for trial in found}) == TRIALS
    for trial in found:
        history = (tmp_path / "study" / "trials" / f"{trial['number']:04d}" / "run" / "history.jsonl").read_text()
        epochs = [json.loads(line)["epoch"] for line in history.splitlines()]
        assert epochs == list(range(1, len(epochs) + 1)), "no epoch is missing or there twice"
    assert json.loads((tmp_path / "study" / "sweep.json").read_text())["trials"] == TRIALS
