"""A grid of runs: planned whole, trained where it is missing, resumed where it was stopped."""

import hashlib
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from segkit.config import Kind, Layer
from segkit.engine.progress import Progress
from segkit.engine.stop import Stopped
from segkit.errors import SegkitError, UsageError
from segkit.jobs.compare import grid
from segkit.jobs.compare.grid import Axis, Grid, grid_folder, plan_grid, train_missing

ARCHS = Axis("--arch", "components.arch", ("net", "supervised"))
BASE = Layer("flag", {"components.data": "squares", "train.epochs": 2, "run.device": "cpu", "data.cases": 4})
WIDE = {"net": Layer("--set", {"arch.width": 3})}


class Said(Progress):
    """Keeps what was said; sends this process SIGTERM at the end of some epoch."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.lines: list[str] = []
        self.epochs = 0
        self.stop_after = stop_after

    def message(self, text: str) -> None:
        self.lines.append(text)

    def epoch(self, record, epochs) -> None:
        self.epochs += 1
        if self.epochs == self.stop_after:
            os.kill(os.getpid(), signal.SIGTERM)

    @property
    def headings(self) -> list[str]:
        return [line for line in self.lines if line.startswith("[")]


@pytest.fixture(autouse=True)
def _quick_reports(monkeypatch):
    """The page of each run has tests of its own."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda folder, *_, **__: (folder / "report.html").touch())


def weights(folder: Path) -> dict[str, str]:
    """A digest of every run's model."""
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("runs/*/model.safetensors"))
    }


def test_each_model_takes_its_own_part_of_a_common_config(toy_registry):
    """The params that a file holds of one architecture or loss are no obstacle to the others, and reach their own."""
    file = Layer("config file a.toml", {"components.arch": "net", "arch.width": 9, "loss.wide.scale": 1}, Kind.FILE)
    losses = Axis("--loss", "components.loss", ("bernoulli", "nan"))
    cells = plan_grid(Grid([file, BASE], [ARCHS, losses]), toy_registry, {})
    widths = {cell.label: cell.plan.config.flat().get("arch.width") for cell in cells}
    assert widths == {"net bernoulli": 9, "net nan": 9, "supervised bernoulli": None, "supervised nan": None}
    with pytest.raises(UsageError, match=r"flag: loss .* has no 'wide\.scale'"):
        plan_grid(Grid([BASE, Layer("flag", {"loss.wide.scale": 1})], [ARCHS, losses]), toy_registry, {})


def test_a_stopped_grid_goes_on_where_it_was(toy_registry, tmp_path):
    """Stopped in its second run: the same call leaves the first, resumes the second and ends with equal weights."""
    cells = plan_grid(Grid([BASE], [ARCHS], own=WIDE), toy_registry, {})
    whole = tmp_path / "whole"
    models = train_missing(cells, whole, Said()).models
    assert [(model.label, len(model.repeats)) for model in models] == [("net", 1), ("supervised", 1)]

    halved = tmp_path / "halved"
    with pytest.raises(Stopped):
        train_missing(cells, halved, Said(stop_after=3))
    first = halved / "runs" / "net-seed0" / "model.safetensors"
    assert list(weights(halved)) == ["net-seed0"]
    before, said = first.stat().st_mtime_ns, Said()
    train_missing(cells, halved, said)
    assert said.headings == ["[1/2] net-seed0: finished before", "[2/2] supervised-seed0: going on"]
    assert said.epochs == 1
    assert weights(halved) == weights(whole)
    assert first.stat().st_mtime_ns == before

    changed = plan_grid(Grid([BASE], [ARCHS], own={"net": Layer("--set", {"arch.width": 4})}), toy_registry, {})
    with pytest.raises(SegkitError, match=r"net-seed0 is finished, with other settings: arch\.width was 3, is 4"):
        train_missing(changed, whole, Said())
    memory = json.loads((whole / "runs" / "net-seed0" / "summary.json").read_text())["peak_memory"]
    assert memory["device"] is None
    assert memory["process"] > 10_000_000


def test_any_setting_can_be_an_axis(toy_registry):
    """Models are all combinations; labels say what differs; seeds count from the one given."""
    axes = [
        Axis("--arch", "components.arch", ("net",)),
        Axis("--loss", "components.loss", ("bernoulli", "wide")),
        Axis("--vary", "arch.width", ("2", "4")),
    ]
    cells = plan_grid(Grid([BASE, Layer("--seed", {"run.seed": 7})], axes, seeds=2), toy_registry, {})
    labels = list(dict.fromkeys(cell.label for cell in cells))
    assert labels == ["bernoulli width=2", "bernoulli width=4", "wide width=2", "wide width=4"]
    assert [cell.plan.config.run.seed for cell in cells] == [7, 8] * 4
    assert cells[0].name == "bernoulli-width=2-seed7"
    assert cells[-1].plan.config.flat()["arch.width"] == 4
    assert grid_folder(cells, "mine", None) == (Path("comparisons/mine"), "mine")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"axes": [Axis("--arch", "components.arch", ("net",))]}, "one model alone"),
        ({"axes": [Axis("--arch", "components.arch", ("net", "net"))]}, "net is named twice"),
        ({"axes": [Axis("--arch", "components.arch", ("net", "nett"))]}, "did you mean 'net'"),
        ({"own": {"other": Layer("--set", {})}}, "--set other:... is for no model"),
        ({"folds": 3}, "dataset squares deals out no folds"),
        ({"axes": [ARCHS, Axis("--vary", "arch.width", ("2", "1000"))]}, "arch"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_trained(toy_registry, change, said):
    """A usage error for the whole grid at once."""
    with pytest.raises(UsageError) as refusal:
        plan_grid(Grid(**{"layers": [BASE], "axes": [ARCHS], **change}), toy_registry, {})
    assert said in str(refusal.value)
    assert not Path("comparisons").exists()


def test_a_folder_of_something_else_is_left_alone(toy_registry, tmp_path):
    """A comparison goes into a new directory or one of its own."""
    cells = plan_grid(Grid([BASE], [ARCHS]), toy_registry, {})
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "text.txt").touch()
    with pytest.raises(SegkitError, match="already holds something else"):
        grid_folder(cells, None, str(tmp_path / "notes"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SegkitError("the loss became nan at step 3 (dice)", "lower --lr"), "the loss became nan at step 3"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB"), "does not fit into memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "does not fit into memory"),
        (ZeroDivisionError("a stranger's loss"), "ZeroDivisionError: a stranger's loss; see where with: segkit run"),
    ],
)
def test_one_failure_keeps_no_other_run_from_being_trained(toy_registry, tmp_path, monkeypatch, error, said):
    """The failed one is named with its reason, the others are finished; the same call tries it again."""
    three = Axis("--vary", "arch.width", ("2", "3", "4"))
    cells = plan_grid(Grid([BASE, Layer("--arch", {"components.arch": "net"})], [three]), toy_registry, {})
    real, broken = grid.run_job, cells[1].name

    def failing(plan, place, *rest, **named):
        if place.name == broken:
            raise error
        return real(plan, place, *rest, **named)

    monkeypatch.setattr(grid, "run_job", failing)
    progress = Said()
    outcome = train_missing(cells, tmp_path, progress)
    assert [model.label for model in outcome.models] == [cells[0].label, cells[2].label]
    assert list(outcome.failed) == [broken]
    assert outcome.failed[broken].startswith(said) or said in outcome.failed[broken]
    assert any(line.startswith(f"[2/3] {broken}: failed: ") for line in progress.lines)

    monkeypatch.setattr(grid, "run_job", real)
    again = Said()
    outcome = train_missing(cells, tmp_path, again)
    assert not outcome.failed
    assert len(outcome.models) == 3
    assert [line.rpartition(": ")[2] for line in again.headings] == ["finished before", "training", "finished before"]


def test_a_run_begun_with_other_settings_is_refused(toy_registry, tmp_path):
    """What was stopped or failed is never gone on with under other settings."""
    cells = plan_grid(Grid([BASE], [ARCHS], own=WIDE), toy_registry, {})
    with pytest.raises(Stopped):
        train_missing(cells, tmp_path, Said(stop_after=1))
    changed = plan_grid(Grid([BASE], [ARCHS], own={"net": Layer("--set", {"arch.width": 4})}), toy_registry, {})
    with pytest.raises(SegkitError, match=r"net-seed0 is unfinished, with other settings: arch\.width was 3, is 4"):
        train_missing(changed, tmp_path, Said())
