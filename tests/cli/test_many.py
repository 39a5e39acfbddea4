"""`segkit evaluate` and `segkit predict --each` over several runs: a job each, taken up again, told one by one."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from segkit.cli import main
from segkit.engine.stop import Stopped
from segkit.jobs.launch.engine import Engine


class InThisProcess:
    """A launcher that carries out a job while it is submitted."""

    pause = 0.0
    goes_on = False

    def __init__(self) -> None:
        self.submitted: list[list[str]] = []
        self.ended: dict[str, str] = {}

    def submit(self, arguments: Sequence[str], folder: Path) -> str:
        """Call segkit with what stands behind `python -m segkit`."""
        self.submitted.append(list(arguments[3:]))
        done = CliRunner().invoke(main, list(arguments[3:]))
        (folder / "job.log").write_text(done.output)
        self.ended[folder.name] = "failed" if done.exit_code else "finished"
        return folder.name

    def state(self, id: str) -> str:
        """How it ended."""
        return self.ended.get(id, "unknown")

    def cancel(self, id: str) -> None:
        """It has ended."""


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> InThisProcess:
    """Whichever launcher is asked for is this one."""
    found = InThisProcess()
    monkeypatch.setattr(
        "segkit.jobs.launch.engine.open_engine", lambda name, _, at_once, __: Engine(name, found, at_once)
    )
    return found


@pytest.fixture
def runs(toy_run: Path) -> list[str]:
    """Three runs, the second without its model."""
    for name in ("one", "two", "three"):
        shutil.copytree("run", f"runs/{name}")
    Path("runs/two/model.safetensors").unlink()
    return [f"runs/{name}" for name in ("one", "two", "three")]


def segkit(*args: str) -> Result:
    """Call `segkit ARGS` in this process."""
    return CliRunner().invoke(main, args)


def test_scores_of_several_runs(runs, launcher) -> None:
    """One that fails is told with its own error, the others are scored, and the same command takes up what is left."""
    asked = ("evaluate", *runs, "--output", "scores", "--jobs", "2", "--split", "val", "--no-tta", "--device", "cpu")
    first = segkit(*asked)
    assert first.exit_code == 1, first.output
    assert "error: two failed: run " in first.stderr
    assert "has no model.safetensors yet; go on with it: segkit run --resume" in first.stderr
    alone = segkit("evaluate", "runs/one", "--split", "val", "--no-tta", "--device", "cpu", "--output", "alone")
    assert alone.exit_code == 0
    for name in ("one", "three"):
        assert Path("scores", name, "cases.csv").read_text() == Path("alone/cases.csv").read_text()
    lines = [line.split("\t") for line in first.stdout.splitlines()[:-1]]
    assert [(line[0], line[-1]) for line in lines] == [("one", "val"), ("three", "val")]
    place = Path.cwd()
    command = ["evaluate", f"{place}/runs/one", "--output", f"{place}/scores/one"]
    assert launcher.submitted[0] == [*command, "--split", "val", "--no-tta", "--device", "cpu"]

    shutil.copy("run/model.safetensors", "runs/two")
    again = segkit(*asked, "--json")
    assert again.exit_code == 0, again.output
    assert [words[1] for words in launcher.submitted[3:]] == [f"{place}/runs/two"]
    assert "[1/3] one: finished before" in again.stderr
    told = json.loads(again.stdout)
    assert [entry["run"] for entry in told] == ["one", "two", "three"]
    assert told[1]["summary"]["scores"] == json.loads(Path("alone/summary.json").read_text())["scores"]


def test_what_is_there_is_not_mistaken(runs, launcher) -> None:
    """Results of other options, of other weights, and folders of something else are refused; nothing is submitted."""
    asked = ("evaluate", "runs/one", "runs/three", "--output", "scores", "--device", "cpu")
    assert segkit(*asked, "--split", "val").exit_code == 0
    launcher.submitted.clear()
    other = segkit(*asked, "--split", "train")
    assert (other.exit_code, "scores/one is of another command; name another --output" in other.stderr) == (1, True)
    model = Path("runs/three/model.safetensors")
    model.write_bytes(model.read_bytes() + b" ")
    changed = segkit(*asked, "--split", "val")
    assert changed.exit_code == 1
    assert "scores/three is of other weights than runs/three has now" in changed.stderr.replace(f"{Path.cwd()}/", "")
    taken = segkit("evaluate", "runs/one", "runs/three", "--output", "runs")
    assert "--output runs already holds something else; name another folder" in taken.stderr
    assert launcher.submitted == []


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("evaluate", "runs/one", "runs/three"), 2, "need a folder for their scores; name one: --output DIR"),
        (("evaluate", "runs/one", "--jobs", "2"), 2, "need a folder for their scores"),
        (("evaluate", "runs/one", "runs/one/", "--output", "new"), 2, "runs/one is named twice"),
        (("evaluate", "runs/one", "runs/none", "--output", "new"), 1, "runs/none does not exist"),
        (("evaluate", "runs/one", "runs/three", "--output", "new", "--jobs", "0"), 2, "--jobs"),
        (("evaluate", "runs/one", "--set", "launcher.threads=1"), 2, "launcher"),
        (("predict", "runs/one", "x.png", "-o", "new", "--jobs", "2"), 2, "--jobs was given without --each"),
        (("predict", "runs/one", "x.png", "-o", "new", "--set", "launcher.threads=1"), 2, "--set was given without"),
        (("predict", "runs/one", "x.png", "-o", "new", "--each", "--force"), 2, "--force was given with --each"),
        (("predict", "runs/one", "x.png", "-o", "new", "--each", "--keep-ids", "y"), 2, "--keep-ids was given with"),
        (("predict", "runs/one", "runs/one", "x.png", "-o", "new", "--each"), 2, "is named twice"),
    ],
)
def test_bad_input(runs, args: tuple[str, ...], code: int, said: str) -> None:
    """One line, before anything is made."""
    result = segkit(*args)
    assert (result.exit_code, said in result.stderr) == (code, True), result.output
    assert not Path("new").exists()


def test_torchrun_does_not_share_jobs(runs, monkeypatch) -> None:
    """Several processes would each submit them."""
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    result = segkit("evaluate", *runs, "--output", "new")
    assert result.exit_code == 2
    assert not Path("new").exists()


def test_what_would_be_submitted(runs) -> None:
    """Shown by the core's own launcher, with its params, a line for each run; nothing is made."""
    shown = segkit(
        *("evaluate", *runs, "--output", "new", "--metric", "overlap", "--metric", "miss", "--dry-run"),
        *("--set", "launcher.threads=2", "--set", "evaluate.window=gaussian", "--data-root", "data"),
    )
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("OMP_NUM_THREADS=2 ")
    ending = f"--data-root {Path.cwd()}/data --metric overlap --metric miss --set evaluate.window=gaussian"
    assert lines[0].endswith(f"segkit evaluate {Path.cwd()}/runs/one --output {Path.cwd()}/new/one {ending}")
    assert not Path("new").exists()


def test_stopped_says_how_to_go_on(runs, launcher, monkeypatch) -> None:
    """SIGTERM ends with 143 and the way back."""

    def stop(*_: object) -> None:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr("segkit.jobs.launch.watch.carry_out", stop)
    result = segkit("evaluate", *runs, "--output", "scores")
    assert result.exit_code == 143
    assert "the same command goes on where it was" in result.stderr


def test_predictions_of_several_models(runs, launcher) -> None:
    """Each by itself, not their average, in a folder of its own; a file that cannot be read is said of each."""
    Path("images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
    Image.fromarray(pixels).save("images/good.png")
    Path("images/bad.png").write_bytes(b"none")
    asked = ("predict", *runs, "images", "-o", "maps", "--each", "--jobs", "2", "--overlays", "--device", "cpu")
    first = segkit(*asked)
    assert first.exit_code == 1, first.output
    assert "two failed: run " in first.stderr
    assert "2 files could not be predicted, as told in prediction.json" in first.stderr
    place = Path.cwd() / "maps"
    assert first.stdout.splitlines() == [f"{name}\t1\t1\t{place / name}" for name in ("one", "three")]
    alone = segkit("predict", "runs/one", "images", "-o", "alone", "--device", "cpu")
    assert alone.exit_code == 1
    assert Path("maps/one/good.png").read_bytes() == Path("alone/good.png").read_bytes()
    assert Path("maps/three/overlays/good.jpg").is_file()

    shutil.copy("run/model.safetensors", "runs/two")
    again = segkit(*asked, "--json")
    assert [words[1] for words in launcher.submitted[3:]] == [f"{Path.cwd()}/runs/two"]
    assert [len(entry["prediction"]["files"]) for entry in json.loads(again.stdout)] == [1, 1, 1]


def test_runs_of_one_name(runs, launcher) -> None:
    """They are told apart by the folders above them."""
    shutil.copytree("runs/one", "more/one")
    result = segkit("evaluate", "runs/one", "more/one/model.safetensors", "--output", "scores", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path("scores").glob("[!.]*")) == ["more-one", "runs-one"]
