"""Which epoch is kept where a metric has no value for what was missed: real volumes with one class made rare.

    python benchmarks/missed.py ../shared/data/hippocampus [EPOCHS]

In a temporary folder the posterior hippocampus is cut down to its last voxels, the rest belongs to the anterior one; a
small U-Net is trained with hd95 as the selection metric. Printed is, for every epoch, the mean hd95 of what
was found, how many structures failed (were missed, or found where there are none), and which epoch is kept: by the mean
of the finite values alone, as before, and by the rule of `segkit.engine.selection`. Images are linked, not copied.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from segkit import run

VOXELS = 40
"""What is left of the rare class."""


def main() -> None:
    """Train on the rare class and print which epoch was kept."""
    source, epochs = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "data")
        make_rare(source, root)
        done = run(
            arch="unet",
            data="msd",
            data_root=root,
            metrics=("hd95", "dice"),
            epochs=epochs,
            output=Path(folder, "run"),
            settings={
                "data.mode": "slices",
                "data.size": (48, 48),
                "data.patches": 12,
                "train.batch_size": 16,
                "arch.width": 8,
                "arch.depth": 3,
                "train.selection": "hd95",
                "components.explainers": "none",
            },
        )
        history = [json.loads(line) for line in (done.folder / "history.jsonl").read_text().splitlines()]
        report(history, done.summary)


def make_rare(source: Path, root: Path) -> None:
    """Write a dataset of 24 training, 12 validation and 12 test cases, the second class rare."""
    names = sorted(path.name for path in (source / "imagesTr").glob("*.nii.gz"))
    for split, chosen in (("Tr", names[:24]), ("Va", names[24:36]), ("Ts", names[36:48])):
        (root / f"images{split}").mkdir(parents=True)
        (root / f"labels{split}").mkdir()
        for name in chosen:
            (root / f"images{split}" / name).symlink_to(source / "imagesTr" / name)
            found = nibabel.load(source / "labelsTr" / name)
            labels = np.asarray(found.dataobj).astype(np.uint8)
            places = np.argwhere(labels == 2)
            distance = np.linalg.norm(places - np.argwhere(labels == 1).mean(axis=0), axis=1)
            kept = places[np.argsort(-distance)[:VOXELS]]
            labels[labels == 2] = 1
            labels[tuple(kept.T)] = 2
            nibabel.save(nibabel.Nifti1Image(labels, found.affine), root / f"labels{split}" / name)
    described = {"labels": {"0": "background", "1": "Hippocampus", "2": "Rare"}, "modality": {"0": "MRI"}}
    (root / "dataset.json").write_text(json.dumps({"name": "Rare", **described}))


def report(history: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    """Print epochs, what each rule keeps and what the test split says of the one that was."""
    name = "hd95@store"
    rows = [(line["epoch"], line["val"][name], line["val_counts"][name]) for line in history]
    print("epoch  mean hd95  of   failed")
    for epoch, mean, counts in rows:
        print(f"{epoch:>5}  {'-' if mean is None else f'{mean:.3f}':>9}  {counts['n']:>2}   {counts['failed']:>2}")
    before = min((row for row in rows if row[1] is not None), key=lambda row: row[1])
    print(f"by the mean of the finite values: epoch {before[0]}, {before[2]['failed']} failed")
    print(f"kept: {summary['weights']}")
    for row in summary["scores"]:
        if row["metric"] == "hd95":
            figures = f"mean {row['mean']}, n {row['n']} of {row['n_cases']}"
            print(
                f"{summary['split']} {row['class']}: {figures}, {row['n_missed']} missed, {row['n_spurious']} spurious"
            )


if __name__ == "__main__":
    main()
