"""`segkit sweep`: what is printed where, and exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.discovery import Registry
from segkit.report.html import PlotFiles

DOT = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1"
"""As much of a picture as a page reads of it."""


@pytest.fixture
def segkit_sweep(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit sweep ARGS` in this process with the toy plugin alone and without figures."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda folder, *_, **__: (folder / "report.html").touch())
    parts = ("scores", "differences", "ranks", "scatter")
    monkeypatch.setattr("segkit.jobs.compare.page.comparison_plots", lambda *_: {part: [] for part in parts})
    monkeypatch.setattr("segkit.jobs.sweep.page.draw_plot", lambda plot, _: PlotFiles(plot.alt, DOT, DOT))

    def call(*args: str) -> Result:
        return CliRunner().invoke(main, ["sweep", *args])

    return call


TOY = ("--arch", "net", "--data", "squares", "--epochs", "1", "--device", "cpu", "--set", "data.cases=4")
VARY = ("--vary", "train.learning_rate=log:1e-3..1e-1", "--trials", "2", "--seeds", "1")


def test_answer_and_page(segkit_sweep) -> None:
    """Trials, answer and caution on stdout, progress on stderr; said again, the same answer."""
    result = segkit_sweep(*TOY, *VARY)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split("\t") == ["trial", "val/overlap@store", "train.learning_rate"]
    assert len(lines[1].split("\t")) == 3
    assert lines[3].startswith("Best of 2 trials on the validation split: train.learning_rate=")
    assert lines[4].startswith("The winner is the best of 2 trials by the very score it was chosen by")
    assert lines[-1] == "report: sweeps/net-squares-learning_rate/report.html"
    assert "[2/2] finished: val/overlap@store" in result.stderr
    assert result.stderr.count("GENERATED SAMPLE") == 3, "once for the trials, and of each run of the comparison"
    again = segkit_sweep(*TOY, *VARY, "--json")
    assert json.loads(again.stdout) == json.loads(Path("sweeps/net-squares-learning_rate/sweep.json").read_text())
    assert "[1/2]" not in again.stderr.replace("[1/2] default-seed1", "")

    other = segkit_sweep(*TOY, "--vary", "train.learning_rate=log:1e-3..1", "--trials", "2")
    assert other.exit_code == 1
    assert "is a sweep of another space: train.learning_rate=log:0.001..0.1; name another --output" in other.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((), "nothing to search was named"),
        (("--vary", "arch.width=2..4", "--searcher", "tpf"), "no searcher named 'tpf'; there is random"),
        (("--vary", "arch.width=2..4", "--set", "searcher.storage=x"), "searcher random has no params"),
        (("--vary", "arch.width=2..400"), "is out of range"),
    ],
)
def test_what_cannot_be_meant(segkit_sweep, args, told) -> None:
    """Exit code 2 and one line."""
    result = segkit_sweep(*TOY, *args)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
