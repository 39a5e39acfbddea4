"""What `segkit plan` foretells of a run, beside what the run then takes: seconds of a step, and the most memory.

    python benchmarks/plans.py ../shared/data [--only NAME ...] [--cases 64] [--output FILE.md]

Each configuration is measured as `segkit plan` measures the one that it chooses, in a process of its own, and then
run by `segkit run` with the same settings, report included. Seconds are the clock's, of a training step with its
data: of the run those of all epochs but their validation, over all steps. Memory is the largest resident set of the
process, on CUDA what tensors took there. Steps are measured once before the run and once after it, in the same way:
what these two differ by is the machine's, and no plan can know it. Data are the first cases of each data set, lent
with links.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from startup import machine

from segkit.config import read_assignments
from segkit.jobs.plan.apart import Apart
from segkit.jobs.plan.probed import Probed

FREE = 10**12
"""A budget that nothing exceeds: what is taken is to be measured."""
HELD_OUT = 8
COLUMNS = (
    "configuration", "s a step, before", "after", "in the run", "off", "MiB foretold", "taken", "off",
)  # fmt: skip


@dataclass(frozen=True)
class Configuration:
    """What is run.

    Attributes:
        data: folder under the data, and the dataset's name.
        settings: as --set takes them.
    """

    data: str
    settings: tuple[str, ...] = field(default=())

    @property
    def reader(self) -> str:
        """The dataset's name."""
        return "isic" if self.data.startswith("isic") else "msd"


PHOTOGRAPHS, VOLUMES = "isic2017-small", "hippocampus"
CONFIGURATIONS = {
    "unet 24, 2D 128": Configuration(PHOTOGRAPHS, ("components.arch=unet", "data.size=128,128")),
    "unet 48, 2D 128": Configuration(PHOTOGRAPHS, ("components.arch=unet", "arch.width=48", "data.size=128,128")),
    "unet 24, 2D 192": Configuration(PHOTOGRAPHS, ("components.arch=unet", "data.size=192,192")),
    "unetpp 16, 2D 128": Configuration(PHOTOGRAPHS, ("components.arch=unetpp", "arch.width=16", "data.size=128,128")),
    "pspnet, 2D 128": Configuration(
        PHOTOGRAPHS, ("components.arch=pspnet", "arch.backbone=resnet18", "arch.pretrained=false", "data.size=128,128")
    ),
    "resenc, 2D 128": Configuration(PHOTOGRAPHS, ("components.arch=resenc", "arch.width=16", "data.size=128,128")),
    "unet 24, slices": Configuration(VOLUMES, ("components.arch=unet", "data.mode=slices", "data.patches=4")),
    "unet 24, slab": Configuration(VOLUMES, ("components.arch=unet", "data.mode=slab", "data.patches=4")),
    "unet 16, 3D patches": Configuration(VOLUMES, ("components.arch=unet", "data.mode=patches")),
    "unetpp 8, 3D patches": Configuration(VOLUMES, ("components.arch=unetpp", "arch.width=8", "data.mode=patches")),
    "resenc 16, 3D patches": Configuration(VOLUMES, ("components.arch=resenc", "arch.width=16", "data.mode=patches")),
}


def lay_out(source: Path, name: str, target: Path, cases: int) -> Path:
    """Lend the first cases of a data set with links; returns its root."""
    root = target / f"{name}-{cases}"
    if root.exists():
        return root
    folders = [path for path in (source / name).iterdir() if path.is_dir()]
    for folder in folders:
        few = HELD_OUT if "Va" in folder.name else cases
        (root / folder.name).mkdir(parents=True)
        taken = [path for path in sorted(folder.iterdir()) if "superpixels" not in path.name][:few]
        for path in taken:
            (root / folder.name / path.name).symlink_to(path.resolve())
    described = source / name / "dataset.json"
    if described.exists():
        told = json.loads(described.read_text())
        for split, short in (("training", "Tr"), ("validation", "Va")):
            listed = sorted(path.name for path in (root / f"images{short}").iterdir())
            told[split] = [{"image": f"./images{short}/{file}", "label": f"./labels{short}/{file}"} for file in listed]
        (root / "dataset.json").write_text(json.dumps(told))
    return root


def foretold(settings: Sequence[str]) -> Probed:
    """Measure as `segkit plan` does."""
    given = [read_assignments(settings)]
    with tempfile.TemporaryDirectory() as scratch, Apart(given, Path(scratch), patience=600) as bench:
        return bench.steps({}, FREE, whole=True)


def taken(settings: Sequence[str], run: Path) -> tuple[float, int]:
    """Run; return seconds of a step and bytes."""
    options = [word for setting in settings for word in ("--set", setting)]
    subprocess.run(
        [sys.executable, "-m", "segkit", "run", *options, "--output", str(run)], check=True, stdout=subprocess.DEVNULL
    )
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    peak = json.loads((run / "summary.json").read_text())["peak_memory"]
    steps = history[-1]["step"]
    return sum(epoch["seconds"] for epoch in history) / steps, peak["device"] or peak["process"]


def row(name: str, before: Probed, after: Probed, seconds: float, memory: int) -> str:
    """Write one configuration's figures."""
    mean = (before.seconds + after.seconds) / 2
    cells: list[Any] = [
        name,
        f"{before.seconds:.3f}",
        f"{after.seconds:.3f}",
        f"{seconds:.3f}",
        f"{mean / seconds - 1:+.0%}",
        f"{before.memory / 2**20:,.0f}",
        f"{memory / 2**20:,.0f}",
        f"{before.memory / memory - 1:+.0%}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def measure(name: str, folder: Path, options: argparse.Namespace) -> str:
    """Measure one configuration."""
    chosen = CONFIGURATIONS[name]
    root = lay_out(options.source.resolve(), chosen.data, folder, options.cases)
    settings = [
        f"components.data={chosen.reader}",
        f"data.root={root}",
        f"train.epochs={options.epochs}",
        f"run.threads={options.threads}",
        f"run.device={options.device}",
        "explain.cases=worst",
        *chosen.settings,
    ]
    before = foretold(settings)
    seconds, memory = taken(settings, folder / name.replace(" ", "-").replace(",", ""))
    after = foretold(settings)
    if before.failed or after.failed:
        raise SystemExit(f"{name}: {before.failed or after.failed}")
    print(row(name, before, after, seconds, memory), file=sys.stderr)
    return row(name, before, after, seconds, memory)


def main() -> None:
    """Measure, print, and write a page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(CONFIGURATIONS), default=list(CONFIGURATIONS))
    parser.add_argument("--cases", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    lines = ["# What a plan foretells", "", *(__doc__ or "").splitlines()[2:], ""]
    lines += [
        f"Measured {datetime.date.today()} on {machine()}, {options.threads} threads, PyTorch {torch.__version__}.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        lines += [measure(name, Path(folder), options) for name in options.only]
    page = "\n".join(lines) + "\n"
    print(page)
    if options.output:
        options.output.write_text(page)


if __name__ == "__main__":
    main()
