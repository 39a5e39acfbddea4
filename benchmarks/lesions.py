"""Time of `lesion-f1` beside panoptica's, on one volume of 128^3 with 50 lesions on either side.

    python benchmarks/lesions.py [--peer PYTHON] [--rounds 3] [--repetitions 7]

PYTHON is that of an environment with panoptica 2.1 (together with segkit it pulls numpy back). Either side answers the
same question on the same two label maps, each in a process and on a thread of its own, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.update(OMP_NUM_THREADS="1", PANOPTICA_CITATION_REMINDER="False")

import numpy as np

SIDE, LESIONS = 128, 50


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Draw balls of radius 4 to 9, the prediction's up to two voxels off along each axis; uint8 (128, 128, 128)."""
    draw = np.random.default_rng(0)
    grid = np.indices((SIDE,) * 3)
    sides = np.zeros((2, SIDE, SIDE, SIDE), dtype=np.uint8)
    centres = [(z, y, x) for z in (16, 48, 80, 112) for y in (14, 40, 66, 92, 118) for x in (20, 64, 108)]
    for centre in np.array(centres)[:LESIONS]:
        radius = int(draw.integers(4, 10))
        for moved, side in zip((draw.integers(-2, 3, 3), np.zeros(3, int)), sides, strict=True):
            side |= (((grid.T - centre - moved).T ** 2).sum(axis=0) <= radius**2).astype(np.uint8)
    return sides[0], sides[1]


def ours(prediction: np.ndarray, mask: np.ndarray) -> Callable[[], float]:
    """Count, tell lesions apart, match them, and score."""
    from segkit import Task
    from segkit_structure import lesions, measure
    from segkit_structure.params import LesionParams

    task = Task(1, ("lesion",), 3)
    score = lesions.lesion_f1(task, LesionParams(preset="panoptica"))
    return lambda: float(score(measure.measure(prediction, mask, None, task, {}))[0])


def panopticas(prediction: np.ndarray, mask: np.ndarray) -> Callable[[], float]:
    """Ask panoptica for its recognition quality and for nothing else."""
    import panoptica  # of its own environment

    asked = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
        instance_matcher=panoptica.NaiveThresholdMatching(),
        instance_metrics=[panoptica.Metric.IOU],
        global_metrics=[],
    )
    return lambda: float(asked.evaluate(prediction, mask, verbose=False)["ungrouped"].rq)


def timed(run: Callable[[], float], repetitions: int) -> dict[str, float]:
    """Return the answer and the median of processor seconds; the first call is not counted."""
    answer, seconds = run(), []
    for _ in range(repetitions):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return {"answer": answer, "seconds": statistics.median(seconds)}


def main() -> None:
    """Time both in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", help="Of an environment with panoptica.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--alone", choices=("segkit", "panoptica"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        make = ours if options.alone == "segkit" else panopticas
        print(json.dumps(timed(make(*scene()), options.repetitions)))
        return
    contenders = {"segkit": sys.executable, **({"panoptica": options.peer} if options.peer else {})}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, python in contenders.items():
            command = [python, __file__, "--alone", name, "--repetitions", str(options.repetitions)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[name].append(json.loads(printed.splitlines()[-1]))
    print("| | F1 of lesions | ms of processor time, median of rounds (fastest to slowest) |\n| --- | --- | --- |")
    for name, rows in found.items():
        each = sorted(1000 * row["seconds"] for row in rows)
        print(f"| {name} | {rows[0]['answer']:.4f} | {statistics.median(each):.1f} ({each[0]:.1f} to {each[-1]:.1f}) |")


if __name__ == "__main__":
    main()
