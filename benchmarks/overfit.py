"""Whether a network can learn one real volume by heart: every part between file and score then has to be right.

    python benchmarks/overfit.py AMOS_ROOT [--modality ct] [--epochs 80] [--page docs/results/amos-overfit.md]

Trains on the training cases of one modality and scores them again, on their own grids. This is no result: it shows that
orientation, normalisation, slices, labels, restoration and scoring fit together, for a network that is shown its labels
in the wrong place cannot reach it. Nothing is augmented. Organs of fewer voxels than --organ-size are listed apart: one
voxel is a large share of them. The goal is a mean Dice of 0.90 over the others within ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from results import insert

import segkit
from segkit.cli.progress import make_progress
from segkit.jobs.run import RunResult

GOAL, MINUTES = 0.90, 10.0


def overfit(args: argparse.Namespace, output: Path) -> RunResult:
    """Train and score on the same cases; returns the run."""
    plain = {"augment.warp": 0.0, "augment.brightness": 0.0, "augment.contrast": 0.0}
    return segkit.run(
        arch="unet",
        data="amos",
        data_root=args.root,
        metrics=["dice"],
        epochs=args.epochs,
        output=output,
        progress=make_progress(),
        settings={
            "arch.width": args.width,
            "data.modality": args.modality,
            "data.mode": "slices",
            "evaluate.split": "train",
            "components.explainers": (),
            "train.batch_size": 4,
            "train.learning_rate": 3e-3,
            **plain,
        },
    )


def table(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Yield a line per organ that a case has, or that was found where there is none."""
    yield "| case | organ | voxels | found | Dice |\n| --- | --- | ---: | ---: | ---: |"
    for row in rows:
        numbers = f"{int(row['reference']):,} | {int(row['predicted']):,} | {float(row['dice']):.4f}"
        yield f"| {row['case']} | {row['class']} | {numbers} |"


def main() -> None:
    """Overfit and print the Dice of every organ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--modality", choices=("ct", "mr"), default="ct")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--organ-size", type=int, default=50)
    parser.add_argument("--page", type=Path, help="a page with two marks, between which the table goes")
    args = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = overfit(args, Path(folder) / "run")
        with (result.folder / "cases.csv").open(encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if row["status"] != "empty"]
    minutes = (time.perf_counter() - start) / 60
    large = [row for row in rows if int(row["reference"]) >= args.organ_size or row["status"] == "spurious"]
    small = [row for row in rows if row not in large]
    mean = statistics.mean(float(row["dice"]) for row in large)
    text = "\n".join(
        [
            *table(large),
            "",
            f"An overfit check, scored on what it was trained on ({args.modality.upper()}): no result. "
            f"Width {args.width}, {args.epochs} epochs, torch {torch.__version__}, {torch.get_num_threads()} threads.",
            "",
            f"Mean Dice over {len(large)} organs: {mean:.4f} ({'met' if mean >= GOAL else 'missed'}: {GOAL:.2f}). "
            f"{minutes:.1f} minutes, report included ({'met' if minutes <= MINUTES else 'missed'}: {MINUTES:.0f}).",
            *(["", f"Of fewer than {args.organ_size} voxels:", "", *table(small)] if small else ()),
        ]
    )
    print(text)
    if args.page:
        insert(args.page, "results", text)


if __name__ == "__main__":
    main()
