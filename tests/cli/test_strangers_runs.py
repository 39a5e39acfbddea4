"""Run directories of strangers: what their config names is not read before the user has named it."""

import pytest
from click.testing import CliRunner

from segkit.cli import main

COMMANDS = (
    ("evaluate", "run", "--output", "out"),
    ("explain", "run", "--explainer", "glow", "--layer", "0", "--output", "out"),
    ("run", "--resume", "run", "--epochs", "16"),
    ("train", "--resume", "run", "--epochs", "16"),
    ("report", "run"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_the_data_root_of_a_stranger_s_run_is_not_read(toy_run, monkeypatch, tmp_path, command):
    """Before the user has named it; `report` goes on without pictures and says why."""
    import segkit_toy  # beside the tests, on the path of toy_run

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("segkit.report.writer.distribution_plots", lambda record: [])
    monkeypatch.setattr("segkit.report.writer.curve_plots", lambda record: [])
    segkit_toy.Squares.make_sample(tmp_path / "private", segkit_toy.DataParams())
    read = []
    own = segkit_toy.Squares.__init__
    monkeypatch.setattr(segkit_toy.Squares, "__init__", lambda self, *args: read.append(args) or own(self, *args))
    config = toy_run / "config.toml"
    private = f'root = "{tmp_path / "private"}"'
    config.write_text(config.read_text().replace('root = "none"', private))
    before = {path: path.read_bytes() for path in toy_run.rglob("*") if path.is_file() and path.suffix != ".html"}
    result = CliRunner().invoke(main, list(command))
    assert "names the data root" in result.stderr
    assert "say --data-root" in result.stderr or command[0] == "report"
    assert result.exit_code == int(command[0] != "report"), result.output
    assert read == []
    assert not (tmp_path / "out").exists()
    assert command[0] == "report" or before == {path: path.read_bytes() for path in before}
    looked = CliRunner().invoke(main, ["data", "info", "squares", "--data-root", "private"])
    assert looked.exit_code == 0, looked.output
    read.clear()
    CliRunner().invoke(main, list(command))
    assert read
