"""Scoring volumes with surface metrics: one after the other, in two threads, in two processes.

    python benchmarks/scoring.py [--rounds 5] [--cases 16] [--output docs/benchmarks/scoring.md]

Each case is a volume of 128x256x256 voxels with five organs, predicted a voxel or two off, and is scored by dice, hd95,
assd and nsd, its reference hashed. Threads share the arrays; processes, started afresh as beside CUDA they have to be,
are sent them. The ways take turns; ratios are to one after the other. What the processes take to start comes beside it.
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
from startup import machine

from segkit import Case, Metric, Task
from segkit.discovery import Registry
from segkit.engine.measure import ChosenMetric, reference_digest, score_case

SHAPE = (128, 256, 256)
SPACING = (2.0, 1.0, 1.0)
TASK = Task(1, tuple("abcde"), 3)
METRICS = ("dice", "hd95", "assd", "nsd")


def make_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw five ellipsoids; return them moved, and as they are."""
    generator = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, np.uint8)
    grid = np.ogrid[tuple(slice(side) for side in SHAPE)]
    for label in range(1, len(TASK.classes) + 1):
        centre, radii = generator.uniform(0.25, 0.75, 3) * SHAPE, generator.uniform(0.1, 0.2, 3) * SHAPE
        mask[sum(((axis - c) / r) ** 2 for axis, c, r in zip(grid, centre, radii, strict=True)) < 1] = label
    return np.roll(mask, (1, 2, -2), (0, 1, 2)), mask


@cache
def chosen() -> tuple[ChosenMetric, ...]:
    """Build the metrics, once in each process."""
    registry, built = Registry.discover(), []
    for name in METRICS:
        found = registry.find("metric", name)
        assert isinstance(found.component, Metric)
        params = found.component.params()
        built.append(ChosenMetric(found.component, params, found.load("measure"), found.load()(TASK, params)))
    return tuple(built)


def score(pair: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    """Score one case as `segkit run` does."""
    prediction, mask = pair
    reference_digest(mask, SPACING)
    return dict(score_case(Case("a"), prediction, mask, SPACING, TASK, chosen()).values)


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def started(pool: Executor, pair: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the seconds until both workers have scored a case."""
    return seconds(lambda: list(pool.map(score, [pair] * 4)))


def measure(rounds: int, cases: int) -> str:
    """Score all cases in each way, round by round, and return a table."""
    pairs = [make_pair(seed) for seed in range(4)]
    work = [pairs[number % 4] for number in range(cases)]
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2, spawn) as processes:
        starts = {"one after the other": 0.0, "two threads": started(threads, pairs[0])}
        starts["two processes"] = started(processes, pairs[0])
        ways = {
            "one after the other": lambda: list(map(score, work)),
            "two threads": lambda: list(threads.map(score, work)),
            "two processes": lambda: list(processes.map(score, work)),
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                found[name].append(seconds(way))
    alone = found["one after the other"]
    lines = [
        "| way | to start, s | seconds a case, median | times as fast, median (lowest) |",
        "| --- | --- | --- | --- |",
    ]
    for name, values in found.items():
        ratios = [one / other for one, other in zip(alone, values, strict=True)]
        figures = f"{statistics.median(values) / cases:.3f} | {statistics.median(ratios):.2f} ({min(ratios):.2f})"
        lines.append(f"| {name} | {starts[name]:.1f} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--output", type=Path, help="also write a page with the table")
    options = parser.parse_args()
    described = f"{machine()}, load {os.getloadavg()[0]:.1f} at the start"
    result = measure(options.rounds, options.cases)
    print(f"{described}\n\n{result}")
    if options.output is not None:
        today = datetime.datetime.now(tz=datetime.UTC).date()
        options.output.write_text(
            f"# Scoring\n\n{__doc__}\n{today}, {described}, {options.rounds} rounds.\n\n{result}\n"
        )


if __name__ == "__main__":
    main()
