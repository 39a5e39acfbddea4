"""How fast images reach the network: segkit's store and batches against common ways, on real photographs.

    python benchmarks/input.py [--rounds 5] [--output docs/benchmarks/input.md]

Measured on ../shared/data/isic2017-original (767x576 to 4288x2848 pixels) at 256x256, batches of 4, on the CPU:

- **batches**: an epoch of segkit's batches from a warm store, with the ISIC recipe's augmentation; against (a) a torch
  Dataset that decodes and resizes every epoch, with torchvision's transforms, in a DataLoader with as many worker
  processes as cores (kept between epochs); against (b) MONAI's CacheDataset in its documented fast path: everything
  up to the random transforms cached, tensors without metadata, ThreadDataLoader. MONAI has no saturation and no change
  of single channels among its transforms: it does without, and has that much less to do.
- **store**: building it (reading, checking, resampling, hashing, writing, syncing) against plain Pillow, decode and
  resize into a shared file, in as many processes as segkit has threads; the processes are started beforehand.
- **waiting**: the share of a training epoch of the default U-Net that is spent waiting for the next batch,
  augmentation included.

The ways take turns, so that whatever else the machine does falls on all of them alike; ratios are taken within a
round, and their median is given. Wants `pip install --no-deps monai torchvision`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from segkit import Architecture, Case
from segkit.data.batches import Batches
from segkit.data.normalize import Normalization, make_normalization
from segkit.data.store import Store, open_store
from segkit.discovery import Registry
from segkit.settings import Augment, Data

PROJECT = Path(__file__).resolve().parents[1]
ROOT = PROJECT.parent / "shared" / "data" / "isic2017-original"
SIZE = 256
BATCH = 4
CORES = os.cpu_count() or 1
EPOCHS = 4
"""Epochs of one turn: an epoch of 38 images is too short to be timed."""


def open_reader() -> Any:
    """Open the dataset."""
    data = Registry.discover().find("data", "isic")
    return data.load()(ROOT, data.component.params())


def recipe_augment(reader: Any) -> Augment:
    """Return the augmentation of the dataset's recipe."""
    prefix = "augment."
    return Augment(
        **{name.removeprefix(prefix): value for name, value in reader.recipe.items() if name.startswith(prefix)}
    )


def plain(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Decode and resize a pair as anybody would."""
    with Image.open(case.files[0]) as photograph, Image.open(case.files[1]) as mask:
        image = np.asarray(photograph.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        return image, np.asarray(mask.convert("L").resize((SIZE, SIZE), Image.Resampling.NEAREST))


class DecodeEveryTime(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Decodes, resizes and changes a pair each time it is asked for."""

    def __init__(self, cases: list[Case], settings: Augment, normalization: Normalization) -> None:
        from torchvision.transforms import v2

        share = settings.shift
        self.cases = cases
        self.geometric = v2.Compose(
            [
                v2.RandomHorizontalFlip(settings.flip),
                v2.RandomVerticalFlip(settings.flip),
                v2.RandomAffine(
                    settings.rotation,
                    translate=(share, share),
                    scale=(1 / (1 + settings.scale), 1 + settings.scale),
                    interpolation=v2.InterpolationMode.BILINEAR,
                ),
            ]
        )
        self.colour = v2.ColorJitter(settings.brightness, settings.contrast, settings.saturation)
        self.normalize = v2.Normalize(normalization.mean, normalization.std)

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        from torchvision import tv_tensors

        pixels, marked = plain(self.cases[index])
        image = torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float().div_(255)
        mask = torch.from_numpy((marked > 128).astype(np.uint8))
        image, mask = self.geometric(tv_tensors.Image(self.colour(image)), tv_tensors.Mask(mask))
        return self.normalize(image.as_subclass(torch.Tensor)), mask.as_subclass(torch.Tensor).long()


def decoding_epochs(cases: list[Case], settings: Augment, normalization: Normalization) -> Iterable[Any]:
    """Return (a), a loader that decodes every epoch."""
    return DataLoader(
        DecodeEveryTime(cases, settings, normalization),
        batch_size=BATCH,
        shuffle=True,
        num_workers=CORES,
        persistent_workers=True,
    )


def cached_epochs(cases: list[Case], settings: Augment, normalization: Normalization) -> Iterable[Any]:
    """Return (b), MONAI's cached dataset and threaded loader."""
    from monai import transforms as mt
    from monai.data import CacheDataset, ThreadDataLoader, set_track_meta

    set_track_meta(False)
    both = ["image", "mask"]
    turn = np.deg2rad(settings.rotation)

    def load(case: Case) -> dict[str, np.ndarray]:
        image, mask = plain(case)
        return {
            "image": image.transpose(2, 0, 1).astype(np.float32) / 255,
            "mask": (mask > 128).astype(np.float32)[None],
        }

    steps = mt.Compose(
        [
            mt.Lambda(load),
            mt.EnsureTyped(both),
            mt.RandShiftIntensityd("image", offsets=settings.brightness, prob=1.0),
            mt.RandScaleIntensityFixedMeand("image", factors=settings.contrast, fixed_mean=True, prob=1.0),
            mt.RandFlipd(both, prob=settings.flip, spatial_axis=0),
            mt.RandFlipd(both, prob=settings.flip, spatial_axis=1),
            mt.RandRotate90d(both, prob=settings.transpose, max_k=1),
            mt.RandAffined(
                both,
                prob=settings.warp,
                rotate_range=turn,
                scale_range=settings.scale,
                translate_range=settings.shift * SIZE,
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            mt.NormalizeIntensityd(
                "image", subtrahend=normalization.mean, divisor=normalization.std, channel_wise=True
            ),
        ]
    )
    data = CacheDataset(cases, steps, cache_rate=1.0, num_workers=CORES, progress=False)
    loader: Iterable[Any] = ThreadDataLoader(data, batch_size=BATCH, shuffle=True, num_workers=0, buffer_size=2)
    return loader


class StoreEpochs:
    """segkit's batches, epoch after epoch."""

    def __init__(self, store: Store, settings: Augment, normalization: Normalization) -> None:
        self.batches = Batches(
            store,
            batch_size=BATCH,
            seed=0,
            augment=settings,
            normalization=normalization,
            device=torch.device("cpu"),
            workers=CORES,
        )
        self.epoch = 0

    def __iter__(self) -> Any:
        self.epoch += 1
        return self.batches.epoch(self.epoch)


def seconds(work: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def exhaust(batches: Iterable[Any]) -> None:
    """Take the batches of some epochs."""
    for _ in range(EPOCHS):
        for _ in batches:
            pass


def compare_batches(ways: dict[str, Iterable[Any]], images: int, rounds: int) -> dict[str, list[float]]:
    """Return images a second of each way and round."""
    for batches in ways.values():
        exhaust(batches)  # workers start, caches fill
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, batches in ways.items():
            rates[name].append(EPOCHS * images / seconds(partial(exhaust, batches)))
    return rates


def plain_into(task: tuple[Path, int, int, Case]) -> None:
    """Decode and resize one pair into its place in shared files."""
    folder, count, place, case = task
    image, mask = plain(case)
    np.memmap(folder / "images", np.uint8, "r+", shape=(count, SIZE, SIZE, 3))[place] = image
    np.memmap(folder / "masks", np.uint8, "r+", shape=(count, SIZE, SIZE))[place] = mask > 128


def compare_stores(reader: Any, cases: list[Case], rounds: int) -> dict[str, list[float]]:
    """Return images a second of building a store and of plain Pillow."""
    rates: dict[str, list[float]] = {"segkit store": [], "Pillow in processes": []}
    with tempfile.TemporaryDirectory() as place, ProcessPoolExecutor(CORES) as pool:
        folder = Path(place)
        for name, planes in (("images", 3), ("masks", 1)):
            np.memmap(folder / name, np.uint8, "w+", shape=(len(cases), SIZE, SIZE, planes)).flush()
        tasks = [(folder, len(cases), number, case) for number, case in enumerate(cases)]
        list(pool.map(plain_into, tasks))
        for number in range(rounds):
            built = seconds(partial(build, reader, cases, folder / str(number)))
            decoded = seconds(lambda: list(pool.map(plain_into, tasks)))
            rates["segkit store"].append(len(cases) / built)
            rates["Pillow in processes"].append(len(cases) / decoded)
    return rates


def build(reader: Any, cases: list[Case], folder: Path) -> Store:
    """Build or open the store of the cases."""
    return open_store(reader, "isic", cases, (SIZE, SIZE), folder=folder, workers=CORES)


def waiting_share(epochs: StoreEpochs, task: Any, steps: int) -> tuple[float, float]:
    """Train the default U-Net; returns the share of the time spent waiting and the seconds of a step."""
    found = Registry.discover().find("arch", "unet")
    assert isinstance(found.component, Architecture)
    chosen = {name.partition(".")[2]: value for name, value in found.component.defaults[2].items()}
    model = found.load()(task, found.component.params(**chosen)).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters())
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    waited = worked = 0.0
    batches = iter(epochs)
    for number in range(steps + 1):
        start = time.perf_counter()
        batch = next(batches)
        ready = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss(model(batch.images)[:, 0], (batch.masks == 1).float()).backward()
        optimizer.step()
        if number:  # the first step warms up
            waited, worked = waited + ready - start, worked + time.perf_counter() - ready
    batches.close()
    return waited / (waited + worked), (waited + worked) / steps


def table(rates: dict[str, list[float]], goals: dict[str, float]) -> str:
    """Write rates as Markdown; the first way is compared with the others."""
    (first, own), *others = rates.items()
    lines = [
        "| way | images a second, median | segkit's ratio, median | lowest | goal |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines.append(f"| {first} | {statistics.median(own):.0f} | | | |")
    for name, values in others:
        ratios = [mine / other for mine, other in zip(own, values, strict=True)]
        figures = f"{statistics.median(values):.0f} | {statistics.median(ratios):.2f} | {min(ratios):.2f}"
        lines.append(f"| {name} | {figures} | {goals[name]} |")
    return "\n".join(lines)


def machine() -> str:
    """Describe this machine in words."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{CORES} cores, {model}, Python {platform.python_version()}, torch {torch.__version__}{load}"


def measure(rounds: int, steps: int) -> str:
    """Measure everything and return it as Markdown."""
    reader = open_reader()
    cases = list(reader.cases("train"))
    settings = recipe_augment(reader)
    with tempfile.TemporaryDirectory() as place:
        store = build(reader, cases, Path(place))
        normalization = make_normalization(Data(normalization="dataset"), store)
        own = StoreEpochs(store, settings, normalization)
        decoding = "(a) decode and resize every epoch"
        cached = "(b) MONAI CacheDataset, ThreadDataLoader"
        ways = {
            "segkit batches": own,
            decoding: decoding_epochs(cases, settings, normalization),
            cached: cached_epochs(cases, settings, normalization),
        }
        batches = table(compare_batches(ways, len(cases), rounds), {decoding: 10, cached: 1.5})
        stores = table(compare_stores(reader, cases, rounds), {"Pillow in processes": 1.5})
        share, step = waiting_share(own, reader.task, steps)
    waiting = f"Waiting for data: {share:.2%} of a training step of {step:.1f} s (goal: under 5 %)."
    return f"{batches}\n\n{stores}\n\n{waiting}"


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="training steps in which waiting is timed")
    parser.add_argument("--output", type=Path, help="also write a page with the tables")
    options = parser.parse_args()
    if not ROOT.is_dir():
        sys.exit("the real data are not at ../shared/data/isic2017-original")
    described = machine()
    result = measure(options.rounds, options.steps)
    print(result)
    if options.output is not None:
        today = datetime.datetime.now(tz=datetime.UTC).date()
        options.output.write_text(f"# Input\n\n{__doc__}\n{today}, {described}, {options.rounds} rounds.\n\n{result}\n")


if __name__ == "__main__":
    main()
