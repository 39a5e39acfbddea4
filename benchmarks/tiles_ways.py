"""What the benchmark of tiles carries out, each in a process of its own, and prints for the process that asked.

Part of tiles.py: the generated images, the network, the measuring.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TILE, OVERLAP, WIDTH = 512, 0.125, 4
WHOLE, PEER, CROP = 2048, 8576, 256
"""512 + 18 x 448 is 8,576: both lay their windows alike."""


def patches(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw tiles of tissue with dark cells, (n, 512, 512, 3) uint8, and their masks."""
    random = np.random.default_rng(0)
    images, masks = [], []
    grid = np.mgrid[:TILE, :TILE]
    for _ in range(count):
        mask = np.zeros((TILE, TILE), bool)
        for _ in range(25):
            centre, radius = random.uniform(0, TILE, 2), random.uniform(5, 22)
            mask |= ((grid - centre[:, None, None]) ** 2).sum(axis=0) < radius**2
        image = random.normal((215, 180, 205), 14, (TILE, TILE, 3)) - 80 * mask[..., None]
        images.append(np.clip(image, 0, 255).astype(np.uint8))
        masks.append(mask.astype(np.uint8))
    return np.stack(images), np.stack(masks)


def generated(path: Path, size: tuple[int, int], compression: str | None = None) -> None:
    """Write an image (height, width) as a tiled BigTIFF, put together of 16 tiles."""
    import tifffile

    images, _ = patches(16)

    def tiles() -> Iterator[np.ndarray]:
        for place in range(-(-size[0] // TILE) * -(-size[1] // TILE)):
            yield images[place * 7 % 16 if place % 3 else place % 16]

    tifffile.imwrite(
        path,
        tiles(),
        shape=(*size, 3),
        dtype=np.uint8,
        tile=(TILE, TILE),
        bigtiff=True,
        photometric="rgb",
        compression=compression,
        metadata=None,
    )


def network(weights: Path) -> Any:
    """Build the network, trained for a minute where no weights are kept."""
    import torch
    from safetensors.torch import load_file, save_file
    from torch.nn import functional

    from segkit_unet.model import UNet

    torch.manual_seed(0)
    model = UNet(3, 1, 2, width=WIDTH).to(memory_format=torch.channels_last)
    if weights.exists():
        model.load_state_dict(load_file(weights))
        return model.eval()
    images, masks = patches(16)
    random, optimizer = np.random.default_rng(0), torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        chosen = random.integers(0, 16, 4)
        top, left = random.integers(0, TILE - 128, 2)
        part = (chosen, slice(top, top + 128), slice(left, left + 128))
        x = torch.from_numpy(images[part].transpose(0, 3, 1, 2)).float() / 255
        wanted, weight = torch.from_numpy(masks[part]).float(), torch.tensor(4.0)
        loss = functional.binary_cross_entropy_with_logits(model(x)[:, 0], wanted, pos_weight=weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, weights)
    return model.eval()


def predictor(model: Any) -> Any:
    """Make segkit's predictor of tiles."""
    import torch

    from segkit.data.normalize import Normalization
    from segkit.declarations import Task
    from segkit.engine.preprocessing import Preprocessing
    from segkit.engine.volumes import make_predictor

    how = Preprocessing("tiles", (TILE, TILE), Normalization("unit"), overlap=OVERLAP)
    return make_predictor(model, Task(3, ("cell",), 2), how, torch.device("cpu"))


def resident() -> int:
    """The resident size of this process in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


class Measured:
    """Seconds by the clock and of the processor, and memory beyond what there was, of what is done within."""

    def __enter__(self) -> Measured:
        import torch

        from segkit.engine.memory import start_peak

        torch.set_num_threads(1)
        start_peak(torch.device("cpu"))
        self.before, self.wall, self.processor = resident(), time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        from segkit.engine.memory import resident_peak

        self.wall, self.processor = time.perf_counter() - self.wall, time.process_time() - self.processor
        self.memory = (resident_peak() or 0) - self.before

    def say(self, *more: object) -> None:
        """Print what was measured for the parent process."""
        print(self.wall, self.processor, self.memory, *more, flush=True)


def predict(folder: Path, size: tuple[int, int]) -> None:
    """Predict a generated image from its file to its label map's file."""
    from segkit.data.large_array import parts_of
    from segkit_large.files import open_any
    from segkit_large.opened import Channels
    from segkit_large.pyramid import read_pyramid, write_pyramid

    path = folder / "image.tif"
    generated(path, size)
    made = predictor(network(folder / "weights.safetensors"))
    made.labels(np.zeros((3, 600, 600), np.uint8))  # what is imported and taken when first used
    with Measured() as measured:
        image = Channels(open_any(path, path.name).array)
        write_pyramid(folder / "labels.tif", made.labels(image), None)
    marked = sum(int(np.count_nonzero(part)) for part in parts_of(read_pyramid(folder / "labels.tif")))
    measured.say(f"{marked / size[0] / size[1]:.4f}")
    path.unlink()


def whole(folder: Path, side: int) -> None:
    """Compare the labels of tiles with those of the whole image at once."""
    import torch

    from segkit.data.normalize import Normalization
    from segkit.declarations import Task
    from segkit.engine.infer import Predictor

    images, _ = patches(16)
    rows = [
        np.concatenate([images[(3 * row + column) % 16] for column in range(side // TILE)], 1)
        for row in range(side // TILE)
    ]
    image = np.ascontiguousarray(np.concatenate(rows).transpose(2, 0, 1))

    class Local(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """A pixel's own darkness."""
            return 0.6 - x[:, :1]

    said = []
    for model in (network(folder / "weights.safetensors"), Local()):
        at_once = Predictor(model, Task(3, ("cell",), 2), (side, side), Normalization("unit"), torch.device("cpu"))
        one, other = predictor(model).labels(image), at_once.labels(image)
        said += [int(np.count_nonzero(one != other)), int(np.count_nonzero(other))]
    print(*said, flush=True)


def crops(folder: Path, side: int) -> None:
    """Draw crops from a store of blocks, and from the file by tifffile."""
    import tifffile
    import zarr

    from segkit.data.case import Case, Sample
    from segkit.data.large_array import LargeArray
    from segkit.data.resolution import Resolution
    from segkit.data.tile_store import open_tile_store
    from segkit.declarations import Task
    from segkit_large.files import open_any
    from segkit_large.opened import Channels

    path = folder / f"{side}-deflate.tif"
    if not path.exists():
        generated(path, (side, side), "zlib")

    class Stripes(LargeArray):
        shape, dtype = (side, side), np.dtype(np.uint8)

        def read(self, rows: slice, columns: slice) -> np.ndarray:
            """A mask that costs nothing."""
            line = (np.arange(rows.start, rows.stop) // 100 % 5 == 0).astype(np.uint8)
            return np.repeat(line[:, None], columns.stop - columns.start, axis=1)

    class Reader:
        task, reader_version = Task(3, ("cell",), 2), 1

        def read(self, case: Case) -> Sample:
            """Open the file."""
            return Sample(Channels(open_any(path, path.name).array), Stripes())  # type: ignore[arg-type]

    began = time.perf_counter()
    store = open_tile_store(
        Reader(),  # type: ignore[arg-type]
        "crops",
        [Case("a", files=(path,))],
        Resolution(),
        folder=folder / "stores",
        workers=1,
    )
    building = time.perf_counter() - began
    random = np.random.default_rng(0)
    places = random.integers(0, side - CROP, (1000, 2)).tolist()

    def per_second(take: Any, some: list[list[int]]) -> float:
        began = time.process_time()
        for top, left in some:
            take(slice(top, top + CROP), slice(left, left + CROP))
        return len(some) / (time.process_time() - began)

    def from_store(rows: slice, columns: slice) -> None:
        store.image(0)[:, rows, columns]
        store.mask(0)[rows, columns]

    def from_file(rows: slice, columns: slice) -> None:
        with tifffile.TiffFile(path) as file:
            zarr.open_array(file.aszarr(), mode="r")[rows, columns]

    def from_open_file(rows: slice, columns: slice) -> None:
        opened[rows, columns]

    with tifffile.TiffFile(path) as file:
        opened = zarr.open_array(file.aszarr(), mode="r")
        rates = (
            per_second(from_store, places),
            per_second(from_file, places[:40]),
            per_second(from_open_file, places[:100]),
        )
    print(*rates, building, flush=True)


def peer(folder: Path, which: str) -> None:
    """Predict an image that is in memory, by segkit or by MONAI."""
    import torch

    images, _ = patches(16)
    count = PEER // TILE
    rows = [np.concatenate([images[(3 * row + column) % 16] for column in range(count)], 1) for row in range(count)]
    image = np.ascontiguousarray(np.concatenate(rows).transpose(2, 0, 1))
    model = network(folder / "weights.safetensors")
    made = predictor(model)
    if which == "monai":
        from monai.inferers import SlidingWindowInferer

        inferer = SlidingWindowInferer((TILE, TILE), 1, OVERLAP, mode="gaussian", progress=False)
    made.labels(image[:, :600, :600])
    with Measured() as measured, torch.inference_mode():
        if which == "monai":
            x = torch.from_numpy(image)[None].float().div_(255)
            labels = (inferer(x, model)[0, 0] > 0).to(torch.uint8).numpy()
        else:
            labels = made.labels(image)
    np.save(folder / f"{which}.npy", labels)
    measured.say(int(np.count_nonzero(labels)))
