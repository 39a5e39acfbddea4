"""segkit beside nnU-Net itself, on the same folds of the same volumes with the same processor seconds.

    python benchmarks/nnunet.py ../shared/data/hippocampus FOLDER [--folds 0 1] [--epochs 2 5 20] [--output FILE.md]

nnU-Net 2.8.1 comes from its package into an environment of its own, FOLDER/nnunet, which borrows PyTorch from the one
that this script runs in, so that both compute with the same. Volumes are lent to both as nnU-Net's raw data; folds
are dealt out by segkit (seeded) and handed to nnU-Net as splits_final.json. Each trains on the CPU with so many
threads, in float32.

segkit runs its recipe for some epochs, each budget a run of its own whose schedule ends with it; the processor
seconds of the whole of `segkit run`, from reading the files to the report, are the budget. nnU-Net is given as many
for its training alone: making its plans, preprocessing and prediction are free. It runs its 3d_fullres plan with its
own trainer, the batch cut to 2 of the planned 5, as segkit's is (of whole batches a budget of minutes sees a
handful), its polynomial schedule laid out over the steps that its seconds suffice for: a few steps are measured
first. Both predict with the last weights; the label maps are scored by both tools. What is there already is not
trained again. Budgets of minutes say which of the two is further after minutes, and nothing of what either reaches in
the end.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import math
import os
import resource
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from startup import machine
from trained import told

from segkit import Task
from segkit.discovery import Registry

PACKAGE = "nnunetv2==2.8.1"
DATASET = "Dataset004_Hippocampus"
PLANS, BATCH = "nnUNetPlans", 2
PEER = Path(__file__).with_name("nnunet_peer.py")
Scores = dict[str, list[float]]
"""Dice of each class, by case."""


@dataclass(frozen=True)
class Place:
    """Where everything lies."""

    folder: Path
    threads: int

    @property
    def raw(self) -> Path:
        """The volumes, as both read them."""
        return self.folder / "raw" / DATASET

    @property
    def preprocessed(self) -> Path:
        """What nnU-Net made of them."""
        return self.folder / "preprocessed" / DATASET

    @property
    def python(self) -> Path:
        """nnU-Net's Python."""
        return self.folder / "nnunet" / "bin" / "python"

    @property
    def environ(self) -> dict[str, str]:
        """What both are told: one thread pool, no helpers beside it, nnU-Net's folders."""
        folders = {f"nnUNet_{name}": str(self.folder / name) for name in ("raw", "preprocessed", "results")}
        alone = {"nnUNet_def_n_proc": "1", "OMP_NUM_THREADS": str(self.threads)}
        return {**os.environ, **folders, **alone, "SEGKIT_CACHE": str(self.folder / "cache")}

    def call(self, *command: str, log: Path, helpers: int = 1) -> float:
        """Run a command, its output into a file; return the processor seconds that it took with all its children.

        Args:
            helpers: of nnU-Net's augmentation; with 0 it is done by the process that trains.
        """
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environ = {**self.environ, "nnUNet_n_proc_DA": str(helpers)}
        with log.open("a") as stream:
            subprocess.run(command, check=True, env=environ, stdout=stream, stderr=subprocess.STDOUT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def install(place: Place) -> None:
    """Make nnU-Net's environment."""
    if place.python.exists():
        return
    venv.create(place.folder / "nnunet", with_pip=True)
    lent = sysconfig.get_path("purelib", vars={"base": str(place.folder / "nnunet")})
    borrowed = {str(Path(module.__file__ or "").parents[1]) for module in (torch, np)}
    Path(lent, "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    place.call(str(place.python), "-m", "pip", "install", PACKAGE, log=place.folder / "install.log")


def lay_out(source: Path, raw: Path) -> None:
    """Lend all labelled cases as nnU-Net's raw data, with links."""
    described = json.loads((source / "dataset.json").read_text())
    for name in ("images", "labels"):
        (raw / f"{name}Tr").mkdir(parents=True, exist_ok=True)
        for path in [
            *sorted((source / f"{name}Tr").glob("*.nii.gz")),
            *sorted((source / f"{name}Va").glob("*.nii.gz")),
        ]:
            stem = path.name.removesuffix(".nii.gz")
            link = raw / f"{name}Tr" / (f"{stem}_0000.nii.gz" if name == "images" else path.name)
            if not link.is_symlink():
                link.symlink_to(path.resolve())
    labels = {name: int(label) for label, name in described["labels"].items()}
    count = len(list((raw / "labelsTr").iterdir()))
    made = {"channel_names": {"0": "MRI"}, "labels": labels, "numTraining": count, "file_ending": ".nii.gz"}
    (raw / "dataset.json").write_text(json.dumps(made))


def folds_of(raw: Path, count: int = 5) -> list[dict[str, list[str]]]:
    """Return the cases of each fold as segkit deals them out, by nnU-Net's names of the splits."""
    found = Registry.discover().find("data", "msd")
    folds = []
    for fold in range(count):
        reader = found.load()(raw, found.component.params(fold=fold, folds=count))
        folds.append({split: sorted(case.id for case in reader.cases(split)) for split in ("train", "val")})
    return folds


def prepare(place: Place, source: Path, held: int | None) -> list[dict[str, list[str]]]:
    """Lay out the data, let nnU-Net plan and preprocess them, and give it the folds."""
    lay_out(source, place.raw)
    folds = [{**fold, "val": fold["val"][:held]} for fold in folds_of(place.raw)]
    plans = place.preprocessed / f"{PLANS}.json"
    if not plans.exists():
        command = place.python.with_name("nnUNetv2_plan_and_preprocess")
        place.call(
            str(command), "-d", "4", "-c", "3d_fullres", "-np", "1", "-npfp", "1", log=place.folder / "plans.log"
        )
    laid = json.loads(plans.read_text())
    laid["configurations"]["3d_fullres"]["batch_size"] = BATCH
    plans.with_name(f"{PLANS}{BATCH}.json").write_text(json.dumps(laid | {"plans_name": f"{PLANS}{BATCH}"}))
    plans.with_name("splits_final.json").write_text(json.dumps(folds))
    return folds


def peer_run(place: Place, fold: int, epochs: int, seconds: float) -> dict[str, Any]:
    """Train nnU-Net for about as many processor seconds as segkit's run of so many epochs took, and predict."""
    kept = place.folder / f"nnunet-{fold}-{epochs}.json"
    if not kept.exists():
        told = ("train", f"{PLANS}{BATCH}", str(fold), str(seconds), str(kept))
        place.call(str(place.python), str(PEER), *told, log=kept.with_suffix(".log"), helpers=0)
        done: dict[str, Any] = json.loads(kept.read_text())
        moved = kept.with_suffix("")
        Path(done["predictions"]).rename(moved)
        kept.write_text(json.dumps(done | {"predictions": str(moved)}))
    return dict(json.loads(kept.read_text()))


def own_run(place: Place, fold: int, epochs: int) -> dict[str, Any]:
    """Run segkit with its recipe for so many epochs."""
    kept = place.folder / f"segkit-{fold}-{epochs}.json"
    if not kept.exists():
        run = kept.with_suffix("")
        taken = own_train(place, fold, epochs, run)
        summary = json.loads((run / "summary.json").read_text())
        history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
        told = {
            "train": taken,
            "clock": sum(epoch["seconds"] for epoch in history),
            "steps": epochs * steps_of(run),
            "parameters": summary["parameters"],
            "predictions": str(run / "predictions"),
        }
        kept.write_text(json.dumps(told))
    done: dict[str, Any] = json.loads(kept.read_text())
    return done


def own_train(place: Place, fold: int, epochs: int, run: Path) -> float:
    """Call `segkit run`; return its processor seconds."""
    said = ("--arch", "unet", "--data", "msd", "--data-root", str(place.raw), "--epochs", str(epochs))
    sets = (f"data.fold={fold}", "data.mode=patches", f"run.threads={place.threads}", "run.autocast=none")
    options = [word for setting in sets for word in ("--set", setting)]
    command = (sys.executable, "-m", "segkit", "run", *said, *options, "--output", str(run))
    return place.call(*command, log=place.folder / f"{run.name}.log")


def steps_of(run: Path) -> int:
    """Steps of one epoch: two patches of each case, as the recipe samples."""
    config = tomllib.loads((run / "config.toml").read_text())
    cases = json.loads((run / "summary.json").read_text())["cases"]["train"]
    return math.ceil(2 * int(cases) / int(config["train"]["batch_size"]))


def dice_of(raw: Path, predictions: Path, cases: Sequence[str]) -> Scores:
    """Score label maps as segkit does."""
    found = Registry.discover().find("metric", "dice")
    task = Task(1, ("Anterior", "Posterior"), 3)
    measure, score = found.load("measure"), found.load()(task, found.component.params())
    scores = {}
    for case in cases:
        prediction, reference = (
            np.asarray(nibabel.load(folder / f"{case}.nii.gz").dataobj).astype(np.uint8)
            for folder in (predictions, raw / "labelsTr")
        )
        scores[case] = [float(value) for value in score(measure(prediction, reference, None, task, {}))]
    return scores


def peer_dice_of(place: Place, predictions: Path) -> Scores:
    """Score label maps as nnU-Net does."""
    result = predictions.with_name(f"{predictions.parent.name}-{predictions.name}-nnunet-scores.json")
    place.call(
        str(place.python), str(PEER), "score", str(place.raw / "labelsTr"), str(predictions), str(result),
        log=place.folder / "score.log",
    )  # fmt: skip
    found: Scores = json.loads(result.read_text())
    return found


def means(scores: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The mean over the classes of each case."""
    return {case: float(np.mean(values)) for case, values in scores.items()}


def main() -> None:
    """Train, score, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 5, 20], help="of segkit: they are the budgets")
    parser.add_argument("--held", type=int, help="predict and compare so many of a fold's cases; else all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="also write a page; every case's scores beside it as CSV")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    place = Place(options.folder.resolve(), options.threads)
    install(place)
    folds = prepare(place, options.source.resolve(), options.held)
    rows: list[str] = []
    cases: list[Any] = []
    for epochs in options.epochs:
        for fold in options.folds:
            rows.append(compared(place, fold, epochs, folds[fold]["val"], cases))
            print(rows[-1], file=sys.stderr)
    page = page_of(rows, options.threads)
    print(page)
    if options.output:
        options.output.write_text(page)
        with options.output.with_suffix(".csv").open("w", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([("epochs", "fold", "tool", "case", *SCORED), *cases])


COLUMNS = (
    "epochs of segkit", "fold", "tool", "parameters", "steps", "processor seconds", "a step", "Dice",
    "by nnU-Net's scorer", "segkit less nnU-Net, paired",
)  # fmt: skip
SCORED = ("Anterior", "Posterior", "Anterior by nnU-Net", "Posterior by nnU-Net")


def compared(place: Place, fold: int, epochs: int, held: Sequence[str], cases: list[Any]) -> str:
    """Train both on a fold; return their two rows and add each case's scores."""
    own = own_run(place, fold, epochs)
    lines, mean = [], {}
    for tool, done in (("segkit", own), ("nnU-Net", peer_run(place, fold, epochs, own["train"]))):
        predictions = Path(done["predictions"])
        scores, others = dice_of(place.raw, predictions, held), peer_dice_of(place, predictions)
        mean[tool] = means(scores)
        by_other = float(np.mean(list(means({case: others[case] for case in held}).values())))
        seconds = done["train"]
        cases += [(epochs, fold, tool, case, *(f"{x:.6f}" for x in (*scores[case], *others[case]))) for case in held]
        lines.append(
            f"| {epochs} | {fold} | {tool} | {done['parameters'] / 1e6:.2f} M | {done['steps']} | "
            f"{seconds:.0f} | {seconds / done['steps']:.2f} | {told(list(mean[tool].values()))} | {by_other:.4f} |"
        )
    listed = [[mean[tool][case] for case in held] for tool in ("segkit", "nnU-Net")]
    lines[0] += f" {told([first - second for first, second in zip(*listed, strict=True)])} |"
    return "\n".join([lines[0], f"{lines[1]}  |"])


def page_of(rows: Sequence[str], threads: int) -> str:
    """Write the page."""
    head = ["# Beside nnU-Net", "", *(__doc__ or "").splitlines()[2:], ""]
    head += [f"Measured {datetime.date.today()} on {machine()}, {threads} threads, PyTorch {torch.__version__}.", ""]
    head += [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    main()
