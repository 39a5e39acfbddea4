"""Finished runs with scores that were really taken of masks."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CONFIG: dict[str, Any] = {
    "components.arch": "toy:net",
    "components.data": "toy:squares",
    "run.seed": 0,
    "run.name": "net",
    "metric.overlap.offset": 0.0,
    "train.epochs": 3,
}
Masks = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Reference and prediction by case."""


def squares(cases: int, seed: int = 0, classes: int = 1) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Squares and predictions off by a pixel at most, so that eroding makes them worse; one in ten predicts nothing."""
    rng = np.random.default_rng(seed)
    masks = {}
    for number in range(cases):
        reference, prediction = np.zeros((2, 24, 24), np.uint8)
        for label in range(1, classes + 1):
            top, left, side = rng.integers(1, 8), rng.integers(1, 8), rng.integers(6, 12)
            reference[top : top + side, left : left + side] = label
            down, right = rng.integers(-1, 2, 2)
            if rng.random() > 0.1:
                prediction[top + down : top + down + side, left + right : left + right + side] = label
        masks[f"case-{number:03d}"] = (reference, prediction)
    return masks


def write_run(
    folder: Path,
    masks: Masks,
    *,
    config: Mapping[str, Any] | None = None,
    summary: Mapping[str, Any] | None = None,
    classes: Sequence[str] = ("thing",),
    group: Callable[[str], str] = lambda case: "",
) -> Path:
    """Write the files of a finished run, its overlaps counted from the masks."""
    folder.mkdir(parents=True)
    settings = {**CONFIG, **(config or {})}
    tables: dict[str, list[str]] = {}
    for name, value in settings.items():
        table, _, key = name.rpartition(".")
        tables.setdefault(table, []).append(f"{key} = {json.dumps(value)}")
    lines = [f"[{table}]\n" + "\n".join(values) for table, values in tables.items()]
    (folder / "config.toml").write_text("format = 1\n\n" + "\n\n".join(lines) + "\n")
    rows = [
        [case, group(case), name, *overlap(reference == label, prediction == label)]
        for case, (reference, prediction) in masks.items()
        for label, name in enumerate(classes, start=1)
    ]
    with (folder / "cases.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["case", "group", "class", "reference", "predicted", "status", "overlap"])
        writer.writerows(rows)
    score = {"metric": "overlap", "aggregation": "case_mean", "name": "overlap (mean over cases)", "class": classes[0]}
    score |= {"mean": 0.5, "median": 0.5, "ci_low": 0.4, "ci_high": 0.6, "n": 1, "n_cases": len(masks)}
    score |= {"n_empty": 0, "n_missed": 0, "n_spurious": 0}
    record = {
        "name": settings["run.name"],
        "generated_sample": False,
        "dataset": {"name": "toy:squares", "summary": "Squares."},
        "split": "test",
        "split_note": "the official test split",
        "weights": "last epoch",
        "task": {"in_channels": 3, "classes": list(classes), "spatial_dims": 2},
        "parameters": 1234,
        "main_metric": "overlap",
        "higher_is_better": {"overlap": True},
        "components": [{"kind": "metric", "name": "toy:overlap", "version": "1.0"}],
        "seconds": {"train": 12.0, "evaluate": 3.0},
        "peak_memory": {"process": 500_000_000, "device": None},
        "scores": [score],
        **(summary or {}),
    }
    (folder / "summary.json").write_text(json.dumps(record))
    (folder / "environment.json").write_text(json.dumps({"segkit": "0.1", "torch": "2.9", "device": "cpu"}))
    return folder


def overlap(reference: np.ndarray, prediction: np.ndarray) -> list[Any]:
    """Sizes, status and overlap of one class, as text for a CSV."""
    sizes = int(reference.sum()), int(prediction.sum())
    status = {(True, True): "ok", (True, False): "missed", (False, True): "spurious", (False, False): "empty"}
    both = 2 * int((reference & prediction).sum())
    value = both / sum(sizes) if sum(sizes) else float("nan")
    return [*sizes, status[sizes[0] > 0, sizes[1] > 0], repr(value)]


@pytest.fixture
def runs(tmp_path: Path) -> Callable[..., Path]:
    """Write a run into a folder of the test's own: `runs("name", masks, ...)`."""
    return lambda name, masks, **more: write_run(tmp_path / name, masks, **more)


@pytest.fixture
def make_masks() -> Callable[..., dict[str, tuple[np.ndarray, np.ndarray]]]:
    """`squares`: masks and predictions of any number of cases."""
    return squares


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out, which have a test of their own."""
    parts = ("scores", "differences", "ranks", "scatter")
    monkeypatch.setattr("segkit.jobs.compare.page.comparison_plots", lambda *_: {part: [] for part in parts})
