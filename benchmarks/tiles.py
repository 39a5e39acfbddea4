"""Images larger than memory: predicted tile by tile, trained on from a store of blocks, beside tifffile and MONAI.

    python benchmarks/tiles.py [--only predict|whole|crops|peer] [--sides 5000,5000x40000] [--output FILE]

Predict: a generated RGB image in a tiled BigTIFF is predicted by a 2D U-Net of width 4, trained for a minute on
patches like its own, in tiles of 512 with an eighth of overlap, and its label map written as a pyramid, for every side
asked for, or height x width. The goals are less than 1 GiB beyond imports, no more at the largest side than at 10,000,
and time that grows as the pixels do.

Whole: on 2,048 x 2,048 pixels the labels of the tiles are compared with those of the whole image shown to the network
at once; the goal is less than 0.1 % that differ. With a network that looks at single pixels windows agree: none do.

Crops: 256 x 256 crops of image and mask from the store of a 20,000 x 20,000 image, against decoding the crop of the
image alone with tifffile, opened for every sample and opened once; the goal is five times as many per second.

Peer: an image that both hold in memory by segkit and by MONAI's SlidingWindowInferer, same windows, Gaussian weights
of either; the goals are at least as fast, and at most a quarter of the memory beyond imports and input.

Each run is a process of its own. Memory is the largest resident size beyond that when all is imported, as the kernel
counts it, mapped files included.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tiles_ways
from tiles_ways import CROP, PEER, TILE, WHOLE

CROPS_SIDE = 20_000
SIDES = tuple((side, side) for side in (5_000, 10_000, 20_000, 40_000))
MEMORY_GOAL = 2**30


def child(*arguments: object) -> list[str]:
    """Carry out one part in a process of its own; returns what it printed last."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return done.stdout.split("\n")[-2].split()


def met(reached: bool) -> str:
    """Whether a goal is met, in a word."""
    return "met" if reached else "MISSED"


def predict_table(folder: Path, sizes: Sequence[tuple[int, int]]) -> list[str]:
    """Time and memory by side."""
    lines = ["## Predicted and written, by side", ""]
    lines += ["| pixels | clock | processor | a million pixels | memory beyond imports | under 1 GiB | marked |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for height, width in sizes:
        wall, processor, memory, marked = child("predict", folder, f"{height}x{width}")
        rate = float(processor) / height / width * 1e6
        row = f"| {height:,} x {width:,} | {float(wall):,.0f} s | {float(processor):,.0f} s | {rate:.3f} s "
        row += f"| {int(memory) / 2**20:,.0f} MiB | {met(int(memory) < MEMORY_GOAL)} | {float(marked):.2%} |"
        print(row, flush=True)
        lines.append(row)
    return [*lines, ""]


def whole_table(folder: Path) -> list[str]:
    """How many labels differ from those of the whole image at once."""
    network_, marked, local, local_marked = map(int, child("whole", folder, WHOLE))
    share = network_ / WHOLE**2
    return [
        f"## Tiles against the whole, {WHOLE:,} x {WHOLE:,}",
        "",
        f"U-Net: {network_:,} of {WHOLE**2:,} labels differ ({share:.4%}; {marked:,} are marked): {met(share < 1e-3)}. "
        f"A network of single pixels, whose windows agree: {local:,} of {local_marked:,} differ: {met(not local)}.",
        "",
    ]


def crops_table(folder: Path, side: int) -> list[str]:
    """Crops per second."""
    store, each, once, building = map(float, child("crops", folder, side))
    return [
        f"## Crops of {CROP} x {CROP} from {side:,} x {side:,}",
        "",
        "| from | a second of the processor | store against it |",
        "| --- | --- | --- |",
        f"| the store, image and mask | {store:,.0f} | |",
        f"| tifffile, opened for every sample | {each:,.1f} | {store / each:,.0f} times: {met(store >= 5 * each)} |",
        f"| tifffile, opened once | {once:,.1f} | {store / once:,.0f} times: {met(store >= 5 * once)} |",
        "",
        f"The store was built in {building:,.0f} s by the clock.",
        "",
    ]


def peer_table(folder: Path, rounds: int) -> list[str]:
    """Time and memory beside MONAI."""
    found: dict[str, list[list[float]]] = {"segkit": [], "monai": []}
    for _ in range(rounds):
        for which in found:
            found[which].append([float(value) for value in child("peer", folder, which)])
    lines = [f"## Beside MONAI's SlidingWindowInferer, {PEER:,} x {PEER:,}", ""]
    lines += ["| | clock, fastest | processor, fastest | memory beyond imports and input, most | marked |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    best = {}
    for which, rows in found.items():
        walls, processors, memories, marked = zip(*rows, strict=True)
        best[which] = min(processors), max(memories)
        row = f"| {which} | {min(walls):.1f} s | {min(processors):.1f} s | {max(memories) / 2**20:,.0f} MiB "
        lines.append(f"{row}| {marked[0]:,.0f} |")
    differing = np.mean(np.load(folder / "segkit.npy") != np.load(folder / "monai.npy"))
    ours, theirs = best["segkit"], best["monai"]
    said = f"As fast: {met(ours[0] <= theirs[0])}; a quarter of the memory: {met(4 * ours[1] <= theirs[1])}; "
    return [*lines, "", f"{said}{differing:.4%} of the labels differ.", ""]


def folder(text: str) -> Path:
    """Return a folder that is there, or say that it is not."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder: make it first")
    return Path(text)


def page(text: str) -> Path:
    """Return a file that can be written when all is done, an hour later."""
    folder(str(Path(text).parent))
    return Path(text)


def sizes(text: str) -> tuple[tuple[int, int], ...]:
    """Return heights and widths of images, such as of 5000,5000x40000."""
    found = tuple(map(size_of, text.split(",")))
    if (least := min(map(min, found))) < TILE:
        raise argparse.ArgumentTypeError(f"{least} is less than a tile of {TILE}")
    return found


def size_of(text: str) -> tuple[int, int]:
    """Return height and width, of "5000" both."""
    height, _, width = text.partition("x")
    return int(height), int(width or height)


def main() -> None:
    """Carry out the parts asked for and write the page."""
    if sys.argv[1:2] == ["--child"]:
        part, where, value = sys.argv[2:]
        if part == "peer":
            tiles_ways.peer(Path(where), value)
        elif part == "predict":
            tiles_ways.predict(Path(where), size_of(value))
        else:
            {"whole": tiles_ways.whole, "crops": tiles_ways.crops}[part](Path(where), int(value))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("predict", "whole", "crops", "peer"))
    parser.add_argument("--sides", type=sizes, default=SIDES)
    parser.add_argument("--crops-side", type=int, default=CROPS_SIDE)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=folder, help="for the generated files, on a disk with 10 GB; they are removed")
    parser.add_argument("--output", type=page)
    given = parser.parse_args()
    lines = ["# Images larger than memory", "", *str(__doc__).splitlines()[2:], ""]
    lines += [f"{datetime.date.today()}, Python {sys.version.split()[0]}, 1 thread, other work on the machine.", ""]
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        place = Path(name)
        if given.only in (None, "whole"):
            lines += whole_table(place)
        if given.only in (None, "crops"):
            lines += crops_table(place, given.crops_side)
        if given.only in (None, "peer"):
            lines += peer_table(place, given.rounds)
        if given.only in (None, "predict"):
            lines += predict_table(place, given.sides)
    print("\n".join(lines))
    if given.output:
        given.output.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
