"""Seconds of training to a given Dice on real photographs: segkit, a plain PyTorch loop, and MONAI.

    python benchmarks/end_to_end.py [--epochs 10] [--seeds 0 1 2] [--goals 0.7 0.75] [--output FILE]

All three train one and the same network from the same first weights, segmentation_models.pytorch's U-Net on ResNet-18
without pretrained weights, on ../shared/data/isic2017-small (444 photographs to train, 60 to score) at 128x128 in
batches of 4, with binary cross entropy and soft Dice, AdamW, one cycle of the learning rate, and the same kinds and
ranges of random changes, of images normalised before they are warped, and gradients clipped to a norm of 1. Each does
it in its own documented way:

- **segkit** (plugin segkit-smp): store, batches and trainer as `segkit run` uses them, its losses, its defaults.
- **plain loop**: as segmentation_models.pytorch documents it: a torch Dataset that decodes and resizes with Pillow and
  changes with torchvision, a DataLoader with a worker process per core (kept between epochs), the library's losses.
- **MONAI**: its fast path: CacheDataset up to the random transforms, tensors without metadata, ThreadDataLoader, its
  transforms and DiceCELoss. Among its transforms are no saturation and no change of single channels: it does without.

What is left of difference in the training: segkit takes no account of pixels that a warp brings in from outside, the
others call them background; segkit's Dice is that of each image, segmentation_models.pytorch's that of the batch.

They take turns, an epoch each, the first of a round changing, in one process with the same threads. Seconds are those
of building store or cache and of the epochs; scoring is left out, and is the same for all: logits interpolated to the
photograph's own size, above 0, Dice per image against the file's mask, mean over the 60 images. The Dice of 60 images
goes up and down by several points from epoch to epoch, so a goal counts twice: the first epoch that touches it, and the
first one after which the Dice stays at it. Ratios are the other's seconds over segkit's: the floor is 1, and a ratio
below it says so.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from end_to_end_ways import CORES, ROOT, MonaiWay, PlainWay, SegkitWay, Settings, Way
from startup import machine

PACKAGES = ("segkit-core", "segmentation_models_pytorch", "monai", "torchvision", "torch", "pillow")


@dataclass
class Course:
    """How one way got on.

    Attributes:
        prepared: seconds before the first epoch.
        epochs: seconds of each epoch.
        dice: after each epoch.
    """

    prepared: float
    epochs: list[float] = field(default_factory=list)
    dice: list[float] = field(default_factory=list)

    def seconds(self, epochs: int) -> float:
        """Return the seconds until the end of an epoch, counted from 1."""
        return self.prepared + sum(self.epochs[:epochs])

    def touched(self, goal: float) -> float | None:
        """Return the seconds to the end of the first epoch with that Dice; None where there is none."""
        return next((self.seconds(number) for number, dice in enumerate(self.dice, 1) if dice >= goal), None)

    def kept(self, goal: float) -> float | None:
        """Return the seconds to the end of the first epoch from which on the Dice is never lower; None: never."""
        below = [number for number, dice in enumerate(self.dice, 1) if dice < goal]
        first = max(below, default=0) + 1
        return self.seconds(first) if first <= len(self.dice) else None


Race = dict[str, Course]


def race(ways: list[Way], epochs: int) -> Race:
    """Train all ways, an epoch each in turn."""
    courses = {way.name: Course(way.prepared) for way in ways}
    for number in range(epochs):
        first = number % len(ways)
        for way in ways[first:] + ways[:first]:
            start = time.perf_counter()
            way.train_epoch()
            course = courses[way.name]
            course.epochs.append(time.perf_counter() - start)
            course.dice.append(way.score())
            done = f"{way.name}, epoch {number + 1}: {course.epochs[-1]:.1f} s, Dice {course.dice[-1]:.4f}"
            print(done, file=sys.stderr, flush=True)
    return courses


def epoch_table(courses: Race) -> list[str]:
    """Write Dice against seconds, an epoch a line."""
    lines = ["| epoch | " + " | ".join(f"{name}, s | Dice" for name in courses) + " |"]
    lines.append("| ---: |" + " ---: | ---: |" * len(courses))
    for number in range(1, len(next(iter(courses.values())).epochs) + 1):
        cells = [f"{course.seconds(number):.1f} | {course.dice[number - 1]:.4f}" for course in courses.values()]
        lines.append(f"| {number} | " + " | ".join(cells) + " |")
    return lines


def speed_table(races: list[Race], images: int) -> list[str]:
    """Write each way's speed over all seeds, and its last Dice by seed."""
    own, *_ = races[0]
    lines = [
        "| way | preparing, s | images/s | ratio of an epoch, median (lowest) | last Dice by seed | mean |",
        "| --- | ---: | ---: | ---: | --- | ---: |",
    ]
    for name in races[0]:
        epochs = [seconds for courses in races for seconds in courses[name].epochs]
        ours = [seconds for courses in races for seconds in courses[own].epochs]
        ratios = [other / mine for other, mine in zip(epochs, ours, strict=True)]
        last = [courses[name].dice[-1] for courses in races]
        cells = [
            f"{statistics.median(courses[name].prepared for courses in races):.1f}",
            f"{images / statistics.median(epochs):.1f}",
            "" if name == own else f"{shown(statistics.median(ratios))} ({shown(min(ratios))})",
            ", ".join(f"{dice:.4f}" for dice in last),
            f"{statistics.mean(last):.4f}",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def goal_table(races: dict[int, Race], goals: list[float]) -> list[str]:
    """Write the seconds to each goal by seed, and each peer's over segkit's."""
    own, *others = next(iter(races.values()))
    lines = [
        "| goal | seed | " + f"{own}, s | " + " | ".join(f"{name}, s | ratio" for name in others) + " |",
        "| --- | ---: | ---: |" + " ---: | ---: |" * len(others),
    ]
    verdicts = []
    for goal in goals:
        for word, find in (("touched", Course.touched), ("kept", Course.kept)):
            firsts = 0
            for seed, courses in races.items():
                ours, *theirs = (find(course, goal) for course in courses.values())
                cells = [f"{seconds_text(needed)} | {ratio_text(needed, ours)}" for needed in theirs]
                lines.append(f"| {goal:g} {word} | {seed} | {seconds_text(ours)} | " + " | ".join(cells) + " |")
                firsts += ours is not None and all(needed is None or ours <= needed for needed in theirs)
            verdicts.append(f"{goal:g} {word}: {firsts}")
    return [*lines, "", f"segkit is first in so many of {len(races)} seeds: {', '.join(verdicts)}."]


def seconds_text(seconds: float | None) -> str:
    """Write seconds, and where there are none that the goal was missed."""
    return "not reached" if seconds is None else f"{seconds:.1f}"


def ratio_text(needed: float | None, ours: float | None) -> str:
    """Write a peer's seconds over segkit's, where both got there."""
    return "" if needed is None or ours is None else shown(needed / ours)


def shown(ratio: float) -> str:
    """Write a ratio, and that it is below the floor where it is."""
    return f"{ratio:.2f}" + (" BELOW 1" if ratio < 1 else "")


def measure(all_settings: list[Settings], goals: list[float]) -> str:
    """Run a race for every seed and write them as Markdown."""
    races: dict[int, Race] = {}
    for settings in all_settings:
        with tempfile.TemporaryDirectory() as place:
            ways: list[Way] = [SegkitWay(settings, Path(place)), PlainWay(settings), MonaiWay(settings)]
            races[settings.seed] = race(ways, settings.epochs)
    lines = [*speed_table(list(races.values()), ways[0].images), "", *goal_table(races, goals)]
    for seed, courses in races.items():
        lines += ["", f"Seed {seed}:", "", *epoch_table(courses)]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--goals", type=float, nargs="+", default=[0.7, 0.75], help="Dice whose seconds are compared")
    parser.add_argument("--threads", type=int, default=CORES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cases", type=int, help="no more than so many of each split, to try the script")
    parser.add_argument("--output", type=Path, help="also write a page with the tables")
    options: Any = parser.parse_args()
    if not ROOT.is_dir():
        sys.exit("the real data are not at ../shared/data/isic2017-small")
    torch.set_num_threads(options.threads)
    described = f"{machine()}, {options.threads} threads, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    result = measure([Settings(options.epochs, seed, options.cases) for seed in options.seeds], options.goals)
    print(f"{described}\n\n{result}")
    if options.output is not None:
        today = datetime.datetime.now(tz=datetime.UTC).date()
        title = f"# End to end\n\n{__doc__}\n{today}, {described}."
        options.output.write_text(f"{title}\n\n{result}\n")


if __name__ == "__main__":
    main()
