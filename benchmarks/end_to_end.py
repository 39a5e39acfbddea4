"""Seconds of training to a given Dice on real photographs: segkit, a plain PyTorch loop, and MONAI.

    python benchmarks/end_to_end.py [--epochs 12] [--goal 0.7] [--output docs/benchmarks/end_to_end.md]

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
photograph's own size, above 0, Dice per image against the file's mask, mean over the 60 images. Ratios are the other's
seconds over segkit's: the floor is 1, and a ratio below it says so.
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

    def reached(self, goal: float) -> float | None:
        """Return the seconds to the end of the first epoch with that Dice; None where there is none."""
        return next((self.seconds(number) for number, dice in enumerate(self.dice, 1) if dice >= goal), None)


def race(ways: list[Way], epochs: int) -> dict[str, Course]:
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


def epoch_table(courses: dict[str, Course], epochs: int) -> list[str]:
    """Write Dice against seconds, an epoch a line."""
    lines = ["| epoch | " + " | ".join(f"{name}, s | Dice" for name in courses) + " |"]
    lines.append("| ---: |" + " ---: | ---: |" * len(courses))
    for number in range(1, epochs + 1):
        cells = [f"{course.seconds(number):.1f} | {course.dice[number - 1]:.4f}" for course in courses.values()]
        lines.append(f"| {number} | " + " | ".join(cells) + " |")
    return lines


def summary_table(courses: dict[str, Course], goal: float, images: int) -> list[str]:
    """Write the seconds to the goal of each way, and what segkit's are a fraction of."""
    own, *others = courses
    lines = [
        f"| way | preparing, s | images/s | seconds to Dice {goal:g} | ratio | ratio of an epoch, median (lowest) "
        "| best Dice | last Dice |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, course in courses.items():
        needed, ours = course.reached(goal), courses[own].reached(goal)
        ratios = [other / mine for other, mine in zip(course.epochs, courses[own].epochs, strict=True)]
        cells = [
            f"{course.prepared:.1f}",
            f"{images / statistics.median(course.epochs):.1f}",
            "not reached" if needed is None else f"{needed:.1f}",
            "" if name == own or needed is None or ours is None else shown(needed / ours),
            "" if name == own else f"{shown(statistics.median(ratios))} ({shown(min(ratios))})",
            f"{max(course.dice):.4f}",
            f"{course.dice[-1]:.4f}",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, "", verdict(courses[own], [courses[name] for name in others], goal)]


def shown(ratio: float) -> str:
    """Write a ratio, and that it is below the floor where it is."""
    return f"{ratio:.2f}" + (" BELOW 1" if ratio < 1 else "")


def verdict(own: Course, others: list[Course], goal: float) -> str:
    """Say whether segkit was the first at the goal, and whether its last Dice is as good."""
    ours, theirs = own.reached(goal), [course.reached(goal) for course in others]
    first = ours is not None and all(seconds is None or ours <= seconds for seconds in theirs)
    behind = max(course.dice[-1] for course in others) - own.dice[-1]
    words = "equal or better" if behind <= 0 else f"{behind:.4f} below the best other"
    return f"First at Dice {goal:g}: {'yes' if first else 'NO'}. Dice after the last epoch: {words}."


def measure(settings: Settings, goal: float) -> str:
    """Run the race and write it as Markdown."""
    with tempfile.TemporaryDirectory() as place:
        ways: list[Way] = [SegkitWay(settings, Path(place)), PlainWay(settings), MonaiWay(settings)]
        courses = race(ways, settings.epochs)
    lines = [*summary_table(courses, goal, ways[0].images), "", *epoch_table(courses, settings.epochs)]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--goal", type=float, default=0.7, help="Dice whose seconds are compared")
    parser.add_argument("--threads", type=int, default=CORES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, help="no more than so many of each split, to try the script")
    parser.add_argument("--output", type=Path, help="also write a page with the tables")
    options: Any = parser.parse_args()
    if not ROOT.is_dir():
        sys.exit("the real data are not at ../shared/data/isic2017-small")
    torch.set_num_threads(options.threads)
    described = f"{machine()}, {options.threads} threads, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    result = measure(Settings(options.epochs, options.seed, options.cases), options.goal)
    print(f"{described}\n\n{result}")
    if options.output is not None:
        today = datetime.datetime.now(tz=datetime.UTC).date()
        title = f"# End to end\n\n{__doc__}\n{today}, {described}, seed {options.seed}."
        options.output.write_text(f"{title}\n\n{result}\n")


if __name__ == "__main__":
    main()
