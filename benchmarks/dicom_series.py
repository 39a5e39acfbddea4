"""Time and memory of reading a series of 500 DICOM files of 512 x 512, beside SimpleITK's series reader.

    python benchmarks/dicom_series.py [--slices 500] [--side 512] [--rounds 5]

Both find the files of the series in a folder (two passes over the headers), sort them by where they lie and read one
volume of int16. Each read is a process of its own, on one thread, in turns; memory is its largest beyond what it held
once all was imported. The files are generated: noise, a slice each, not compressed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", SEGKIT_DICOM_SALT="a benchmark's")

import numpy as np


def segkits() -> Callable[[Path], np.ndarray]:
    """Gather the files and read them, as `segkit predict` does."""
    from segkit_dicom.formats import DicomFiles

    def read(folder: Path) -> np.ndarray:
        [(_, files)] = DicomFiles.gather(sorted(folder.iterdir()), 1)
        found: np.ndarray = DicomFiles.open_files(files, 1).image[0]
        return found

    return read


def simpleitks(array: str) -> Callable[[Path], np.ndarray]:
    """Let GDCM name the files and read them; the array is a copy, or a view that cannot be written to."""
    sitk: Any = importlib.import_module("SimpleITK")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    reader = sitk.ImageSeriesReader()
    kept = []

    def read(folder: Path) -> np.ndarray:
        reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
        kept.append(reader.Execute())
        found: np.ndarray = getattr(sitk, array)(kept[-1])
        return found

    return read


READERS: dict[str, Callable[[], Callable[[Path], np.ndarray]]] = {
    "segkit": segkits,
    "SimpleITK, array": partial(simpleitks, "GetArrayFromImage"),
    "SimpleITK, view": partial(simpleitks, "GetArrayViewFromImage"),
}


def largest() -> float:
    """MiB that this process has held at most."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def alone(name: str, folder: Path) -> None:
    """Read once and print what it took."""
    read = READERS[name]()
    before, wall, processor = largest(), time.perf_counter(), time.process_time()
    volume = read(folder)
    took = time.perf_counter() - wall, time.process_time() - processor, largest() - before
    print(json.dumps({"took": took, "type": str(volume.dtype), "shape": volume.shape, "sum": int(volume.sum())}))


def main() -> None:
    """Write the series, read it in turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(options.alone[0], Path(options.alone[1]))
        return
    from segkit_dicom.sample import write_series

    found: dict[str, list[dict[str, list[float]]]] = {name: [] for name in READERS}
    with tempfile.TemporaryDirectory() as name:
        shape = (options.slices, options.side, options.side)
        voxels = np.random.default_rng(0).integers(-1000, 1500, shape, dtype=np.int16)
        write_series(Path(name), voxels, "BENCH^MARK", "benchmark")
        for round_ in range(options.rounds + 1):  # the first fills the system's cache of files
            for reader in sorted(READERS, reverse=bool(round_ % 2)):
                command = [sys.executable, __file__, "--alone", reader, name]
                printed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                found[reader] += [printed] if round_ else []
    print(
        "| | seconds of the processor, median (range) | by the clock | MiB | values |\n| --- | --- | --- | --- | --- |"
    )
    for reader, rows in found.items():
        wall, processor, memory = (sorted(column) for column in zip(*(row["took"] for row in rows), strict=True))
        spread = f"{statistics.median(processor):.2f} ({processor[0]:.2f} to {processor[-1]:.2f})"
        clock = f"{statistics.median(wall):.2f} ({wall[0]:.2f} to {wall[-1]:.2f})"
        print(f"| {reader} | {spread} | {clock} | {memory[-1]:.0f} | {rows[0]['type']}, sum {rows[0]['sum']} |")


if __name__ == "__main__":
    main()
