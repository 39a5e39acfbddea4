"""A grid of runs, one after the other and through launchers: are the tables equal, and what does a job cost?

    python benchmarks/launchers.py [--engines local slurm ray] [--at-once 1 2] [--epochs 20]

Three networks and two seeds on generated squares (tests/toy), one thread for each run. The grid is trained one run
after the other in one process, and then by each engine with so many jobs at a time; `scores.csv`, `differences.csv` and
`cases.csv` are compared letter by letter. The cost of a job is that of one that does nothing: from submitting it until
the launcher says that it has ended, the median of five. `slurm` is the cluster that SLURM's own commands reach; Ray is
started on loopback, and ended again.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from segkit.discovery import Registry
from segkit.jobs.launch.engine import open_engine

TOY = Path(__file__).resolve().parents[1] / "tests" / "toy"
PIP = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation")
GRID = (
    *("compare", "--arch", "net", "--arch", "supervised", "--arch", "solid", "--data", "squares", "--device", "cpu"),
    *("--seeds", "2"),
)
TABLES = ("scores.csv", "differences.csv", "cases.csv")


def compared(place: Path, output: str, *options: str) -> tuple[float, list[str]]:
    """Carry out the grid; returns seconds and tables."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "segkit", *GRID, "--output", output, *options]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return seconds, [(place / output / name).read_text() for name in TABLES]


def cost_of_a_job(engine_name: str, place: Path, jobs: int) -> float:
    """Seconds of a job that does nothing."""
    engine = open_engine(engine_name, {}, 1, Registry.discover())
    seconds = []
    try:
        for number in range(jobs + 1):  # the first one starts what the engine starts
            logs = place / engine_name / str(number)
            logs.mkdir(parents=True)
            begin = time.perf_counter()
            [id] = engine.submit([(["true"], logs)])
            while engine.states([id])[id] in ("waiting", "running"):
                time.sleep(0.05)
            seconds.append(time.perf_counter() - begin)
    finally:
        engine.close()
    return median(seconds[1:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["local"], choices=["local", "slurm", "ray"])
    parser.add_argument("--at-once", nargs="+", default=["1", "2"], help="Jobs at a time.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=5, help="Jobs that do nothing.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        subprocess.run([*PIP, "--target", str(place / "site"), str(TOY)], check=True)
        paths = [str(place / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ |= {
            "PYTHONPATH": os.pathsep.join(paths),
            "SEGKIT_CACHE": str(place / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        epochs = ("--epochs", str(arguments.epochs))
        seconds, tables = compared(place, "one", *epochs)
        print("| engine | a job that does nothing, s | jobs at a time | the grid, s | tables |")
        print("| --- | --- | --- | --- | --- |")
        print(f"| one after the other, in one process | | | {seconds:.1f} | |", flush=True)
        for engine in arguments.engines:
            cost = cost_of_a_job(engine, place / "nothing", arguments.jobs)
            for jobs in arguments.at_once:
                options = (*epochs, "--launcher", engine, "--jobs", jobs)
                seconds, found = compared(place, f"{engine}-{jobs}", *options)
                equal = "equal" if found == tables else "DIFFERENT"
                print(f"| {engine} | {cost:.2f} | {jobs} | {seconds:.1f} | {equal} |", flush=True)


if __name__ == "__main__":
    main()
