"""A run directory such as a finished run leaves, with scores that follow from its masks."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segkit.report.pictures import CasePicture
from segkit.report.writer import write_report

CONFIG = """\
format = 1

[components]
arch = "unet"                              # flag
data = "isic"                              # flag
loss = "bce + dice"                        # recipe of isic

[run]
name = "none"                              # core default
output = "/home/someone/study/runs/first"   # flag
seed = 0                                   # core default
deterministic = false                      # core default

[data]
root = "/media/someone/isic2017"           # flag
size = [128, 128]                          # recipe of isic
look_up = "/opt/secret folder/table.csv"   # config file local.toml

[train]
epochs = 20                                # core default
learning_rate = 0.001                      # core default

[[origins]]
kind = "default"
source = "core default"
[origins.values]
run.name = "none"
run.seed = 0
run.deterministic = false
train.epochs = 20
train.learning_rate = 0.001

[[origins]]
kind = "recipe"
source = "recipe of isic"
[origins.values]
components.loss = "bce + dice"
data.size = [128, 128]

[[origins]]
kind = "file"
source = "config file local.toml"
[origins.values]
data.look_up = "/opt/secret folder/table.csv"

[[origins]]
kind = "flag"
source = "flag"
[origins.values]
components.arch = "unet"
components.data = "isic"
run.output = "/home/someone/study/runs/first"
data.root = "/media/someone/isic2017"
"""


def ellipse(
    grid: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float], wave: float = 0.0
) -> np.ndarray:
    """Draw a filled outline that is an ellipse but for a five-fold wave."""
    rows, columns = np.mgrid[: grid[0], : grid[1]]
    y, x = (rows - centre[0]) / radii[0], (columns - centre[1]) / radii[1]
    return np.hypot(x, y) < 1 + wave * np.sin(5 * np.arctan2(y, x))


def make_picture(
    case: str, label: str, score: float | None, *, shift: float, grid: tuple[int, int] = (450, 600)
) -> CasePicture:
    """A skin-like image with a lesion, its reference, and a prediction that is off by `shift`."""
    height, width = grid
    reference = ellipse(grid, (0.5 * height, 0.48 * width), (0.26 * height, 0.24 * width), 0.06)
    prediction = ellipse(grid, ((0.5 + shift / 2) * height, (0.48 + shift) * width), (0.25 * height, 0.24 * width), 0.1)
    noise = np.random.default_rng(7).normal(0, 6, (*grid, 3))
    light = np.linspace(0.85, 1.05, width)[None, :, None]
    skin = np.array([222.0, 176.0, 152.0]) * light
    image = np.where(reference[..., None], np.array([120.0, 78.0, 62.0]) * light, skin) + noise
    return CasePicture(
        case=case,
        label=label,
        image=np.clip(image, 0, 255).astype(np.uint8),
        reference=reference.astype(np.int64),
        prediction=prediction.astype(np.int64),
        score=score,
        score_name="dice",
    )


def write_run(
    folder: Path,
    *,
    generated: bool = True,
    cases: int = 30,
    classes: tuple[str, ...] = ("lesion",),
    epochs: int = 20,
    name: str = "unet-isic-generated-sample",
    homepage: str = "https://challenge.isic-archive.com",
    case_id: Callable[[int], str] = "ISIC_{:07d}".format,
) -> Path:
    """Write the data files of a run; scores are drawn from a beta distribution with one missed structure per class."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(3)
    table = []
    for label, class_name in enumerate(classes):
        dice = generator.beta(9 - 2 * label, 1.8, cases)
        dice[0] = 0.0
        for index in range(cases):
            reference = int(generator.integers(2_000, 900_000))
            predicted = 0 if index == 0 else int(reference * generator.uniform(0.8, 1.2))
            status = "missed" if index == 0 else "ok"
            iou = dice[index] / (2 - dice[index])
            table.append([case_id(index), "", class_name, reference, predicted, status, float(dice[index]), float(iou)])
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["case", "group", "class", "reference", "predicted", "status", "dice", "iou"])
        writer.writerows(table)
    summary = {
        "format": 1,
        "segkit": "0.1.0",
        "name": name,
        "generated_sample": generated,
        "notice": "generated sample: not real data" if generated else "",
        "dataset": {"name": "segkit-isic:isic", "summary": "Dermoscopy of skin lesions.", "homepage": homepage},
        "split": "test",
        "split_note": "the dataset's own test split",
        "cases": {"train": 96, "val": 24, "test": cases},
        "weights": "epoch 17, best val/dice@store",
        "task": {"in_channels": 3, "classes": list(classes), "spatial_dims": 2},
        "parameters": 4_400_000,
        "working_size": [128, 128],
        "main_metric": "dice",
        "higher_is_better": {"dice": True, "iou": True},
        "components": [
            {"kind": "arch", "name": "segkit-unet:unet", "version": "0.1.0"},
            {"kind": "data", "name": "segkit-isic:isic", "version": "0.1.0"},
            {"kind": "loss", "name": "segkit-losses:dice", "version": "0.1.0"},
            {"kind": "metric", "name": "segkit-metrics:dice", "version": "0.1.0"},
        ],
        "seconds": {"data": 1.04, "train": 200.1, "evaluate": 8.0},
        "scores": [
            score for column, metric in ((6, "dice"), (7, "iou")) for score in scores(table, column, metric, classes)
        ],
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    environment = {
        "segkit": "0.1.0",
        "python": "3.11.7",
        "torch": "2.9.1",
        "device": "cpu",
        "threads": 2,
        "platform": "Linux x86_64",
    }
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    write_history(folder / "history.jsonl", epochs)
    return folder


def scores(table: list[list], column: int, metric: str, classes: tuple[str, ...]) -> list[dict]:
    """Summary rows of one metric: per class, and over all of several."""
    groups = [(name, [row for row in table if row[2] == name]) for name in classes]
    if len(classes) > 1:
        groups.append(("all classes", table))
    found = []
    for class_name, rows in groups:
        values = np.array([row[column] for row in rows])
        error = 1.96 * values.std() / np.sqrt(len(values))
        found.append(
            {
                "metric": metric,
                "name": f"{metric} (mean over cases, both_empty=nan)",
                "class": class_name,
                "unit": "",
                "mean": float(values.mean()),
                "std": float(values.std()),
                "median": float(np.median(values)),
                "ci_low": float(values.mean() - error),
                "ci_high": float(values.mean() + error),
                "ci_method": "percentile bootstrap over cases, 95 %",
                "n": len(values),
                "n_cases": len({row[0] for row in rows}),
                "n_empty": 0,
                "n_missed": sum(row[5] == "missed" for row in rows),
                "n_spurious": 0,
                "note": "interval too narrow: n < 30" if len(values) < 30 else "",
            }
        )
    return found


def write_history(path: Path, epochs: int) -> None:
    """Falling losses and a rising validation score."""
    generator = np.random.default_rng(5)
    lines = []
    for epoch in range(1, epochs + 1):
        decay = float(np.exp(-epoch / 6))
        bce, dice = 0.1 + 0.5 * decay, 0.15 + 0.6 * decay
        lines.append(
            json.dumps(
                {
                    "epoch": epoch,
                    "step": epoch * 12,
                    "seconds": 10.0,
                    "images_per_second": 17.2,
                    "learning_rate": 1e-3 * float(np.sin(np.pi * epoch / (epochs + 1))),
                    "loss": bce + dice,
                    "terms": {"bce": bce, "dice": dice},
                    "val": {
                        "dice@store": 0.85 - 0.7 * decay + float(generator.normal(0, 0.01)),
                        "iou@store": 0.76 - 0.7 * decay + float(generator.normal(0, 0.01)),
                        "loss": bce + dice + 0.05 + float(generator.normal(0, 0.02)),
                    },
                }
            )
        )
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="session")
def pictures() -> list[CasePicture]:
    """The worst, the median and the best case of the run."""
    return [
        make_picture("ISIC_0000000", "worst", 0.412, shift=0.2),
        make_picture("ISIC_0000011", "median", 0.853, shift=0.05),
        make_picture("ISIC_0000022", "best", 0.967, shift=0.0),
    ]


@pytest.fixture(scope="session")
def run_writer() -> Callable[..., Path]:
    """`write_run`, for tests that need a run of their own."""
    return write_run


@pytest.fixture(scope="session")
def picture_maker() -> Callable[..., CasePicture]:
    """`make_picture`, for tests that need a picture of their own."""
    return make_picture


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, pictures: list[CasePicture]) -> Path:
    """A generated-sample run with its report; not to be changed by tests."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "first")
    write_report(folder, pictures)
    return folder
