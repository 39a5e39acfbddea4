"""How fast `segkit predict` is against the bare forward pass of its network, and what it does to memory.

    python benchmarks/predict.py [--rounds 5] [--model RUN] [--output docs/benchmarks/predict.md]

Measured on 60 photographs of ../shared/data (the validation images of isic2017-small at a long side of 512 pixels, and
those of isic2017-original up to 4288x2848), 5 of them spoiled: empty, cut short, a page, a 16-bit picture, a document.
The network is the default U-Net, shown 256x256, without mirrored copies.

- **speed**: images per second of a whole prediction (finding, reading, predicting, label maps at the files' own size,
  sizes.csv) against images per second of the network alone on a tensor of one image, in the same precision, both warm;
  both take turns. "of the processor's time": the network's seconds of processor time against those of the whole
  prediction, which says how much there is besides the network whatever else the machine does.
- **memory**: the largest resident size of a new process that predicts 20, 40 and 60 of the images.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import segkit
from segkit.discovery import Registry
from segkit.engine.device import default_workers
from segkit.engine.progress import Progress
from segkit.engine.sealed import read_sealed, write_sealed
from segkit.jobs.predict import Options, find_inputs, predict_files
from segkit.model import Model, load_model
from segkit.rundir.checkpoint import checkpoint_of

PROJECT = Path(__file__).resolve().parents[1]
DATA = PROJECT.parent / "shared" / "data"
SIZE = 256
FILES, BROKEN = 60, 5


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", type=Path, help="run or checkpoint; one is trained where none is given")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("../shared/data is not here: nothing is measured")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        checkpoint = write_model(place / "model.safetensors", options.model)
        sets = {"512 pixels": small_set(place / "small"), "up to 4288x2848": original_set(place / "original")}
        lines = speed(checkpoint, sets, place, options.rounds) + memory(checkpoint, place)
    text = "\n".join([*head(options.rounds), *lines, ""])
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")
    print(text)


def write_model(path: Path, given: Path | None) -> Path:
    """Write a checkpoint that is shown 256x256: the run's given, or a default U-Net trained for an epoch at 64x64.

    An untrained network's label maps are noise, which takes much longer to write than any real one.
    """
    if given is None:
        given = path.with_name("run")
        root = DATA / "isic2017-small"
        settings = {"components.explainers": ("none",), "run.device": "cpu"}
        segkit.run(arch="unet", data="isic", data_root=root, size=64, epochs=1, output=given, settings=settings)
    weights, header = read_sealed(checkpoint_of(given), "segkit")
    header["preprocessing"] |= {"size": [SIZE, SIZE], "mirror": False}
    write_sealed(path, "segkit", header, weights)
    return path


def photographs(dataset: str, folders: Sequence[str]) -> list[Path]:
    """List photographs of a dataset."""
    return [path for folder in folders for path in sorted((DATA / dataset / folder).glob("*.jpg"))]


def small_set(folder: Path) -> Path:
    """Lay out 55 photographs of 512 pixels and 5 spoiled ones."""
    return lay_out(folder, photographs("isic2017-small", ["ISIC-2017_Validation_Data"]))


def original_set(folder: Path) -> Path:
    """Lay out 55 photographs as they were taken and 5 spoiled ones."""
    return lay_out(folder, photographs("isic2017-original", ["ISIC-2017_Validation_Data", "ISIC-2017_Training_Data"]))


def lay_out(folder: Path, sources: list[Path]) -> Path:
    """Copy photographs; every twelfth is spoiled."""
    folder.mkdir()
    chosen = sources[:FILES]
    spoil: list[Callable[[Path], object]] = [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:3000]),
        lambda path: path.write_bytes(b"<html>not found</html>"),
        lambda path: Image.fromarray(np.zeros((64, 64), np.uint16)).save(path, "PNG"),
        lambda path: path.write_bytes(b"%PDF-1.7"),
    ]
    for number, source in enumerate(chosen):
        path = folder / source.name
        shutil.copy(source, path)
        if number % (FILES // BROKEN) == 0 and number // (FILES // BROKEN) < BROKEN:
            spoil[number // (FILES // BROKEN)](path)
    return folder


def speed(checkpoint: Path, sets: dict[str, Path], place: Path, rounds: int) -> list[str]:
    """Compare whole predictions with the bare forward pass, turn by turn."""
    model = load_model(checkpoint, "cpu", Registry.discover())
    forward(model, 5)
    rows = []
    for name, folder in sets.items():
        predict(model, folder, place / "warm")
        bare, whole = [], []
        for number in range(rounds):
            bare.append(forward(model, 20))
            whole.append(predict(model, folder, place / f"{folder.name}-{number}"))
        alone, together = (statistics.median(1 / clock for clock, _ in kind) for kind in (bare, whole))
        share = statistics.median(one[0] / other[0] for one, other in zip(bare, whole, strict=True))
        busy = statistics.median(one[1] / other[1] for one, other in zip(bare, whole, strict=True))
        rows.append(f"| {name} | {alone:.2f} | {together:.2f} | {share:.2f} | {busy:.2f} |")
    return [
        "| photographs | forward pass alone, images/s | `segkit predict`, images/s | share, goal 0.8 | "
        "of the processor's time |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
    ]


def forward(model: Model, count: int) -> tuple[float, float]:
    """Return seconds per image of the network alone, by the clock and of the processor, one image at a time."""
    assert not model.predictor.volumes
    images = torch.rand(1, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    clock, busy = time.perf_counter(), time.process_time()
    for _ in range(count):
        model.predictor.logits(images)
    return (time.perf_counter() - clock) / count, (time.process_time() - busy) / count


def predict(model: Model, folder: Path, output: Path) -> tuple[float, float]:
    """Return seconds per image of a whole prediction, as `forward`, those that can be predicted counted."""
    shutil.rmtree(output, ignore_errors=True)
    clock, busy = time.perf_counter(), time.process_time()
    items = find_inputs([str(folder)], model.opener, model.image_channels).items
    outcome = predict_files([model], items, output, Options(workers=default_workers()), Progress())
    seconds = time.perf_counter() - clock, time.process_time() - busy
    assert len(outcome.failed) == BROKEN, [str(error) for _, error in outcome.failed]
    shutil.rmtree(output)
    return seconds[0] / len(outcome.predicted), seconds[1] / len(outcome.predicted)


def memory(checkpoint: Path, place: Path) -> list[str]:
    """Measure new processes that predict more and more images."""
    rows = []
    for count in (20, 40, 60):
        sources = sorted((place / "original").iterdir())[:count]
        command = [sys.executable, "-m", "segkit", "predict", str(checkpoint), *map(str, sources)]
        command += ["-o", str(place / f"memory-{count}"), "--device", "cpu"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        rows.append(f"| {count} | {usage.ru_maxrss / 1000:,.0f} MB |")
    return ["| photographs up to 4288x2848 | peak resident memory of the process |", "| --- | --- |", *rows]


def head(rounds: int) -> list[str]:
    """Title, what was measured, and on what."""
    assert __doc__ is not None
    title, _, rest = __doc__.partition("\n")
    when = datetime.datetime.now(datetime.UTC).date().isoformat()
    load = f", load average {os.getloadavg()[1]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{when}, {os.cpu_count()} cores{load}, Python {platform.python_version()}, PyTorch {torch.__version__}"
    threads = f"{torch.get_num_threads()} threads per operator, {default_workers()} reading; {rounds} rounds, medians."
    return ["# Prediction", "", title, rest.rstrip(), "", f"{machine}, {threads}", ""]


if __name__ == "__main__":
    main()
