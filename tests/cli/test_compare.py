"""`segkit compare`: what is printed where, exit codes, and that its options reach the grid."""

import json
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.discovery import Registry
from segkit.engine.stop import Stopped


@pytest.fixture
def segkit_compare(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit compare ARGS` in this process with the toy plugin alone and without figures."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda folder, *_, **__: (folder / "report.html").touch())
    parts = ("scores", "differences", "ranks", "scatter")
    monkeypatch.setattr("segkit.jobs.compare.page.comparison_plots", lambda *_: {part: [] for part in parts})

    def call(*args: str) -> Result:
        return CliRunner().invoke(main, ["compare", *args])

    return call


GRID = ("--arch", "net", "--arch", "supervised", "--data", "squares", "--epochs", "1", "--device", "cpu")


def test_a_grid_and_then_its_runs(segkit_compare) -> None:
    """Table and answer on stdout, progress on stderr; the finished runs compare to the same figures."""
    result = segkit_compare(*GRID, "--set", "data.cases=4", "--set", "net:arch.width=3", "--name", "two")
    assert result.exit_code == 0, result.output
    folder = Path("comparisons/two")
    lines = result.stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["rank", "model", "mean"]
    assert {line.split("\t")[1] for line in lines[1:3]} == {"net", "supervised"}
    assert lines[-1] == f"report: {folder / 'report.html'}"
    assert "[1/2] net-seed0: training" in result.stderr
    assert "GENERATED SAMPLE" in result.stderr
    record = json.loads((folder / "comparison.json").read_text())
    assert record["notice"] == "generated sample: not real data"
    assert "Generated sample: not real data" in (folder / "report.html").read_text()
    assert record["settings"]["components.arch"] == ["segkit-toy:net", "segkit-toy:supervised"]
    names = ["cases.csv", "comparison.json", "differences.csv", "figures", "report.html", "runs", "scores.csv"]
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == names

    runs = sorted(map(str, (folder / "runs").iterdir()))
    again = segkit_compare(*runs, "--json", "--output", "again", "--anonymous")
    assert again.exit_code == 0, again.output
    found = json.loads(again.stdout)
    assert [row["mean"] for row in found["scores"]] == pytest.approx([row["mean"] for row in record["scores"]])
    assert found == json.loads(Path("again/comparison.json").read_text())
    page = Path("again/report.html").read_text()
    assert "test-0" in (folder / "report.html").read_text()
    assert "test-0" not in page + Path("again/cases.csv").read_text() + again.stdout
    assert str(Path.cwd()) not in page + again.stdout
    before = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    rendered = CliRunner().invoke(main, ["report", str(folder), "again"])
    assert (rendered.exit_code, rendered.stdout) == (1, f"report: {folder / 'report.html'}\n")
    assert "again does not hold the runs that it compares" in rendered.stderr
    assert (folder / "report.html").read_bytes() == before

    cases = Path(runs[0], "cases.csv")
    cases.write_text(cases.read_text().replace("test-0", "other"))
    refused = segkit_compare(*runs)
    assert refused.exit_code == 1
    assert "were not scored alike: 2 cases are scored in one only" in refused.stderr


@pytest.mark.parametrize(("said", "told"), [((), None), (("--data-root", "here"), "here")])
def test_the_data_of_finished_runs(segkit_compare, monkeypatch, said, told) -> None:
    """--data-root may be said several times for several datasets; the pictures of finished runs are given one text."""
    asked = {}

    def stop(*_, **options):
        asked.update(options)
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr("segkit.jobs.compare.runs.read_runs", lambda paths: [])
    monkeypatch.setattr("segkit.jobs.compare.models.group_runs", lambda runs: [])
    monkeypatch.setattr("segkit.jobs.compare.compose.comparison_folder", lambda *_: (Path("x"), "x"))
    monkeypatch.setattr("segkit.jobs.compare.compose.compare_finished", stop)
    assert segkit_compare("a", "b", *said).exit_code == 143
    assert asked["data_root"] == told


def test_stopped_says_how_to_go_on(segkit_compare, monkeypatch) -> None:
    """SIGTERM ends with 143 and the way back."""

    def stop(*_):
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr("segkit.jobs.compare.grid.train_missing", stop)
    result = segkit_compare(*GRID)
    assert result.exit_code == 143
    assert "the same command goes on where it was" in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "nothing to compare was named"),
        (("nowhere", "neither"), 1, "does not exist"),
        (("one", "--arch", "net"), 2, "finished runs and --arch were both given"),
        (("one", "--seeds", "3"), 2, "finished runs and --seeds were both given"),
        (("--arch", "net", "--data", "squares"), 2, "one model alone cannot be compared"),
        ((*GRID, "--vary", "depth"), 2, "--vary 'depth' is not KIND.PARAM=VALUE"),
        ((*GRID, "--folds", "3"), 2, "dataset squares deals out no folds"),
        ((*GRID, "--set", "arch.widht=3"), 2, "widht"),
        ((*GRID, "--epochs", "many"), 2, "--epochs"),
        ((*GRID, "--explain", "nothing"), 2, "no explainer named"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(segkit_compare, args: tuple[str, ...], code: int, said: str) -> None:
    """Usage errors exit with 2, bad input with 1, each in one line, and nothing is left behind."""
    result = segkit_compare(*args)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not Path("comparisons").exists()


def test_what_a_launcher_would_start(segkit_compare) -> None:
    """--dry-run shows one command line per run, and makes nothing; without a launcher it is refused."""
    shown = segkit_compare(*GRID, "--launcher", "local", "--set", "launcher.threads=2", "--dry-run", "--output", "dry")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert [Path(line.split()[-1]).name for line in lines] == ["net-seed0", "supervised-seed0"]
    assert all(line.startswith("OMP_NUM_THREADS=2 ") and " -m segkit run --resume " in line for line in lines)
    assert not Path("dry").exists()
    for given in (["--dry-run"], ["--set", "launcher.threads=2"]):
        refused = segkit_compare(*GRID, *given)
        assert refused.exit_code == 2
        assert f"{' '.join(given).removesuffix('=2')} was given without a launcher; name one" in refused.stderr


def test_jobs_that_fail(segkit_compare, monkeypatch) -> None:
    """Each with its own last error; what is left is not compared, and the code is 1."""

    def failing(jobs, engine, place, progress):
        assert (engine.name, engine.at_once) == ("local", 2)
        return {job.name: "no such case" for job in jobs}

    monkeypatch.setattr("segkit.jobs.compare.grid.carry_out", failing)
    result = segkit_compare(*GRID, "--jobs", "2", "--output", "failing")
    assert result.exit_code == 1
    assert "error: net-seed0 failed: no such case\nerror: supervised-seed0 failed: no such case\n" in result.stderr
    assert "nothing can be compared: 2 of 2 runs failed" in result.stderr
