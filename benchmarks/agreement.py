"""How far several runs agree with each other, with the reference, and what they score by a majority of votes.

    python benchmarks/agreement.py RUN... --labels ../shared/data/hippocampus/labelsVa [--names NAME...]

Dice of every class of every case, on the case's own grid, averaged over classes and then cases; of the label maps that
the runs kept (`evaluate.save_predictions`). Where networks of different kinds agree with each other far more than with
the reference, and their majority scores no better than the best of them, what is missing is not in the network.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import nibabel
import numpy as np


def read(path: Path) -> np.ndarray:
    """Return a label map as integers."""
    return np.asarray(nibabel.load(path).dataobj).astype(np.int16)


def dice(first: np.ndarray, second: np.ndarray, classes: int) -> float:
    """Return the mean Dice over the classes that either map has."""
    values = []
    for label in range(1, classes + 1):
        one, other = first == label, second == label
        if one.any() or other.any():
            values.append(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))
    return float(np.mean(values))


def vote(maps: list[np.ndarray], classes: int) -> np.ndarray:
    """Return the label that most maps have; of several the lowest."""
    votes = np.stack([np.sum([labels == label for labels in maps], axis=0) for label in range(classes + 1)])
    return np.asarray(votes.argmax(axis=0))


def measure(runs: dict[str, Path], labels: Path) -> str:
    """Compare every pair of runs, each with the reference, and the majority with the reference; as Markdown."""
    ids = sorted(path.name for path in (next(iter(runs.values())) / "predictions").glob("*.nii.gz"))
    reference = [read(labels / name) for name in ids]
    classes = max(int(found.max()) for found in reference)
    maps = {name: [read(run / "predictions" / case) for case in ids] for name, run in runs.items()}

    def mean(first: list[np.ndarray], second: list[np.ndarray]) -> str:
        return f"{np.mean([dice(*pair, classes) for pair in zip(first, second, strict=True)]):.3f}"

    lines = [f"| {len(ids)} cases | {' | '.join(maps)} | reference |", "| --- |" + " ---: |" * (len(maps) + 1)]
    cells = {pair: mean(maps[pair[0]], maps[pair[1]]) for pair in itertools.combinations(maps, 2)}
    for name, found in maps.items():
        row = [cells.get((name, other), cells.get((other, name), "")) for other in maps]
        lines.append(f"| {name} | {' | '.join(row)} | {mean(found, reference)} |")
    majority = [vote(list(found), classes) for found in zip(*maps.values(), strict=True)]
    lines.append(f"| majority of the {len(maps)} |{' |' * len(maps)} {mean(majority, reference)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--labels", type=Path, required=True, help="folder of the references, named as the predictions")
    parser.add_argument("--names", nargs="+", help="what to call the runs; else their folders")
    options = parser.parse_args()
    names = options.names or [run.name for run in options.runs]
    print(measure(dict(zip(names, options.runs, strict=True)), options.labels))


if __name__ == "__main__":
    main()
