"""One table from options to settings."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from segkit.cli import main
from segkit.cli.options import FLAG_FIELDS, flag_layers
from segkit.config import Kind, is_core


@pytest.mark.parametrize(
    "command",
    [
        "run --arch net --data squares",
        "train --arch net --data squares",
        "evaluate run",
        "export run --to onnx",
        "info net --data squares",
        "data info squares",
        "data verify squares",
        "compare --arch net --arch supervised --data squares",
        "explain run --explainer glow",
    ],
)
def test_every_command_names_the_option_it_was_given(toy_run, command: str) -> None:
    """A folder that is not there is told with --data-root, by whichever command."""
    result = CliRunner().invoke(main, [*command.split(), "--data-root", "nope"])
    assert result.exit_code == 1, result.output
    assert "--data-root: folder nope does not exist" in result.stderr


def test_report_names_the_option_too(toy_run) -> None:
    """A page can do without pictures, and says why it has none."""
    result = CliRunner().invoke(main, ["report", "run", "--data-root", "nope"])
    assert "--data-root: folder nope does not exist" in result.stderr


def test_the_table_speaks_of_fields_that_there_are() -> None:
    """Each option sets one field of the core; one that was not given sets nothing."""
    assert all(is_core(*field.split(".")) for field in FLAG_FIELDS.values())
    layers = flag_layers({"learning_rate": "0.1", "data_root": "x", "metric": (), "tta": None, "evidence": False})
    assert [(layer.source, layer.kind) for layer in layers] == [
        ("--lr", Kind.FLAG),
        ("--data-root", Kind.FLAG),
        ("--evidence", Kind.FLAG),
    ]


def test_no_command_has_a_table_of_its_own() -> None:
    """Options of the same name mean the same field in every command that turns them into settings."""
    sources = {path.name: path.read_text() for path in Path(main.__module__.replace(".", "/")).parent.glob("*.py")}
    assert [name for name, text in sources.items() if '"data.root"' in text and name != "options.py"] == []
    assert isinstance(main, click.Group)


def test_explain_hears_of_the_environment(toy_run, monkeypatch) -> None:
    """SEGKIT_EXPLAIN_TARGET is stronger than the run's config, and what explaining cannot change is refused."""
    monkeypatch.setenv("SEGKIT_EXPLAIN_TARGET", "reference")
    monkeypatch.setenv("SEGKIT_EXPLAIN_EVIDENCE", "false")
    args = ["explain", "run", "--explainer", "glow", "--case", "best", "--layer", "0", "--device", "cpu", "--json"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["maps"][0]["target"].startswith("reference")
    refused = CliRunner().invoke(main, [*args, "--set", "train.epochs=3"])
    assert refused.exit_code == 2
    assert "train.epochs was decided when the model was trained" in refused.stderr
