"""The commands that are disturbed: what each begins with, how it is taken up again, and what must come of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from forked import learn, run
from mirror import YEAR
from PIL import Image

TRAIN = ("--arch", "net", "--data", "squares", "--epochs", "2", "--device", "cpu", "--set", "data.cases=4")
VOLATILE = ("second", "peak", "version", "when", "time")
"""Fields that may differ between two equal runs."""


@dataclass(frozen=True)
class Command:
    """A command under test.

    Attributes:
        args: of `segkit`.
        again: what one types when it was disturbed, given the folder.
        wanted: names or patterns of the files that must be equal to those of an undisturbed one.
        base: whether it needs the finished run and the photographs.
        gone: patterns of what must not be there in the end.
        says: whether it must print the same.
    """

    args: tuple[str, ...]
    again: Callable[[Path], tuple[str, ...]]
    wanted: tuple[str, ...]
    base: bool = True
    gone: tuple[str, ...] = ()
    says: bool = False


def resume_or(args: tuple[str, ...], folder: str) -> Callable[[Path], tuple[str, ...]]:
    """Go on with the run where it has a config, else begin it."""

    def again(place: Path) -> tuple[str, ...]:
        if (place / folder / "config.toml").exists():
            return (args[0], "--resume", folder)
        return args

    return again


RUN = ("run", *TRAIN, "--output", "out")
RUN_WANTED = ("out/model.safetensors", "out/cases.csv", "out/predictions/*", "out/summary.json", "out/report.html")
TRAIN_ONLY = ("train", *TRAIN, "--output", "out")
PREDICT = ("predict", "run", "images", "-o", "masks", "--overlays", "--device", "cpu")
PROBABLE = (*PREDICT, "--probabilities")
EVALUATE = ("evaluate", "run", "--split", "val", "--output", "scored", "--device", "cpu")
REPORT = ("report", "run")
COMPARE = ("compare", "run", "second", "--output", "compared")
EXPLAIN = ("explain", "run", "--explainer", "glow", "--layer", "0", "--no-evidence", "--case", "best", "-o", "heat")
EXPLAIN = (*EXPLAIN, "--device", "cpu")
SHOW = ("data", "show", "squares", "--data-root", "data", "-o", "seen.html")
RESUME = ("run", "--resume", "trained")
LONGER = ("run", "--resume", "run", "--epochs", "4")
GRID = ("compare", "--arch", "net", "--arch", "supervised", *TRAIN[2:], "--output", "grid")
GRID_WANTED = ("grid/runs/*/model.safetensors", "grid/runs/*/cases.csv", "grid/*.csv", "grid/comparison.json")
EXPORT = ("export", "run", "--to", "torch-export", "--images", "images/photograph-0.png")
DOWNLOAD = ("data", "download", "isic", "--set", f"data.year={YEAR}", "--data-root", "fetched")
VERIFY = ("data", "verify", "squares", "--data-root", "data", "--deep")
CLEAR = ("data", "cache", "clear", "--yes")
CALIBRATE = (
    "calibrate",
    "run",
    "--data-root",
    "more",
    "--metric",
    "brier",
    "--output",
    "calibrated.safetensors",
    "--device",
    "cpu",
)
SWEEP = ("sweep", *TRAIN, "--vary", "train.learning_rate=1e-3,1e-2", "--trials", "2", "--seeds", "1")
SWEEP = (*SWEEP, "--output", "study")
SWEPT = ("study/trials/*/model.safetensors", "study/*.csv", "study/comparison/*.csv")
NEW = ("new", "arch", "tinynet", "--output", "plugins")
CACHED = tuple(f"cache/{kind}/*{ending}" for kind in ("stores", "samples") for ending in ("[0-9a-f]", ".building"))

COMMANDS = {
    "run": Command(RUN, resume_or(RUN, "out"), RUN_WANTED, base=False),
    "train": Command(TRAIN_ONLY, resume_or(TRAIN_ONLY, "out"), ("out/model.safetensors",), base=False),
    "predict": Command(PREDICT, lambda place: PREDICT, ("masks/*.png", "masks/*.csv")),
    "probabilities": Command(PROBABLE, lambda place: PROBABLE, ("masks/*.png", "masks/*.csv", "masks/*/*.npy")),
    "evaluate": Command(EVALUATE, lambda place: EVALUATE, ("scored/cases.csv", "scored/predictions/*")),
    "report": Command(REPORT, lambda place: REPORT, ("run/report.html", "run/figures/*.png")),
    "compare": Command(COMPARE, lambda place: COMPARE, ("compared/comparison.json", "compared/*.csv")),
    "explain": Command(EXPLAIN, lambda place: EXPLAIN, ("heat/*/*.npz", "heat/*/*.png")),
    "data show": Command(SHOW, lambda place: SHOW, ("seen.html", "seen.png")),
    "resume": Command(RESUME, lambda place: RESUME, tuple(name.replace("out/", "trained/") for name in RUN_WANTED)),
    "longer": Command(LONGER, lambda place: LONGER, tuple(name.replace("out/", "run/") for name in RUN_WANTED)),
    "grid": Command(GRID, lambda place: GRID, GRID_WANTED, base=False),
    "export": Command(EXPORT, lambda place: EXPORT, ("run/model.pt2", "run/model.pt2.json")),
    "calibrate": Command(CALIBRATE, lambda place: CALIBRATE, ("calibrated.*",)),
    "sweep": Command(SWEEP, lambda place: SWEEP, SWEPT, base=False),
    "new": Command(NEW, lambda place: NEW, ("plugins/**/*",), base=False),
    "data download": Command(DOWNLOAD, lambda place: DOWNLOAD, ("fetched/*/*.jpg", "fetched/*/*.png"), base=False),
    "data verify": Command(VERIFY, lambda place: VERIFY, ("data/*/*.npy",), says=True),
    "data cache clear": Command(
        CLEAR, lambda place: CLEAR, ("run/model.safetensors", "run/*.csv", "data/*/*.npy"), gone=CACHED
    ),
}


def make_base(place: Path) -> Path:
    """Make what the commands begin with: two finished runs, one to go on with, photographs, a dataset."""
    place.mkdir(parents=True)
    for name, made, seed in (("run", "run", "0"), ("run", "second", "1"), ("train", "trained", "0")):
        done = run((name, *TRAIN, "--output", made, "--seed", seed), place)
        assert done.code == 0, done.stderr
        learn(place)
    (sample,) = (place / "cache" / "samples").glob("squares-*/train")
    (place / "images").mkdir()
    for number, path in enumerate(sorted((sample.parent / "test").glob("*.npy"))):
        Image.fromarray(np.load(path)[:3].transpose(1, 2, 0)).save(place / "images" / f"photograph-{number}.png")
    shutil.copytree(sample.parent, place / "data")
    # Calibration needs five cases of validation: each of the three twice, turned upside down.
    shutil.copytree(sample.parent, place / "more")
    for path in sorted((place / "more" / "val").glob("*.npy")):
        np.save(path.with_stem(f"{path.stem}-turned"), np.load(path)[:, ::-1])
    return place


def prepared(base: Path, command: Command, place: Path) -> Path:
    """Copy what a command begins with into a fresh folder; a run begins with an empty cache."""
    if command.base:
        shutil.copytree(base, place, symlinks=True)
    else:
        place.mkdir(parents=True)
    return place


def fingerprint(place: Path, command: Command) -> dict[str, str]:
    """Return a digest of every file that must be equal, its times left out."""
    found = {}
    for pattern in command.wanted:
        for path in sorted(place.glob(pattern)):
            if path.is_file():
                found[path.relative_to(place).as_posix()] = content_digest(path)
    return found


def content_digest(path: Path) -> str:
    """Return the SHA-256 of what a file says; of JSON and pages without times."""
    if path.suffix == ".json":
        return hashlib.sha256(json.dumps(timeless(json.loads(path.read_text())), sort_keys=True).encode()).hexdigest()
    if path.suffix == ".html" and path.name == "report.html":
        # It shows seconds and memory; that it is whole is what counts.
        return str(path.read_text().rstrip().endswith("</html>"))
    if path.suffix == ".png" and path.parent.name == "figures":
        with Image.open(path, formats=("PNG",)) as image:
            image.load()
            return str(image.size)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays.files))).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def timeless(value: object) -> object:
    """Leave out of JSON what may differ between equal runs."""
    if isinstance(value, dict):
        return {key: timeless(part) for key, part in value.items() if not any(word in key for word in VOLATILE)}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def not_gone(place: Path, command: Command) -> list[str]:
    """Return what is there and must not be."""
    found = [path for pattern in command.gone for path in place.glob(pattern)]
    return [path.relative_to(place).as_posix() for path in found]


def left_over(place: Path, *, ended: bool = True) -> list[str]:
    """Return what is there though it is not whole, outside of the cache, which cleans itself at its next use.

    Args:
        ended: the command has come to its end; else what was fetched of an archive may stay, which is gone on with.
    """
    parts = [path for path in place.rglob("*") if path.name.endswith((".part", ".building"))]
    left = [path for path in parts if ended or not path.name.endswith(".zip.part")]
    return [path.relative_to(place).as_posix() for path in left if "cache" not in path.relative_to(place).parts]
