"""Many cases with broken ones among them, through the commands: are the counts right, and does memory stay flat?

    python benchmarks/broken_cases.py [--cases 1000 10000] [--output docs/benchmarks/broken_cases.md]

Generated photographs of 64x64 pixels and their masks; one in ten is broken in one of ten ways. `data verify` has to
name each, `predict` has to predict all others and name each, and `run` has to refuse before it trains, then train on
what is left once the broken ones are removed. Each command is a process of its own; its peak memory is the system's.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64
EVERY = 10
"""One in so many cases is broken."""


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def noise(path: Path) -> None:
    """Put bytes in the place of a picture."""
    path.write_bytes(np.random.default_rng(0).bytes(500))


def wide(path: Path) -> None:
    """Sixteen bits a channel."""
    Image.fromarray(np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE)).save(path)


BREAKS: tuple[Callable[[Path], object], ...] = (
    cut,
    noise,
    wide,
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text("<html>404</html>"),
    lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"),
    lambda path: path.write_bytes(path.read_bytes().replace(b"IHDR", b"IHDX")),
    lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    lambda path: path.write_bytes(b"GIF89a" + bytes(20)),
    lambda path: path.write_bytes(path.read_bytes()[:-30] + bytes(30)),
)


def write_cases(root: Path, count: int) -> list[str]:
    """Write photographs and masks, one in EVERY photographs broken; returns the names of the broken ones."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    broken = []
    for number in range(count):
        drawn = np.random.default_rng(number)
        y, x, radius = drawn.uniform(20, 44), drawn.uniform(20, 44), drawn.uniform(6, 16)
        mask = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        image = drawn.integers(140, 200, (SIDE, SIDE, 3)) - 90 * mask[..., None]
        name = f"case{number:05d}.png"
        Image.fromarray(image.astype(np.uint8)).save(root / "images" / name, compress_level=1)
        Image.fromarray((255 * mask).astype(np.uint8)).save(root / "masks" / name, compress_level=1)
        if number % EVERY == EVERY // 2:
            BREAKS[number // EVERY % len(BREAKS)](root / "images" / name)
            broken.append(name)
    return broken


def segkit(place: Path, *args: str) -> tuple[int, str, str, float, float]:
    """Carry out a command; returns code, stdout, stderr, seconds, and the peak memory of its process in MiB."""
    environ = {**os.environ, "SEGKIT_CACHE": str(place / "cache")}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "segkit", *args], stdout=out, stderr=err, cwd=place, env=environ
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        return child.returncode, out.read(), err.read(), seconds, used.ru_maxrss / 1024


def clean_run(place: Path) -> tuple[float, float]:
    """Train a small network for one epoch on the sound generated sample; returns seconds and peak memory."""
    options = ("--data", "isic", "--arch", "unet", "--set", "arch.width=4", "--set", "arch.depth=2", "--size", "32")
    code, _, err, seconds, memory = segkit(place, "run", *options, "--epochs", "1", "--output", "model")
    assert code == 0, err
    return seconds, memory


def measure(count: int, place: Path) -> list[str]:
    """Carry out the commands over `count` cases; returns the rows of the table."""
    root = place / "data"
    broken = write_cases(root, count)
    rows = []

    def row(command: str, said: str, seconds: float, memory: float) -> None:
        rows.append(f"| {command} | {count:,} | {said} | {seconds:.1f} | {memory:.0f} |")

    code, out, err, seconds, memory = segkit(place, "data", "verify", "folder", "--data-root", "data")
    named = {line.split("\t")[0].rpartition("/")[2] for line in out.splitlines()}
    assert code == 1, err
    row("data verify", f"{len(named & set(broken)):,} of {len(broken):,} broken named", seconds, memory)

    args = ("predict", "model", "data/images", "-o", "predicted", "--device", "cpu")
    code, _, err, seconds, memory = segkit(place, *args)
    assert code == 1, err
    with (place / "predicted" / "sizes.csv").open(newline="") as stream:
        written = {line[0].rpartition("/")[2] for line in csv.reader(stream)} & {p.name for p in root.glob("images/*")}
    named = {name for name in broken if name in err}
    said = f"{len(written - set(broken)):,} of {count - len(broken):,} predicted, {len(named):,} named"
    row("predict", said, seconds, memory)

    train: tuple[str, ...] = (
        "run",
        "--data",
        "folder",
        "--data-root",
        "data",
        "--arch",
        "unet",
        "--set",
        "arch.width=4",
    )
    train += ("--set", "arch.depth=2", "--size", "32", "--epochs", "1", "--output", "trained")
    code, _, err, seconds, memory = segkit(place, *train)
    assert code == 1, err
    assert not (place / "trained").exists()
    row("run, broken ones among them", f"refused: {err.splitlines()[-1][:60]}...", seconds, memory)
    for name in broken:
        (root / "images" / name).unlink()
        (root / "masks" / name).unlink()
    code, out, err, seconds, memory = segkit(place, *train)
    assert code == 0, err
    with (place / "trained" / "cases.csv").open(newline="") as stream:
        scored = sum(1 for _ in csv.reader(stream)) - 1
    row("run, without them", f"{scored:,} scored", seconds, memory)
    return rows


def main() -> None:
    """Measure each number of cases in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    lines = ["| command | cases | what came of it | s | peak MiB |", "| --- | --- | --- | --- | --- |"]
    for count in options.cases:
        place = Path(tempfile.mkdtemp())
        try:
            clean_run(place)
            lines += measure(count, place)
        finally:
            shutil.rmtree(place)
        print(*lines[-4:], sep="\n", flush=True)
    if options.output:
        date = datetime.datetime.now(datetime.UTC).date()
        head = [
            "# Broken cases among many",
            "",
            f"`python benchmarks/broken_cases.py`, {date}, {os.cpu_count()} cores that others shared.",
        ]
        options.output.write_text(
            "\n".join([*head, "", (__doc__ or "").partition("\n\n")[2].partition("\n\n")[2], *lines, ""])
        )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
