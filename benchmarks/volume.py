"""Memory and time of predicting volumes, and the same beside MONAI.

    PYTHONPATH=PEERS python benchmarks/volume.py [--only large|feed|peer] [--output docs/benchmarks/volume.md]

Large: a generated volume of 735x512x512 voxels in file order with 16 classes, stored P, L, I (not R, A, S) with its
slices along the file's last axis, at 1.0x0.8x0.8 mm, is predicted at 1.5 mm by a 3D U-Net of width 4 in windows of
128^3 with half overlap, and restored to its own grid. The network's weights are random: memory and time are the same.
The goals are less than 4 GiB beyond imports and input (float32 maps of all classes alone are 11.5 GiB) and less than
ten minutes. The second row walks along the slices instead, and takes every class's probabilities. The third walks as
the first and feeds `ece` on the way, against a mask of noise; its goals are less than a tenth more of the processor's
time than the first and less than 200 MiB more.

Peer: a network that was trained for a minute on generated balls, labelled so, is applied to a generated volume of
432x240x240 voxels in windows of 96^3 with half overlap, by segkit and by MONAI's `sliding_window_inference` followed by
`argmax`, both given the same normalised image and the same Gaussian weights. At this size both lay their windows alike.
The goals are: at least as fast, at most half the memory, equal labels on 99.9 % of the voxels, and at least ten classes
in both.

Each run is a process of its own whose resident memory is sampled every 50 ms, from the moment it has imported all and
holds its input; the contenders take turns. The processor's time beside the clock's changes little with what else the
machine does.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

CLASSES = 16
"""Labels 0 to 15."""
LARGE, LARGE_SPACING, TARGET = (735, 512, 512), (1.0, 0.8, 0.8), (1.5, 1.5, 1.5)
LARGE_WINDOW = 128
PEER, WINDOW, OVERLAP = (432, 240, 240), 96, 0.5
ROWS = {"labels": "labels", "probabilities": "probabilities, then labels", "feed": "labels, with ece"}
MEMORY_GOAL, TIME_GOAL = 4 * 2**30, 600.0
SAMPLING = 0.05


class Measured(NamedTuple):
    """One run: seconds by the clock and of the processor, bytes beyond imports and input, and what it said."""

    wall: float
    processor: float
    memory: int
    said: str


# What the processes do that are measured


def balls(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw balls of 15 classes; the image's four channels are the label's bits under noise."""
    generator = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    for _ in range(int(60 * np.prod(shape) / 64**3)):
        centre, radii = generator.uniform(0, 1, 3) * shape, generator.uniform(6, 16, 3)
        low = np.maximum((centre - radii).astype(int), 0)
        high = np.minimum((centre + radii).astype(int) + 1, shape)
        place = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        grid = np.ogrid[place]
        depth, height, width = (((x - c) / r) ** 2 for x, c, r in zip(grid, centre, radii, strict=True))
        inside = depth + height + width <= 1
        labels[place][inside] = generator.integers(1, CLASSES)
    image = np.stack([(labels >> bit & 1).astype(np.float32) * 2 - 1 for bit in range(4)])
    image += generator.normal(0, 0.5, image.shape).astype(np.float32)
    return image, labels


def network(channels: int) -> nn.Module:
    """Build the 3D U-Net of width 4 as its plugin does."""
    from segkit_unet.model import UNet

    made: nn.Module = UNet(channels, CLASSES, 3, width=4, depth=3, norm="instance").eval()
    return made


def train(file: Path, steps: int = 150) -> None:
    """Train the network on generated balls and save its weights."""
    import torch
    from safetensors.torch import save_file
    from torch.nn import functional

    torch.manual_seed(0)
    model = network(4).train().to(memory_format=torch.channels_last_3d)
    image, labels = balls((112, 112, 112), 1)
    generator = np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        corners = generator.integers(0, 112 - 48, (2, 3))
        places = [tuple(slice(start, start + 48) for start in corner) for corner in corners]
        x = torch.from_numpy(np.stack([image[(slice(None), *place)] for place in places]))
        y = torch.from_numpy(np.stack([labels[place] for place in places])).long()
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, file)


def predictor(model: nn.Module, channels: int, window: int, spacing: tuple[float, ...] | None) -> Any:
    """Make segkit's predictor of volumes."""
    import torch

    from segkit.data.normalize import Normalization
    from segkit.declarations import Task
    from segkit.engine.preprocessing import Preprocessing
    from segkit.engine.volumes import make_predictor

    task = Task(channels, tuple(f"class-{number}" for number in range(1, CLASSES)), 3)
    how = Preprocessing("patches", (window,) * 3, Normalization("unit"), spacing, overlap=OVERLAP)
    model = model.to(memory_format=torch.channels_last_3d)
    return make_predictor(model, task, how, torch.device("cpu"))


def report_input() -> float:
    """Say that all is imported and read; measuring begins."""
    print("input", flush=True)
    # One sample at least falls on what is there before.
    time.sleep(3 * SAMPLING)
    return time.process_time()


def large(how: str) -> None:
    """Predict the large volume and say what came out."""
    import torch

    torch.manual_seed(0)
    made = predictor(network(1), 1, LARGE_WINDOW, TARGET)
    generator = np.random.default_rng(0)
    stored = np.empty(LARGE, np.int16)
    for plane in stored:
        plane[...] = generator.integers(-1000, 1000, LARGE[1:], dtype=np.int16)
    stored //= 500
    # P, L, I in the file; inferior to superior, posterior to anterior, left to right for the network.
    image = stored.transpose(2, 0, 1)[None, ::-1, ::-1, ::-1]
    feeds = ece_of((image[0] % CLASSES).astype(np.uint8), made.task) if how != "probabilities" else None
    spacing = tuple(LARGE_SPACING[axis] for axis in (2, 0, 1))
    start = report_input()
    if feeds is not None:
        labels = made.labels(image, spacing=spacing, watch=feeds.watch if how == "feed" else None)
        walked = "DHW"[made.walked_axis(image.shape[1:], spacing)]
    else:
        labels = np.empty(image.shape[1:], np.uint8)
        for planes, values in made.probabilities(image, spacing=spacing):
            labels[planes] = values.max(dim=0).indices.to(torch.uint8)
        walked = "D"
    used = time.process_time() - start
    print(f"done {used} walked along {walked}, {len(np.unique(labels))} classes in {labels.shape}", flush=True)


def ece_of(mask: np.ndarray, task: Any) -> Any:
    """Make what feeds `ece` while a case is predicted."""
    import segkit_metrics
    from segkit.declarations import resolve
    from segkit.engine.feeding import Feeds
    from segkit.engine.measure import ChosenMetric
    from segkit.params import build

    declared = next(metric for metric in segkit_metrics.calibration_metrics() if metric.name == "ece")
    params = build(declared.params, {}, "ece")
    assert isinstance(declared.measure, str)
    assert isinstance(declared.factory, str)
    score = resolve(declared.factory, "ece")(task, params)
    return Feeds([ChosenMetric(declared, params, resolve(declared.measure, "ece"), score)], mask, None, task)


def contender(which: str, folder: Path) -> None:
    """Apply the trained network by one of the two and keep the labels."""
    import torch
    from safetensors.torch import load_file

    model = network(4)
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    image, _ = balls(PEER, 2)
    if which == "segkit":
        made = predictor(model, 4, WINDOW, None)
        start = report_input()
        labels = made.labels(image)
    else:
        from monai.inferers import sliding_window_inference

        from segkit.engine.windows import gaussian

        model = model.to(memory_format=torch.channels_last_3d)
        profile = gaussian(WINDOW)
        weights = torch.from_numpy(np.einsum("i,j,k->ijk", profile, profile, profile).astype(np.float32))
        start = report_input()
        with torch.inference_mode():
            scores = sliding_window_inference(
                torch.from_numpy(image)[None],
                (WINDOW,) * 3,
                1,
                model,
                overlap=OVERLAP,
                mode="gaussian",
                roi_weight_map=weights,
            )
            labels = scores.argmax(dim=1)[0].to(torch.uint8).numpy()
    used = time.process_time() - start
    print(f"done {used} {len(np.unique(labels))} classes", flush=True)
    np.save(folder / f"{which}.npy", labels)


# What watches them


def resident(process: int) -> int:
    """Return the bytes of a process that are in memory; 0 once it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def measure(*arguments: str) -> Measured:
    """Run this file in a process and sample its memory from its line "input" to its line "done"."""
    command = [sys.executable, __file__, "--child", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    times: dict[str, tuple[float, str]] = {}
    samples: list[tuple[float, int]] = []

    def listen(lines: Iterable[str]) -> None:
        for line in lines:
            word, _, rest = line.strip().partition(" ")
            times[word] = (time.perf_counter(), rest)

    listener = threading.Thread(target=listen, args=(process.stdout,))
    listener.start()
    while process.poll() is None:
        samples.append((time.perf_counter(), resident(process.pid)))
        time.sleep(SAMPLING)
    listener.join()
    if process.returncode or not {"input", "done"} <= set(times):
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    began, ended = times["input"][0], times["done"][0]
    within = [size for moment, size in samples if began <= moment <= ended]
    used, _, said = times["done"][1].partition(" ")
    return Measured(ended - began - 3 * SAMPLING, float(used), max(within) - within[0], said)


def mib(size: float) -> str:
    """Write bytes in MiB."""
    return f"{size / 2**20:,.0f} MiB"


def met(goal: bool) -> str:
    """Write whether a goal is met."""
    return "met" if goal else "NOT MET"


def large_table(chosen: set[str]) -> list[str]:
    """Measure the large volume in the chosen ways."""
    lines = [
        "## 735x512x512, 16 classes",
        "",
        "| | time by the clock | processor | memory beyond imports and input | under 4 GiB | under ten minutes | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for how, name in ROWS.items():
        if how not in chosen:
            continue
        row = measure("large", how)
        goals = f"{met(row.memory < MEMORY_GOAL)} | {met(row.wall < TIME_GOAL)}"
        lines.append(
            f"| {name} | {row.wall:.0f} s | {row.processor:.0f} s | {mib(row.memory)} | {goals} | {row.said} |"
        )
        print(lines[-1], file=sys.stderr)
    return [*lines, "", load()]


def peer_table(rounds: int) -> list[str]:
    """Measure both contenders, taking turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(folder / "weights.safetensors")
        runs: dict[str, list[Measured]] = {"segkit": [], "MONAI": []}
        for number in range(rounds):
            for which in ("segkit", "MONAI") if number % 2 == 0 else ("MONAI", "segkit"):
                runs[which].append(measure("contender", which, name))
                print(which, runs[which][-1], file=sys.stderr)
        ours, theirs = (np.load(folder / f"{which}.npy") for which in runs)
    reference = balls(PEER, 2)[1]
    equal = float((ours == theirs).mean())
    lines = [
        "## Beside MONAI, 432x240x240, 16 classes",
        "",
        "| | time by the clock, fastest | processor, fastest | memory beyond imports and input, most | classes found |",
        "| --- | --- | --- | --- | --- |",
    ]
    wall, processor, memory = {}, {}, {}
    for which, rows in runs.items():
        wall[which], processor[which] = (min(getattr(row, key) for row in rows) for key in ("wall", "processor"))
        memory[which] = max(row.memory for row in rows)
        lines.append(
            f"| {which} | {wall[which]:.1f} s | {processor[which]:.1f} s | {mib(memory[which])} | {rows[0].said} |"
        )
    classes = min(int(rows[0].said.split()[0]) for rows in runs.values())
    return [
        *lines,
        "",
        f"{rounds} runs each. Equal labels: {equal:.5%}; right labels: {(ours == reference).mean():.2%} and "
        f"{(theirs == reference).mean():.2%}.",
        "",
        f"At least as fast: {met(wall['segkit'] <= wall['MONAI'])} by the clock ({wall['MONAI'] / wall['segkit']:.2f} "
        f"times), {met(processor['segkit'] <= processor['MONAI'])} by the processor "
        f"({processor['MONAI'] / processor['segkit']:.2f} times). "
        f"At most half the memory: {met(memory['segkit'] <= memory['MONAI'] / 2)} "
        f"({memory['segkit'] / memory['MONAI']:.2f}). Equal on 99.9 %: {met(equal >= 0.999)}. "
        f"Ten classes in both: {met(classes >= 10)}.",
        "",
        load(),
    ]


def load() -> str:
    """Say how busy the machine was."""
    return f"Load average over the last 15 minutes: {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores."


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--child"]:
        what, *rest = sys.argv[2:]
        if what == "large":
            large(rest[0])
        else:
            contender(rest[0], Path(rest[1]))
        return
    parser = argparse.ArgumentParser(description="Memory and time of predicting volumes.")
    parser.add_argument("--only", choices=["large", "feed", "peer"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--conditions", default="", help="what else is to be said of the machine")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    import torch
    from startup import machine

    said = f", {arguments.conditions}" if arguments.conditions else ""
    conditions = f"torch {torch.__version__}, {torch.get_num_threads()} thread(s){said}"
    command, _, about = (__doc__ or "").partition("\n\n")[2].partition("\n\n")
    lines = ["# Predicting volumes", "", "    " + command.strip(), "", about.strip(), ""]
    lines += [f"{datetime.date.today()}, {machine()}, {conditions}.", ""]
    if arguments.only != "peer":
        lines += [*large_table({"labels", "feed"} if arguments.only == "feed" else {*ROWS}), ""]
    if arguments.only in (None, "peer"):
        lines += [*peer_table(arguments.rounds), ""]
    text = "\n".join(lines)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
