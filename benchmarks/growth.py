"""How the cost of a run grows with the number of cases: time and peak memory of store build, epoch and evaluation.

    python benchmarks/growth.py [--cases 100 1000 10000] [--output docs/benchmarks/growth.md]

Generated cases of 64x64 pixels, written as files and read as any dataset's; a U-Net of width 4 and depth 2, batches
of 8, one epoch, then every case scored by dice with its prediction written. Each number of cases runs in a process of
its own, whose memory over that after the imports is sampled every 20 ms. Time is to grow with the cases, memory not.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

SIDE = 64
PAGE = resource.getpagesize()


class Memory:
    """The largest anonymous memory of this process, sampled; what is mapped from files can be dropped at any time."""

    def __init__(self) -> None:
        self.start = self.largest = resident()
        self._stop = threading.Event()
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self._stop.wait(0.02):
            self.largest = max(self.largest, resident())

    def grown(self) -> float:
        """Return by how many MiB the process has grown at most since the last call."""
        grown = (self.largest - self.start) / 2**20
        self.largest = resident()
        return grown


def resident() -> int:
    """Return the resident bytes that no file stands behind."""
    _, whole, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (whole - shared) * PAGE


def make_reader(folder: Path, count: int) -> Any:
    """Write `count` generated cases and return their reader."""
    import numpy as np

    from segkit import Case, Sample, Task

    generator = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    for number in range(count):
        row, column, radius = generator.uniform((20, 20, 6), (44, 44, 16))
        mask = (y - row) ** 2 + (x - column) ** 2 < radius**2
        image = (generator.normal(100, 30, (3, SIDE, SIDE)) + 60 * mask).clip(0, 255).astype(np.uint8)
        np.savez(folder / f"{number:06d}.npz", image=image, mask=mask.astype(np.uint8))

    class Reader:
        """The cases of a folder."""

        task = Task(3, ("disk",))
        reader_version = 1

        def cases(self, split: str) -> list[Case]:
            return [Case(path.stem, files=(path,)) for path in sorted(folder.glob("*.npz"))]

        def read(self, case: Case) -> Sample:
            with np.load(case.files[0], allow_pickle=False) as found:
                return Sample(found["image"], found["mask"])

    return Reader()


def measure(count: int) -> dict[str, float]:
    """Build a store of `count` cases, train one epoch and score them all; returns seconds and MiB by stage."""
    import torch

    from segkit import Metric
    from segkit.data.batches import Batches
    from segkit.data.normalize import Normalization
    from segkit.data.store import open_store
    from segkit.discovery import Registry
    from segkit.engine.infer import Predictor
    from segkit.engine.measure import ChosenMetric
    from segkit.engine.objective import Objective, WeightedLoss
    from segkit.engine.progress import Progress
    from segkit.engine.scoring import score_cases
    from segkit.engine.trainer import Trainer
    from segkit.settings import Augment, Run, Train

    registry, device, result = Registry.discover(), torch.device("cpu"), {"cases": float(count)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "predictions").mkdir()
        reader = make_reader(folder / "data", count)
        cases = reader.cases("train")
        arch, loss, metric = (registry.find(*what) for what in (("arch", "unet"), ("loss", "bce"), ("metric", "dice")))
        model = arch.load()(reader.task, arch.component.params(width=4, depth=2))
        model = model.to(memory_format=torch.channels_last)
        objective = Objective([WeightedLoss("bce", 1.0, loss.load()(reader.task, loss.component.params()))])
        chosen = metric.component.params()
        assert isinstance(metric.component, Metric)
        scored = ChosenMetric(metric.component, chosen, metric.load("measure"), metric.load()(reader.task, chosen))
        normalization = Normalization("unit")
        memory = Memory()

        def stage(name: str, begun: float) -> None:
            result[f"{name}, s"], result[f"{name}, MiB"] = time.perf_counter() - begun, memory.grown()

        begun = time.perf_counter()
        store = open_store(reader, "growth", cases, (SIDE, SIDE), folder=folder / "stores", workers=2)
        stage("store", begun)
        batches = Batches(
            store,
            batch_size=8,
            seed=0,
            augment=Augment(flip=0.5),
            normalization=normalization,
            device=device,
            workers=1,
        )
        trainer = Trainer(
            model, objective, batches, Train(epochs=1), Run(), device, validate=None, select=None, progress=Progress()
        )
        begun = time.perf_counter()
        trainer.train()
        stage("epoch", begun)
        begun = time.perf_counter()
        predictor = Predictor(model.eval(), reader.task, (SIDE, SIDE), normalization, device)
        where = folder / "predictions"
        score_cases(reader, "growth", cases, predictor, [scored], predictions=where, workers=1, progress=Progress())
        stage("evaluation", begun)
    return result


def table(rows: list[dict[str, float]]) -> str:
    """Write the measured rows as Markdown, with the seconds of a thousand cases beside the whole."""
    lines = [
        "| cases | store, s (a thousand) | MiB | epoch, s (a thousand) | MiB | evaluation, s (a thousand) | MiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [f"{row['cases']:,.0f}"]
        for name in ("store", "epoch", "evaluation"):
            seconds = row[f"{name}, s"]
            cells += [f"{seconds:.2f} ({1000 * seconds / row['cases']:.2f})", f"{row[f'{name}, MiB']:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure every number of cases in a process of its own, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(measure(given.one)))
        return
    load = os.getloadavg()[0]
    rows = []
    for count in given.cases:
        command = [sys.executable, __file__, "--one", str(count)]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(table(rows[-1:]), file=sys.stderr)
    text = table(rows)
    print(text)
    if given.output is not None:
        where = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f} at the start"
        page = f"# Growth\n\n{__doc__}\n{datetime.date.today()}, {where}.\n\n{text}\n"
        given.output.write_text(page)


if __name__ == "__main__":
    main()
