"""What a list of runs shows of one."""

import os
from pathlib import Path

import pytest

from segkit.errors import SegkitError
from segkit.rundir.listing import DEEPEST, Score, changed, components_of, find_runs, main_score, run_folders, short


@pytest.mark.parametrize(
    ("term", "shown"), [("0.5*segkit-losses:dice", "0.5*dice"), ("segkit-losses:dice", "dice"), ("dice", "dice")]
)
def test_components_are_shown_by_their_short_names(term: str, shown: str) -> None:
    """The factor stays."""
    assert short(term) == shown


def test_components_are_those_of_the_config_else_of_the_summary() -> None:
    """A run directory of which one was lost is still told."""
    config = {"components": {"arch": "a:net", "loss": "l:dice + 0.5*l:focal"}}
    summary = {"components": [{"kind": "arch", "name": "b:other"}, {"kind": "data", "name": "d:isic"}]}
    assert components_of(config, summary) == {"arch": "net", "data": "isic", "loss": "dice + 0.5*focal"}
    assert components_of({}, {}) == {"arch": "", "data": "", "loss": ""}


def row(metric: str, name: str, mean: float) -> dict:
    """A row of summary.json."""
    return {"metric": metric, "class": name, "mean": mean, "ci_low": mean - 1, "ci_high": mean + 1, "n": 4}


def test_the_score_is_that_of_the_main_metric_over_all_classes() -> None:
    """Of one class alone its own; without scores, or without the main metric among them, there is none."""
    rows = [row("iou", "all classes", 9), row("dice", "low", 2), row("dice", "all classes", 3)]
    summary = {"main_metric": "dice", "scores": rows, "split": "test"}
    assert main_score(summary) == Score("dice", 3, 2, 4, 4, "test", 0)
    rows[1]["n_missed"] = 2
    assert main_score({**summary, "scores": rows[:2]}) == Score("dice", 2, 1, 3, 4, "test", 2)
    assert main_score({**summary, "scores": rows[:1]}) is None
    assert main_score({}) is None


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (Score("dice", 0.51239, 0.4, 0.6, 7, "val"), "dice 0.512 [0.400, 0.600] (val, n=7)"),
        (Score("dice", 0.5, 0.4, None, 7, "val"), "dice 0.500 (val, n=7)"),
        (Score("dice", 0.5, None, 0.6, 7, "val", 2), "dice 0.500 (val, n=7, 2 missed)"),
        (Score("hd95", None, None, None, 0, "val", 2), "hd95 undefined (val, 2 missed)"),
    ],
)
def test_a_score_is_shown_with_its_interval_and_what_it_leaves_out(score: Score, text: str) -> None:
    """The interval only where both ends are known."""
    assert str(score) == text


def make_run(folder: Path, name: str = "config.toml") -> Path:
    """A folder with one of the files that make it a run's."""
    folder.mkdir(parents=True)
    (folder / name).touch()
    return folder


def test_runs_are_found_down_to_a_depth_and_not_within_each_other(tmp_path: Path) -> None:
    """Four folders down, not five; not in hidden ones, and a run below a run is its own business."""
    deep = tmp_path.joinpath(*"abc")
    found = [
        make_run(deep / "d"),
        make_run(tmp_path / "x", "summary.json"),
        make_run(tmp_path / "y" / "z", "model.safetensors"),
    ]
    assert len((deep / "d").relative_to(tmp_path).parts) == DEEPEST
    make_run(deep / "e" / "f")
    make_run(tmp_path / ".hidden")
    make_run(tmp_path / "x" / "inside")
    (tmp_path / "notes.txt").touch()
    assert list(run_folders(tmp_path)) == sorted(found)


def test_a_link_may_be_a_run_and_is_not_searched(tmp_path: Path) -> None:
    """What is below it may be a whole disk."""
    disk = tmp_path / "disk"
    make_run(disk / "run")
    here = tmp_path / "here"
    here.mkdir()
    (here / "linked").symlink_to(disk / "run")
    (here / "everything").symlink_to(disk)
    assert list(run_folders(here)) == [here / "linked"]


def test_the_latest_change_of_any_of_its_files_counts(tmp_path: Path) -> None:
    """And nothing else."""
    for name, when in (("config.toml", 100), ("history.jsonl", 300), ("model.safetensors", 200), ("notes.txt", 900)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (when, when))
    assert changed(tmp_path).timestamp() == 300
    assert changed(tmp_path / "nothing").timestamp() == 0


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(SegkitError, match="missing is no folder"):
        find_runs(tmp_path / "missing")
