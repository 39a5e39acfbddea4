"""Time and memory of hd95, assd and nsd beside other libraries, and of the worst cases beside a distance transform.

    python benchmarks/metrics.py [--repetitions 5] [--markdown FILE]

Compared where installed: MONAI (`monai`), DeepMind's `surface-distance` and `medpy`; the benchmark needs none of them
(`pip install --no-deps monai surface-distance medpy` leaves torch, numpy and scipy alone). One process, one thread, all
contenders take turns; peak memory is that of a forked process over what it began with.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any, Literal

import numpy as np
import scipy
from scipy import ndimage

from segkit import Measurement, Task
from segkit_metrics import measure, nearest, surface
from segkit_metrics.boxes import class_boxes
from segkit_metrics.distances import EDGES, Distances
from segkit_metrics.edges import edge_voxels
from segkit_metrics.params import DistanceParams, Hd95Params, SurfaceDiceParams

Contender = Callable[[], Any]
TOLERANCE = 2.0
TURN = 0.3
"""Seconds: what takes milliseconds is called often enough that one interruption does not decide."""


class Scene:
    """A prediction, a mask, a spacing and how many classes."""

    def __init__(self, name: str, prediction: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...]) -> None:
        self.name, self.prediction, self.mask, self.spacing = name, prediction, mask, spacing
        self.classes = int(max(prediction.max(), mask.max()))


def organs() -> Scene:
    """Five ellipsoids with a rough surface in 128 x 256 x 256, the prediction's shifted and a little larger."""
    generator = np.random.default_rng(0)
    shape = (128, 256, 256)
    rough = ndimage.zoom(generator.normal(size=(16, 32, 32)), 8, order=1) * 0.06
    grid = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in shape), indexing="ij", sparse=True)
    maps = [np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)]
    centres = [(64, 90, 80), (60, 90, 190), (64, 190, 80), (70, 190, 190), (90, 140, 135)]
    radii = [(44, 60, 55), (20, 26, 26), (22, 30, 28), (14, 16, 18), (10, 12, 12)]
    for label, (centre, radius) in enumerate(zip(centres, radii, strict=True), start=1):
        for moved, labels in zip((0, 2), maps, strict=True):
            square = sum(((g - c - moved) / (r + moved)) ** 2 for g, c, r in zip(grid, centre, radius, strict=True))
            labels[square + rough < 1] = label
    return Scene("128x256x256, 5 labels", maps[1], maps[0], (2.5, 0.8, 0.8))


def lesion() -> Scene:
    """A rough disk in 512 x 512."""
    generator = np.random.default_rng(1)
    rough = ndimage.gaussian_filter(generator.normal(size=(512, 512)), 12) * 6
    y, x = np.ogrid[:512, :512]
    disks = [(((y - 250 - d) / 150) ** 2 + ((x - 260 - d) / 180) ** 2 + rough < 1).astype(np.uint8) for d in (0, 6)]
    return Scene("512x512, 1 label", disks[1], disks[0], (1.0, 1.0))


def worst_cases() -> list[Scene]:
    """Masks that are hard for a search tree or for a distance transform."""
    generator = np.random.default_rng(2)
    shape = (64, 128, 128)
    noise = generator.random((2, *shape)) < 0.5
    sparse = generator.random((2, *shape)) < 0.02
    block = np.zeros(shape, bool)
    block[20:30, 20:40, 20:40] = True
    far = block.copy()
    far[-1, -1, -1] = True
    full = np.ones(shape, bool)
    smaller = np.pad(np.ones([side - 4 for side in shape], bool), 2)
    z, y, x = np.ogrid[:64, :128, :128]
    radius = np.sqrt((2 * (z - 32)) ** 2 + (y - 64) ** 2 + (x - 64) ** 2)
    flat_noise = generator.random((2, 512, 512)) < 0.5
    pairs = [
        ("dense noise", noise[0], noise[1]),
        ("sparse noise", sparse[0], sparse[1]),
        ("one far voxel", far, block),
        ("full mask, same prediction", full, full),
        ("full mask, smaller prediction", smaller, full),
        ("ball in a far shell", radius < 8, (radius > 56) & (radius < 60)),
        ("dense noise, 512x512", flat_noise[0], flat_noise[1]),
    ]
    spacings = {2: (1.0, 1.0), 3: (2.0, 1.0, 1.0)}
    return [Scene(name, p.astype(np.uint8), m.astype(np.uint8), spacings[p.ndim]) for name, p, m in pairs]


def ours(scene: Scene, mode: Literal["edge", "surfel"] = "edge") -> Contender:
    """All three metrics from one measurement."""
    task = Task(1, tuple(map(str, range(scene.classes))))
    scores: list[Callable[[Measurement], np.ndarray]] = [
        surface.hd95(task, Hd95Params(mode="max" if mode == "edge" else "surfel")),
        surface.nsd(task, SurfaceDiceParams(mode=mode, tolerance=(TOLERANCE,))),
    ]
    if mode == "edge":
        scores.append(surface.assd(task, DistanceParams()))

    def run() -> list[np.ndarray]:
        measured = measure.measure(scene.prediction, scene.mask, scene.spacing, task, {})
        return [score(measured) for score in scores]

    return run


def monai(scene: Scene) -> Contender:
    """MONAI's three functions on one-hot tensors that are made beforehand."""
    import monai.metrics as metrics
    import torch

    torch.set_num_threads(1)
    labels = range(scene.classes + 1)
    one_hot = [torch.from_numpy(np.stack([m == i for i in labels])[None]) for m in (scene.prediction, scene.mask)]
    spacing = list(scene.spacing)

    def run() -> list[Any]:
        return [
            metrics.compute_hausdorff_distance(*one_hot, percentile=95, spacing=spacing),
            metrics.compute_average_surface_distance(*one_hot, symmetric=True, spacing=spacing),
            metrics.compute_surface_dice(*one_hot, class_thresholds=[TOLERANCE] * scene.classes, spacing=spacing),
        ]

    return run


def deepmind(scene: Scene) -> Contender:
    """DeepMind's surface distances once per label, then its three figures."""
    # The library still names two modules that scipy has done away with.
    for gone in ("filters", "morphology"):
        if not hasattr(ndimage, gone):
            setattr(ndimage, gone, ndimage)
    import surface_distance

    def run() -> list[Any]:
        found = []
        for label in range(1, scene.classes + 1):
            pair = scene.mask == label, scene.prediction == label
            distances = surface_distance.compute_surface_distances(*pair, scene.spacing)
            found.append(surface_distance.compute_robust_hausdorff(distances, 95))
            found.append(surface_distance.compute_average_surface_distance(distances))
            found.append(surface_distance.compute_surface_dice_at_tolerance(distances, TOLERANCE))
        return found

    return run


def medpy(scene: Scene) -> Contender:
    """medpy's hd95 and assd; it has no nsd."""
    from medpy.metric import binary

    def run() -> list[float]:
        found = []
        for label in range(1, scene.classes + 1):
            pair = scene.prediction == label, scene.mask == label
            found += [function(*pair, voxelspacing=scene.spacing) for function in (binary.hd95, binary.assd)]
        return found

    return run


def by_way(scene: Scene, way: nearest.Way) -> Contender:
    """The distances between the edge voxels of label 1, both ways, by our own rule or by one way."""

    def run() -> list[np.ndarray]:
        edges = []
        for labels in (scene.prediction, scene.mask):
            box = class_boxes(labels, 1)[0]
            assert box is not None
            edges.append(edge_voxels(labels[box] == 1, [side.start for side in box]))
        return [nearest.distances(a, b, scene.spacing, way) for a, b in (edges, edges[::-1])]

    return run


def scipy_transform(scene: Scene) -> Contender:
    """The same by scipy's distance transform as it is commonly used: of the box around both, then indexed."""

    def run() -> list[np.ndarray]:
        both = (scene.prediction | scene.mask).astype(np.uint8)
        box = ndimage.find_objects(both)[0]
        masks = [np.pad(labels[box] == 1, 1) for labels in (scene.prediction, scene.mask)]
        edges = [mask ^ ndimage.binary_erosion(mask) for mask in masks]
        maps = [ndimage.distance_transform_edt(~edge, sampling=scene.spacing) for edge in edges]
        return [maps[1][edges[0]], maps[0][edges[1]]]

    return run


def interleaved(contenders: dict[str, Contender], repetitions: dict[str, int]) -> dict[str, list[float]]:
    """Time the contenders in turns of TURN seconds or one call, whichever is longer.

    One with fewer repetitions sits out the later turns.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(max(repetitions.values())):
        for name, run in contenders.items():
            if turn < repetitions[name]:
                begun, calls, taken = time.perf_counter(), 0, 0.0
                while taken < TURN:
                    run()
                    calls += 1
                    taken = time.perf_counter() - begun
                seconds[name].append(taken / calls)
                print(f"  {name}: {seconds[name][-1]:.3f} s", file=sys.stderr)
    return seconds


def peak_memory(run: Contender) -> float:
    """Return by how many MiB the process grows at most while running, in a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = status_field("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        run()
        os.write(writing, str((status_field("VmHWM") - before) / 1024).encode())
        os._exit(0)
    os.waitpid(child, 0)
    grown = float(os.read(reading, 64) or "nan")
    os.close(reading)
    os.close(writing)
    return grown


def status_field(name: str) -> int:
    """Return a figure in KiB that Linux keeps of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def installed(name: str) -> bool:
    """Whether a library can be imported."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(f"{name} is left out: {error}", file=sys.stderr)
        return False
    return True


def compare_libraries(scene: Scene, repetitions: int) -> list[str]:
    """Return the lines of one table."""
    known = {"MONAI": ("monai", monai), "DeepMind": ("surface_distance", deepmind), "medpy": ("medpy", medpy)}
    contenders = {"segkit": ours(scene), "segkit, surfels (hd95, nsd)": ours(scene, "surfel")}
    contenders |= {name: make(scene) for name, (module, make) in known.items() if installed(module)}
    turns = {name: 1 if name == "medpy" and scene.mask.ndim == 3 else repetitions for name in contenders}
    seconds = interleaved(contenders, turns)
    own = statistics.median(seconds["segkit"])
    lines = [
        f"### {scene.name}",
        "",
        "| | seconds, median (range) | times segkit | peak memory, MiB |",
        "| --- | --- | --- | --- |",
    ]
    for name, taken in seconds.items():
        middle = statistics.median(taken)
        spread = f"{min(taken):.3g} to {max(taken):.3g}, {len(taken)} times"
        memory = f"{peak_memory(contenders[name]):.0f}" if name != "medpy" else ""
        lines.append(f"| {name} | {middle:.3g} ({spread}) | {middle / own:.1f} | {memory} |")
    return [*lines, ""]


def compare_worst_cases(repetitions: int) -> list[str]:
    """Return the lines of the table of worst cases."""
    lines = ["### Worst cases, one label: distances between edge voxels both ways", ""]
    lines += ["| 64x128x128 | segkit, s | tree, s | transform, s | scipy's transform, s | segkit / scipy |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for scene in worst_cases():
        ways: tuple[nearest.Way, ...] = ("auto", "tree", "transform")
        contenders: dict[str, Contender] = {way: by_way(scene, way) for way in ways}
        contenders["scipy"] = scipy_transform(scene)
        for mine, theirs in zip(contenders["auto"](), contenders["scipy"](), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)
        print(scene.name, file=sys.stderr)
        seconds = interleaved(contenders, dict.fromkeys(contenders, repetitions))
        middle = {name: statistics.median(taken) for name, taken in seconds.items()}
        figures = " | ".join(f"{middle[name]:.3g}" for name in contenders)
        lines.append(f"| {scene.name} | {figures} | {middle['auto'] / middle['scipy']:.2f} |")
    return [*lines, ""]


def main() -> None:
    """Measure and print; with --markdown also write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--markdown", type=Path, help="file to write the tables to")
    parser.add_argument("--only", choices=("2d", "3d", "worst"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    assert ours(lesion())()[0].shape == (1,)
    assert set(EDGES) <= set(Distances(np.zeros((1, 1)), np.zeros((1, 1)), None, 1))
    lines = []
    if given.only in (None, "3d"):
        lines += compare_libraries(organs(), given.repetitions)
    if given.only in (None, "2d"):
        lines += compare_libraries(lesion(), given.repetitions)
    if given.only in (None, "worst"):
        lines += compare_worst_cases(given.repetitions)
    load = os.getloadavg()[0]
    lines.append(
        f"Seconds per call; a turn lasts {TURN} s or one call. "
        f"{datetime.date.today()}, 2 cores, AMD EPYC, one thread, load of the machine at the end {load:.1f}; "
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}."
    )
    text = "\n".join(lines) + "\n"
    print(text)
    if given.markdown:
        given.markdown.write_text(text)


if __name__ == "__main__":
    main()
