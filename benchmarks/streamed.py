"""Volumes streamed to their label maps by segkit and by KonfAI, which both hold no more than some windows' scores.

    python benchmarks/streamed.py --python PYTHON [--shape 735x512x512] [--window 128] [--rounds 1] [--output FILE]

PYTHON is the interpreter of an environment in which KonfAI (1.8.7) and SimpleITK are installed; segkit and its U-Net
are shown to it by PYTHONPATH. A generated float32 volume in a .mha file is predicted by the 3D U-Net of width 4 for 16
classes, of the same random weights, in windows with half overlap, and its label map written as .mha: segkit blends with
Gaussian weights, KonfAI as its Python API does. The goals are at most KonfAI's memory and at least its speed.

Each run is a process of its own. Memory is the largest resident size beyond that when all is imported; the volume is in
it where it is read as a whole, as segkit does. The labels of random weights are near ties nearly everywhere: how many
agree says nothing, and is not told.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CLASSES, OVERLAP = 16, 0.5
CONTENDERS = ("segkit", "konfai")


def status(name: str) -> int:
    """Return a line of this process's sizes in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def network() -> Any:
    """Build the network, of the same weights every time."""
    import torch

    from segkit_unet.model import UNet

    torch.set_num_threads(1)
    torch.manual_seed(0)
    return UNet(1, CLASSES, 3, width=4, depth=3, norm="instance").eval()


def make(folder: Path, shape: tuple[int, ...]) -> None:
    """Write the volume where KonfAI looks for the group CT of a case."""
    import SimpleITK

    values = np.random.default_rng(0).integers(-2, 2, shape).astype(np.float32)
    (folder / "data" / "case").mkdir(parents=True)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), folder / "data" / "case" / "CT.mha")


def by_segkit(folder: Path, window: int) -> Path:
    """Predict the volume by segkit."""
    import SimpleITK
    import torch

    from segkit.data.normalize import Normalization
    from segkit.declarations import Task
    from segkit.engine.preprocessing import Preprocessing
    from segkit.engine.volumes import make_predictor

    how = Preprocessing("patches", (window,) * 3, Normalization("unit"), None, overlap=OVERLAP)
    task = Task(1, tuple(f"class-{number}" for number in range(1, CLASSES)), 3)
    model = network().to(memory_format=torch.channels_last_3d)
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(folder / "data" / "case" / "CT.mha"))[None]
    labels = make_predictor(model, task, how, torch.device("cpu")).labels(image)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(labels), folder / "segkit.mha")
    return folder / "segkit.mha"


def by_konfai(folder: Path, window: int) -> Path:
    """Predict the volume by KonfAI, slab by slab."""
    os.chdir(folder)
    done = importlib.import_module("konfai.api").predict_model(
        network(),
        f"{folder / 'data'}:mha",
        inputs="CT",
        patch=(window,) * 3,
        overlap=int(window * OVERLAP),
        dim=3,
        output="./Predicted:mha",
        final_transforms={"Argmax": {"dim": 0}, "TensorCast": {"dtype": "uint8"}},
        quiet=True,
    )
    return next(Path(done).rglob("*.mha"))


def child(which: str, folder: Path, window: int) -> None:
    """Carry out one contender's run and say what it took."""
    import SimpleITK
    import torch  # noqa: F401 - what is imported is not what is measured

    for name in {"segkit": ("segkit.engine.volumes",), "konfai": ("konfai.api", "konfai.predictor")}[which]:
        importlib.import_module(name)
    Path("/proc/self/clear_refs").write_text("5")
    before, wall, processor = status("VmRSS"), time.perf_counter(), time.process_time()
    written = {"segkit": by_segkit, "konfai": by_konfai}[which](folder, window)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    memory = status("VmHWM") - before
    labels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(written))
    print("\ndone", wall, processor, memory, "x".join(map(str, labels.shape)), len(np.unique(labels)), flush=True)


def measure(python: str, which: str, folder: Path, window: int) -> list[str]:
    """Run a contender in a process of its own; returns what it said."""
    paths = [str(ROOT), str(ROOT / "plugins" / "segkit-unet")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [python, __file__, "--child", which, str(folder), str(window)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return next(line for line in done.stdout.splitlines() if line.startswith("done")).split()[1:]


def table(found: dict[str, list[list[str]]]) -> list[str]:
    """Return a row for each contender, and whether the goals are met."""
    lines = ["| | clock, fastest | processor, fastest | memory beyond imports, most | labels written |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    best = {}
    for which, rounds in found.items():
        walls, processors, memories = ([float(row[place]) for row in rounds] for place in range(3))
        best[which] = min(processors), max(memories)
        row = f"| {which} | {min(walls):,.1f} s | {min(processors):,.1f} s | {max(memories) / 2**20:,.0f} MiB "
        lines.append(f"{row}| {rounds[0][3]}, {rounds[0][4]} classes |")
    ours, theirs = best["segkit"], best["konfai"]
    met = ["met" if one <= other else "MISSED" for one, other in zip(ours, theirs, strict=True)]
    return [*lines, "", f"As fast by the processor's time: {met[0]}; at most its memory: {met[1]}."]


def main() -> None:
    """Let the contenders take turns and write the page."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment that has KonfAI")
    parser.add_argument("--shape", type=lambda text: tuple(map(int, text.split("x"))), default=(735, 512, 512))
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output", type=Path, help="also write a page with the table")
    given = parser.parse_args()
    found: dict[str, list[list[str]]] = {which: [] for which in CONTENDERS}
    for number in range(given.rounds):
        for which in CONTENDERS[:: -1 if number % 2 else 1]:
            with tempfile.TemporaryDirectory() as name:
                make(Path(name), given.shape)
                found[which].append(measure(given.python, which, Path(name), given.window))
    lines = ["# Streamed volumes, beside KonfAI", "", *str(__doc__).splitlines()[2:], ""]
    lines += [f"{datetime.date.today()}, Python {sys.version.split()[0]}, 1 thread.", ""]
    shape = "x".join(map(str, given.shape))
    lines += [f"{shape} voxels, {CLASSES} classes, windows of {given.window}^3, rounds: {given.rounds}.", ""]
    lines += table(found)
    print("\n".join(lines))
    if given.output:
        given.output.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
