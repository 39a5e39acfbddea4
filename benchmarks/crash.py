"""Kill a run with SIGKILL in each of its phases, resume it, and compare with the undisturbed run.

    python benchmarks/crash.py [--kills 50] [--seed 0]

The job is the toy plugin's of tests/toy (24 training cases, 6 steps an epoch, 3 epochs, resume state after each
epoch), in a process of its own; the kill points are calls of functions, chosen at random within each phase. The table
says for each phase how many runs were killed, how many ended with the undisturbed model.safetensors and cases.csv, and
how many steps were taken twice at the most. Two controls follow: a damaged state, and files written in place.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOY = Path(__file__).resolve().parents[1] / "tests" / "toy"
EPOCH = 6
SETTINGS = ("data.cases=24", "arch.width=16")
# phase -> the function that is counted, and from which to which call a kill falls into the phase
PHASES = {
    "store build": ("segkit_toy:Squares.read", 1, 27),
    "training step": ("segkit.engine.trainer:Trainer.take_step", 1, 18),
    "checkpoint writer": ("segkit.engine.sealed:save", 1, 5),
    "write to rename": ("segkit.files.writing:Path.replace", 3, 8),
    "evaluation": ("segkit.engine.predictions:write_labels", 1, 3),
    "report": ("segkit.report.writer:write_text", 1, 1),
}


def call(folder: Path, out: str, place: str, count: int, how: str, *options: str) -> int:
    """Run the toy job in a process; returns its exit code."""
    cache = folder / f"{out}.cache"
    environ = {**os.environ, "PYTHONPATH": str(TOY), "SEGKIT_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TOY / "killer.py"), place, str(count), str(folder / out), how, *options]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, cwd=folder, check=False)
    return done.returncode


def sums(folder: Path) -> tuple[str, ...]:
    """The hashes of what must be equal."""
    return tuple(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.safetensors", "cases.csv")
    )


def kill_and_resume(
    folder: Path, phase: str, number: int, count: int, whole: tuple[str, ...]
) -> tuple[bool, bool, int]:
    """Kill one run and resume it; returns whether it was killed, whether it ended equal, and the steps repeated."""
    out = f"{phase.replace(' ', '-')}-{number}"
    code = call(folder, out, PHASES[phase][0], count, "start", *SETTINGS)
    killed = code == -signal.SIGKILL
    resumed = call(folder, out, "nowhere", 0, "resume")
    taken = len((folder / f"{out}.steps").read_text().splitlines())
    equal = resumed == 0 and sums(folder / out) == whole
    return killed, equal, taken - 3 * EPOCH


def damaged_state(folder: Path) -> str:
    """Control: a state cut short must be refused, never restarted."""
    call(folder, "damaged", PHASES["training step"][0], 9, "start", *SETTINGS)
    state = folder / "damaged" / "last" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    return "refused" if call(folder, "damaged", "nowhere", 0, "resume") != 0 else "ACCEPTED"


def plain_writes(folder: Path, kills: int) -> int:
    """Control: with files written in place, count the runs that a kill during a write loses."""
    lost = 0
    for number in range(kills):
        out = f"plain-{number}"
        options = (*SETTINGS, "plain-writes", "arch.width=64")
        call(folder, out, "__main__:sync_part", 3 + number, "start", *options)
        lost += call(folder, out, "nowhere", 0, "resume") != 0
    return lost


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chooser = random.Random(arguments.seed)
    names = list(PHASES)
    planned = [(names[number % len(names)], number) for number in range(arguments.kills)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        assert call(folder, "whole", "nowhere", 0, "start", *SETTINGS) == 0
        whole = sums(folder / "whole")
        jobs = [(phase, number, chooser.randint(PHASES[phase][1], PHASES[phase][2])) for phase, number in planned]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(
                pool.map(lambda job: (job[0], *kill_and_resume(folder, job[0], job[1], job[2], whole)), jobs)
            )
        print("| phase | killed | equal after resume | steps repeated at most |")
        print("| --- | --- | --- | --- |")
        for phase in names:
            rows = [row for row in results if row[0] == phase]
            killed, equal = sum(row[1] for row in rows), sum(row[2] for row in rows)
            print(f"| {phase} | {killed} of {len(rows)} | {equal} | {max(row[3] for row in rows)} |")
        print(f"\nkilled {sum(row[1] for row in results)}, equal {sum(row[2] for row in results)} of {len(results)}")
        print(f"an epoch has {EPOCH} steps: one checkpoint interval")
        print(f"control, damaged state: {damaged_state(folder)}")
        print(f"control, files written in place: {plain_writes(folder, 8)} of 8 runs lost")


if __name__ == "__main__":
    main()
