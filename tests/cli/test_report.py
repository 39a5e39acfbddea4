"""`segkit report`: the page of a finished run, again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segkit.cli import main
from segkit.config import Layer
from segkit.discovery import Registry
from segkit.engine.progress import Progress
from segkit.jobs.report import pictures_again
from segkit.jobs.run import run_job
from segkit.planning.plan import make_plan


@pytest.fixture
def finished(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of the toy plugin in the folder `run`."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    flags = {"components.arch": "net", "components.data": "squares", "train.epochs": 1, "run.output": "run"}
    monkeypatch.setattr("segkit.report.writer.distribution_plots", lambda record: [])
    monkeypatch.setattr("segkit.report.writer.curve_plots", lambda record: [])
    plan = make_plan([Layer("flag", flags)], toy_registry, {})
    return run_job(plan, None, Progress()).folder


def segkit_report(*args: str) -> Result:
    """Call `segkit report ARGS` in this process."""
    return CliRunner().invoke(main, ["report", *args])


def test_a_page_is_rendered_again(finished: Path, toy_registry: Registry, tmp_path: Path) -> None:
    """Page and figures are the same, byte for byte, also of a run directory that was moved; without data it says so."""
    before = {path.relative_to(finished): path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    moved = finished.rename(tmp_path / "elsewhere")
    (moved / "report.html").unlink()
    shutil.rmtree(moved / "figures")
    result = segkit_report(str(moved))
    assert result.exit_code == 0, result.output
    assert result.stdout == f"report: {moved / 'report.html'}\n"
    after = {path.relative_to(moved): path.read_bytes() for path in moved.rglob("*") if path.is_file()}
    assert {str(name) for name in before} == {str(name) for name in after}
    assert [str(name) for name in before if before[name] != after[name]] == []
    assert len([name for name in after if name.name.startswith("case-")]) == 3

    result = segkit_report(str(moved), "--data-root", str(tmp_path / "gone"), "--json")
    assert json.loads(result.stdout) == [{"run": str(moved), "page": str(moved / "report.html"), "pictures": 0}]
    assert "no pictures" in result.stderr
    page = (moved / "report.html").read_text()
    assert "folder gone does not exist" in page
    assert str(tmp_path) not in page

    (root,) = (tmp_path / "cache" / "samples").glob("squares-*/")
    for file in (root / "test").glob("*.npy"):
        stacked = np.load(file)
        stacked[3] = 1
        np.save(file, stacked)
    pictures, reason = pictures_again(moved, toy_registry)
    assert (pictures, reason.partition(" has ")[2]) == ([], "another mask than was scored")
    shutil.rmtree(moved / "predictions")
    assert pictures_again(moved, toy_registry) == ([], "no predictions were kept")


def test_a_broken_run_does_not_stop_the_others(finished: Path, tmp_path: Path) -> None:
    """Each is reported on its own; the exit code says that one failed."""
    result = segkit_report(str(tmp_path / "nothing"), str(finished))
    assert result.exit_code == 1
    assert result.stdout == f"report: {finished / 'report.html'}\n"
    assert "summary.json does not exist" in result.stderr
    alone = segkit_report(str(tmp_path / "nothing"))
    assert (alone.exit_code, alone.stderr.count("\n")) == (1, 1)
