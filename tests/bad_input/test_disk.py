"""Disks that are full or read-only, and clocks that go back."""

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.jobs.run import RunResult, run_job
from segkit.planning.plan import make_plan

resource = pytest.importorskip("resource", reason="the size of files cannot be limited here")

PROGRAM = """
import resource, sys
from importlib.metadata import EntryPoint
from segkit.cli import main
from segkit.discovery import Registry
from segkit.declarations.installed import Plugin
registry = Registry()
registry.add(Plugin("segkit-toy", "1.0", EntryPoint("toy", "segkit_toy", "segkit")))
Registry.discover = classmethod(lambda cls, **_: registry)
where, limit = sys.argv[1], int(sys.argv[2])
if where:
    import importlib
    module, _, name = where.partition(":")
    owner = importlib.import_module(module)
    real = getattr(owner, name)
    def limited(*args, **options):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        return real(*args, **options)
    setattr(owner, name, limited)
main(["run", *sys.argv[3:]])
"""


@pytest.fixture
def limited_run(tmp_path: Path):
    """Run the toy job in a process that can write no file over a size once a function of the job is called."""

    def run(where: str, limit: int, *args: str) -> subprocess.CompletedProcess[str]:
        toy = Path(__file__).parents[1] / "toy"
        environ = {**os.environ, "PYTHONPATH": str(toy), "SEGKIT_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-c", PROGRAM, where, str(limit), *args]
        return subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path, check=False)

    return run


START = ("--arch", "net", "--data", "squares", "--epochs", "1", "--device", "cpu", "--output", "out")


@pytest.mark.parametrize(
    ("where", "limit", "named"),
    [
        ("segkit.jobs.stores:open_store", 4000, "the store of dataset"),
        ("segkit.engine.state:write_sealed", 4000, "cannot write state.safetensors"),
        ("segkit.jobs.train:save_model", 2000, "cannot write model.safetensors"),
        ("segkit.jobs.run:write_report", 10_000, "cannot write"),
    ],
    ids=["store", "state", "checkpoint", "report"],
)
def test_a_full_disk_names_the_file_and_loses_nothing(limited_run, tmp_path, where, limit, named):
    """The kernel refuses to write on: one line, nothing half-written is left, and with space the run goes on."""
    done = limited_run(where, limit, *START)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.lower().startswith("error")]
    assert named in line
    assert "File too large" in line
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith((".part", ".building"))]
    again = ("--resume", "out") if (tmp_path / "out").exists() else START
    done = limited_run("", 0, *again)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").exists()


def run_toy(registry: Registry, output: str, **values: object) -> RunResult:
    """Run the toy job in this process."""
    flags = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "train.epochs": 1}
    plan = make_plan([Layer("flag", {**flags, **values})], registry, {})
    return run_job(plan, Path(output), Progress())


@pytest.fixture(autouse=True)
def no_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page out of the runs in this process."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)


def test_nothing_is_written_into_the_data_root(toy_registry, tmp_path):
    """A root without any permission to write is as good; names, sizes and times stay what they were."""
    root = tmp_path / "root"
    made = make_plan([Layer("flag", {"components.arch": "net", "components.data": "squares"})], toy_registry, {})
    made.root.path.rename(root)
    folders = [path for path in (root, *root.rglob("*")) if path.is_dir()]

    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in (root, *root.rglob("*"))}

    before = state()
    for folder in folders:
        folder.chmod(0o555)
    try:
        run_toy(toy_registry, "out", **{"data.root": str(root)})
        assert state() == before
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_clock_that_goes_back_changes_nothing(toy_registry, monkeypatch):
    """With a clock that loses an hour at every look: the same weights, and no negative time."""
    expected = run_toy(toy_registry, "before").folder / "model.safetensors"
    hours = itertools.count(1)
    monkeypatch.setattr(time, "time", lambda: 2e9 - 3600 * next(hours))
    done = run_toy(toy_registry, "after", **{"run.save_minutes": 0})
    assert (done.folder / "model.safetensors").read_bytes() == expected.read_bytes()
    assert all(seconds >= 0 for seconds in done.summary["seconds"].values())


@pytest.mark.parametrize("moment", [4_102_444_800, 0, 315_532_800], ids=["2100", "1970", "1980"])
def test_files_of_any_time_are_read(toy_registry, tmp_path, moment):
    """A file from the future or from the beginning of time; a file exchanged for one of an earlier time is noticed."""
    first = run_toy(toy_registry, "first")
    (root,) = (path for path in (tmp_path / "cache" / "samples").glob("squares-*") if path.is_dir())
    path = min((root / "train").iterdir())
    size = path.stat().st_size
    stacked = np.load(path)
    stacked[0] = 255 - stacked[0]
    np.save(path, stacked)
    assert path.stat().st_size == size
    os.utime(path, (moment, moment))
    second = run_toy(toy_registry, "second")
    model = "model.safetensors"
    assert (first.folder / model).read_bytes() != (second.folder / model).read_bytes()
