"""A stranger's post-processing, exporter and section of the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segkit.cli.main import main
from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.errors import SegkitError
from segkit.jobs.run import run_job
from segkit.jobs.sections import plugin_sections
from segkit.model import load_model
from segkit.planning.plan import make_plan
from segkit.report.html import page_environment

TOY = {
    "components.arch": "net",
    "components.data": "squares",
    "run.device": "cpu",
    "data.cases": 4,
    "train.epochs": 1,
    "components.explainers": "none",
}


def run(registry: Registry, folder: Path, **values: object) -> dict[str, object]:
    """Run the toy job and return its summary."""
    told = TOY | {name.replace("__", "."): one for name, one in values.items()}
    return run_job(make_plan([Layer("flag", told)], registry, {}), folder, Progress()).summary


@pytest.fixture
def command(parts_registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """Call `segkit ARGS` beside the toy plugins alone."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: parts_registry))

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(main, args)

    return invoke


def test_post_processing_is_scored_and_kept_by_the_model(
    parts_registry: Registry, tmp_path: Path, command, monkeypatch
) -> None:
    """A run's scores, its model's predictions and a later evaluation go through it; none without the plugin."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    summary = run(parts_registry, tmp_path / "run", evaluate__postprocess="clear")
    assert summary["postprocess"] == {"postprocess": ["segkit-toy-parts:clear"]}
    assert summary["scores"][0]["mean"] == 0.0
    model = load_model(tmp_path / "run" / "model.safetensors", "cpu", parts_registry)
    assert not model.predict(np.full((3, 24, 32), 255, np.uint8)).any()
    again = command("evaluate", str(tmp_path / "run"), "--output", str(tmp_path / "scores"), "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["scores"][0]["mean"] == 0.0
    parts_registry.plugins.pop()
    with pytest.raises(SegkitError, match=r"needs segkit-toy-parts:clear 2\.0"):
        load_model(tmp_path / "run" / "model.safetensors", "cpu", parts_registry)


def test_a_step_that_changes_the_grid_is_named(parts_registry: Registry, tmp_path: Path, monkeypatch) -> None:
    """With its plugin's name."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)
    with pytest.raises(SegkitError, match="postprocess segkit-toy-parts:odd gave uint8"):
        run(parts_registry, tmp_path / "run", evaluate__postprocess="odd")


def test_an_exporter_writes_its_file_whole(toy_run: Path, parts_registry: Registry, command) -> None:
    """Beside the model, never over what is there; one that writes nothing leaves nothing."""
    result = command("export", str(toy_run), "--to", "plain")
    assert result.exit_code == 0, result.output
    size = load_model(toy_run / "model.safetensors", "cpu", parts_registry).predictor.size
    assert (toy_run / "model.txt").read_text() == f"{(1, 3, *size)} False"
    assert command("export", str(toy_run), "--to", "plain").exit_code == 1
    before = sorted(path.name for path in toy_run.iterdir())
    assert "exporter segkit-toy-parts:empty wrote nothing" in command("export", str(toy_run), "--to", "empty").stderr
    assert sorted(path.name for path in toy_run.iterdir()) == before
    unclear = command("export", str(toy_run), "--to", "plain", "--force", "--set", "x")
    assert unclear.exit_code == 2
    assert "--set 'x' is not PARAM=VALUE" in unclear.stderr
    unknown = command("export", str(toy_run), "--to", "plane")
    assert unknown.exit_code == 2
    assert "--to plane: no such format (did you mean 'plain'?)" in unknown.stderr


def test_what_an_exporter_made_instead_of_its_file_is_left(toy_run: Path, command) -> None:
    """A folder is named as a mistake of its author's, and not removed with what is in it."""
    before = {path.name for path in toy_run.iterdir()}
    result = command("export", str(toy_run), "--to", "folder")
    assert result.exit_code == 1
    (made,) = {path.name for path in toy_run.iterdir()} - before
    assert f"exporter segkit-toy-parts:folder wrote the folder {made}, not a file" in result.stderr
    assert [path.name for path in (toy_run / made).iterdir()] == ["theirs"]


def test_sections_are_escaped_and_a_failing_one_is_left_out(parts_registry: Registry, tmp_path: Path) -> None:
    """The page is written all the same, and who failed is told."""
    told: list[str] = []
    sections = plugin_sections(parts_registry.components("section"), tmp_path, told.append)
    assert [section.anchor for section in sections] == ["plugin-words"]
    assert told == [
        "section segkit-toy-parts:failing is left out: plugin segkit-toy-parts 2.0: KeyError: 'summary', "
        f"in segkit_toy_parts.py line {told[0].rpartition(' ')[2]}"
    ]
    page = page_environment().get_template("plugin_section.html.j2").render(section=sections[0])
    assert "Words &lt;b&gt;" in page
    assert "a &amp; b" in page
    assert "<td>&lt;i&gt;</td>" in page
