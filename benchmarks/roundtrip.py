"""A label volume to another spacing and back: Dice per organ, beside MONAI's resampling.

    PYTHONPATH=PEERS python benchmarks/roundtrip.py LABELS.nii.gz [--spacing 1.5] [--output FILE]

What a network could reach at best: the reference itself is taken to the working grid, as the store takes masks there,
comes back as a prediction does (one score per class, interpolated slab by slab, the largest wins), is written as NIfTI
on the file's own grid, read again by nibabel, and compared with the file. At the file's own spacing every Dice is 1.

MONAI's `Spacing` takes the same volume there and back in two ways: labels by the nearest voxel, as its examples do, and
one map per class, interpolated linearly, of which the largest wins. The latter holds all maps at once.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import torch
from startup import machine

from segkit import Case, Sample, Task
from segkit.data.volume_layout import VolumeLayout
from segkit.data.volume_store import open_volume_store
from segkit.engine.decoding import decode
from segkit.engine.restore import restore
from segkit_nifti.volumes import read_label, write_label

ORGANS = (
    "spleen",
    "right kidney",
    "left kidney",
    "gallbladder",
    "oesophagus",
    "liver",
    "stomach",
    "aorta",
    "postcava",
    "pancreas",
    "right adrenal gland",
    "left adrenal gland",
    "duodenum",
    "bladder",
    "prostate or uterus",
)


def dice(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Return 2 |A and B| / (|A| + |B|) of every organ."""
    pairs = [(first == label, second == label) for label in range(1, len(ORGANS) + 1)]
    return [2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)) for a, b in pairs]


def slabs(labels: np.ndarray, depth: int = 16) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield a label map as one score per class, slab after slab."""
    for start in range(0, len(labels), depth):
        part = torch.from_numpy(np.array(labels[start : start + depth])).long()
        yield start, torch.nn.functional.one_hot(part, len(ORGANS) + 1).permute(3, 0, 1, 2).float()


def segkit_round_trip(path: Path, spacing: float | None, folder: Path) -> np.ndarray:
    """Take a label file through store, restoration and NIfTI; returns the voxels that nibabel reads of the result."""
    labels, grid = read_label(path)
    sample = Sample(labels[None].astype(np.int16), labels, grid.spacing)
    reader: Any = SimpleNamespace(task=Task(1, ORGANS, 3), read=lambda case: sample, reader_version=0)
    layout = VolumeLayout(spacing=grid.spacing if spacing is None else (spacing,) * 3)
    store = open_volume_store(reader, "labels", [Case("case", files=(path,))], layout, folder=folder, workers=0)
    working = store.mask(0)
    restored = np.empty(labels.shape, np.uint8)
    for planes, scores in restore(slabs(working), working.shape, labels.shape, layout.coarse):
        restored[planes] = decode(scores).numpy()
    written = write_label(folder / f"back-{spacing}", restored, path)
    return np.asarray(nibabel.load(written).dataobj)


def monai_round_trip(path: Path, spacing: float, *, by_class: bool) -> np.ndarray:
    """Take a label file to a spacing and back by MONAI."""
    from monai.data import MetaTensor
    from monai.transforms import Spacing

    image = nibabel.load(path)
    voxels = torch.from_numpy(np.asarray(image.dataobj).astype(np.int64))
    if by_class:
        values = torch.nn.functional.one_hot(voxels, len(ORGANS) + 1).permute(3, 0, 1, 2).float()
    else:
        values = voxels[None].float()
    resample = Spacing((spacing,) * 3, mode="bilinear" if by_class else "nearest")
    there = resample(MetaTensor(values, affine=torch.from_numpy(image.affine)))
    if by_class:
        # What a network would hand over: labels on the working grid, as one map per class.
        labels = there.argmax(dim=0)
        back = torch.nn.functional.one_hot(labels.as_tensor(), len(ORGANS) + 1).permute(3, 0, 1, 2).float()
        there = MetaTensor(back, meta=there.meta, applied_operations=there.applied_operations)
    found = resample.inverse(there)
    labels_back: np.ndarray = (found.argmax(dim=0) if by_class else found[0]).as_tensor().numpy().astype(np.uint8)
    return labels_back


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A label volume to another spacing and back.")
    parser.add_argument("labels", type=Path)
    parser.add_argument("--spacing", type=float, default=1.5)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    reference = np.asarray(nibabel.load(arguments.labels).dataobj)
    with tempfile.TemporaryDirectory() as name:
        columns = [
            dice(segkit_round_trip(arguments.labels, None, Path(name)), reference),
            dice(segkit_round_trip(arguments.labels, arguments.spacing, Path(name)), reference),
            dice(monai_round_trip(arguments.labels, arguments.spacing, by_class=False), reference),
            dice(monai_round_trip(arguments.labels, arguments.spacing, by_class=True), reference),
        ]
    header = nibabel.load(arguments.labels).header
    size = "x".join(map(str, reference.shape))
    voxel = "x".join(f"{length:.3g}" for length in header.get_zooms())
    command, _, rest = (__doc__ or "").partition("\n\n")[2].partition("\n\n")
    lines = ["# A label volume to another spacing and back", "", "    " + command.strip(), "", rest.strip(), ""]
    lines += [f"{arguments.labels.name}, {size} voxels of {voxel} mm; {datetime.date.today()}, {machine()}.", ""]
    there = f"{arguments.spacing:g} mm and back"
    lines += [f"| organ | voxels | own spacing | {there} | MONAI, nearest | MONAI, linear per class |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
    for label, values in enumerate(zip(*columns, strict=True), start=1):
        count = np.count_nonzero(reference == label)
        lines.append(f"| {ORGANS[label - 1]} | {count:,} | " + " | ".join(f"{value:.4f}" for value in values) + " |")
    lines.append("| mean | | " + " | ".join(f"{np.mean(column):.4f}" for column in columns) + " |")
    text = "\n".join([*lines, ""])
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
