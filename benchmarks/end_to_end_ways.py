"""The three ways of training that benchmarks/end_to_end.py compares, each as its project documents it."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from segkit import Case
from segkit.data.batches import Batches
from segkit.data.normalize import Normalization
from segkit.data.reading import read_at
from segkit.data.store import open_store
from segkit.discovery import Registry
from segkit.engine.allocation import kept_for_reuse
from segkit.engine.infer import Predictor
from segkit.engine.objective import Objective, WeightedLoss
from segkit.engine.progress import Progress
from segkit.engine.trainer import Trainer
from segkit.settings import Augment, Run, Train

ROOT = Path(__file__).resolve().parents[2] / "shared" / "data" / "isic2017-small"
SIZE = 128
BATCH = 4
RATE = 1e-3
CORES = os.cpu_count() or 1
CPU = torch.device("cpu")
CHANGES = Augment(
    flip=0.5, transpose=0.5, warp=1.0, rotation=20, scale=0.25, shift=0.05,
    brightness=0.1, contrast=0.2, saturation=0.3, colour=0.1,
)  # fmt: skip
"""The random changes of the ISIC recipe; the others do what their library has of them, in the same ranges."""
ENCODER = "resnet18"


@dataclass(frozen=True)
class Settings:
    """What is the same for all.

    Attributes:
        cases: no more of each split; None: all.
    """

    epochs: int
    seed: int
    cases: int | None

    @property
    def dataset(self) -> Any:
        """The reader of the photographs."""
        found = Registry.discover().find("data", "isic")
        return found.load()(ROOT, found.component.params())

    def split(self, name: str) -> list[Case]:
        """Return the cases of "train" or "val"."""
        return list(self.dataset.cases(name))[: self.cases]

    def network(self) -> nn.Module:
        """Build the network with the first weights that all begin with."""
        import segmentation_models_pytorch

        torch.manual_seed(self.seed)
        made: nn.Module = segmentation_models_pytorch.Unet(ENCODER, encoder_weights=None, classes=1)
        return made


class Way(ABC):
    """One way of training; being made is what it takes before the first epoch.

    Attributes:
        prepared: seconds that took.
        images: of one epoch.
    """

    name = ""
    prepared = 0.0

    def __init__(self, settings: Settings) -> None:
        self.images = len(settings.split("train"))
        self.validation = settings.split("val")
        self.references = [file_mask(case) for case in self.validation]

    @abstractmethod
    def train_epoch(self) -> None:
        """Train for one epoch."""

    @abstractmethod
    def predict(self, number: int) -> np.ndarray:
        """Return the foreground (H, W) of a validation case on its own grid."""

    def score(self) -> float:
        """Return the mean over the validation images of Dice on each one's own grid."""
        scores = []
        for number, reference in enumerate(self.references):
            predicted = self.predict(number)
            scores.append(2 * np.count_nonzero(predicted & reference) / (predicted.sum() + reference.sum()))
        return float(np.mean(scores))


class SegkitWay(Way):
    """segkit's store, batches, losses, optimizer and trainer."""

    name = "segkit"

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings)
        registry, reader = Registry.discover(), settings.dataset
        arch = registry.find("arch", "smp-unet")
        network = arch.load()(reader.task, arch.component.params(encoder=ENCODER))
        network.network.load_state_dict(settings.network().state_dict())
        self.model = network.to(memory_format=torch.channels_last)
        terms = []
        for name in ("bce", "dice"):
            found = registry.find("loss", name)
            terms.append(WeightedLoss(name, 1.0, found.load()(reader.task, found.component.params())))
        samples = [read_at(reader, case, (SIZE, SIZE), "isic") for case in self.validation]
        self.samples = [(sample.image, sample.shape) for sample in samples]
        normalization, run = Normalization("image"), Run(seed=settings.seed)
        self.predictor = Predictor(self.model, reader.task, (SIZE, SIZE), normalization, CPU, run.autocast)
        start = time.perf_counter()
        store = open_store(reader, "isic", settings.split("train"), (SIZE, SIZE), folder=folder, workers=CORES)
        self.prepared = time.perf_counter() - start
        more: dict[str, Any] = {"normalization": normalization, "device": CPU, "workers": 1}
        batches = Batches(store, batch_size=BATCH, seed=settings.seed, augment=CHANGES, **more)
        chosen = Train(epochs=settings.epochs, batch_size=BATCH, learning_rate=RATE)
        watch: dict[str, Any] = {"validate": None, "select": None, "progress": Progress()}
        self.trainer = Trainer(self.model, Objective(terms), batches, chosen, run, CPU, **watch)

    def train_epoch(self) -> None:
        """Take an epoch's steps."""
        with kept_for_reuse(CPU):
            self.trainer.take_steps()
        self.trainer.history.append(self.trainer.end_epoch())
        self.trainer.begin_epoch(self.trainer.epoch + 1)

    def predict(self, number: int) -> np.ndarray:
        """Predict as `segkit run` does."""
        self.model.eval()
        return self.predictor.labels(*self.samples[number]) > 0


class LoopWay(Way):
    """A loop as it is usually written: default memory layout, float32, a loader of (image, mask)."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.model = settings.network()
        self.pictures = [self.picture(case) for case in self.validation]
        start = time.perf_counter()
        self.loader = self.make_loader(settings.split("train"), settings.seed)
        self.prepared = time.perf_counter() - start
        self.loss = self.make_loss()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=RATE, weight_decay=1e-4)
        steps = settings.epochs * len(self.loader)  # type: ignore[arg-type]
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, RATE, total_steps=steps, pct_start=0.1, cycle_momentum=False
        )

    def picture(self, case: Case) -> torch.Tensor:
        """Return a validation image (3, H, W) made as those to train on, unchanged."""
        return normalized(plain_pair(case)[0])

    @abstractmethod
    def make_loader(self, cases: list[Case], seed: int) -> Iterable[Any]:
        """Return what gives an epoch's batches."""

    @abstractmethod
    def make_loss(self) -> Any:
        """Return what takes logits and masks (N, 1, H, W)."""

    def train_epoch(self) -> None:
        """Take an epoch's steps."""
        self.model.train()
        for batch in self.loader:
            images, masks = batch if isinstance(batch, list) else (batch["image"], batch["mask"])
            self.optimizer.zero_grad()
            loss = self.loss(self.model(images), masks)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()

    @torch.no_grad()
    def predict(self, number: int) -> np.ndarray:
        """Interpolate the logits to the mask's grid."""
        self.model.eval()
        logits = self.model(self.pictures[number][None])
        shape = self.references[number].shape
        found: np.ndarray = functional.interpolate(logits, size=shape, mode="bilinear")[0, 0].numpy() > 0
        return found


class PlainWay(LoopWay):
    """segmentation_models.pytorch's losses, and a Dataset that decodes."""

    name = "plain loop"

    def make_loader(self, cases: list[Case], seed: int) -> Iterable[Any]:
        """Return a DataLoader with a process per core."""
        return DataLoader(PlainData(cases), BATCH, shuffle=True, num_workers=CORES, persistent_workers=True)

    def make_loss(self) -> Any:
        """Return the library's binary cross entropy and Dice."""
        from segmentation_models_pytorch import losses

        dice, entropy = losses.DiceLoss("binary"), losses.SoftBCEWithLogitsLoss()
        return lambda logits, masks: entropy(logits, masks) + dice(logits, masks)


class PlainData(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Decodes, resizes and changes a pair each time it is asked for."""

    def __init__(self, cases: list[Case]) -> None:
        from torchvision.transforms import v2

        self.cases = cases
        self.colour = v2.ColorJitter(CHANGES.brightness, CHANGES.contrast, CHANGES.saturation)
        turn = v2.RandomApply([v2.RandomRotation((90, 90))], p=CHANGES.transpose)
        affine = v2.RandomAffine(
            CHANGES.rotation,
            translate=(CHANGES.shift, CHANGES.shift),
            scale=(1 / (1 + CHANGES.scale), 1 + CHANGES.scale),
            interpolation=v2.InterpolationMode.BILINEAR,
        )
        flips = [v2.RandomHorizontalFlip(CHANGES.flip), v2.RandomVerticalFlip(CHANGES.flip)]
        self.geometric = v2.Compose([*flips, turn, affine])

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        from torchvision import tv_tensors

        image, mask = plain_pair(self.cases[index])
        image, mask = self.geometric(tv_tensors.Image(normalized(self.colour(image))), tv_tensors.Mask(mask))
        return image.as_subclass(torch.Tensor), mask.as_subclass(torch.Tensor)


class MonaiWay(LoopWay):
    """MONAI's transforms, cache, loader and loss."""

    name = "MONAI"

    def picture(self, case: Case) -> torch.Tensor:
        """Load a validation image by MONAI's transforms."""
        from monai import transforms as mt

        steps = mt.Compose([*self.loading(["image"]), self.normalization()])
        image: torch.Tensor = steps({"image": str(case.files[0])})["image"]
        return image

    @staticmethod
    def loading(keys: list[str]) -> list[Any]:
        """Return the transforms whose result is cached."""
        from monai import transforms as mt

        count = len(keys)
        return [
            mt.LoadImaged(keys, reader="PILReader", ensure_channel_first=True, reverse_indexing=False),
            mt.Resized(keys, (SIZE, SIZE), mode=("bilinear", "nearest")[:count], anti_aliasing=(True, False)[:count]),
            mt.ScaleIntensityRanged(keys, 0, 255, 0, 1, clip=True),
            mt.EnsureTyped(keys, track_meta=False),
        ]

    @staticmethod
    def normalization() -> Any:
        """Return the transform to zero mean and unit deviation per channel."""
        from monai import transforms as mt

        return mt.NormalizeIntensityd("image", channel_wise=True)

    def make_loader(self, cases: list[Case], seed: int) -> Iterable[Any]:
        """Fill the cache."""
        from monai import transforms as mt
        from monai.data import CacheDataset, ThreadDataLoader

        both = ["image", "mask"]
        files = [{"image": str(case.files[0]), "mask": str(case.files[1])} for case in cases]
        affine = mt.RandAffined(
            both,
            prob=CHANGES.warp,
            rotate_range=float(np.deg2rad(CHANGES.rotation)),
            scale_range=CHANGES.scale,
            translate_range=CHANGES.shift * SIZE,
            mode=("bilinear", "nearest"),
            padding_mode="zeros",
        )
        steps = mt.Compose(
            [
                *self.loading(both),
                mt.AsDiscreted("mask", threshold=0.5),
                mt.RandShiftIntensityd("image", offsets=CHANGES.brightness, prob=1.0),
                mt.RandScaleIntensityFixedMeand("image", factors=CHANGES.contrast, fixed_mean=True, prob=1.0),
                mt.RandFlipd(both, prob=CHANGES.flip, spatial_axis=0),
                mt.RandFlipd(both, prob=CHANGES.flip, spatial_axis=1),
                mt.RandRotate90d(both, prob=CHANGES.transpose, max_k=1),
                self.normalization(),
                affine,
            ]
        )
        steps.set_random_state(seed)
        data = CacheDataset(files, steps, num_workers=CORES, progress=False)
        loader: Iterable[Any] = ThreadDataLoader(data, batch_size=BATCH, shuffle=True, num_workers=0)
        return loader

    def make_loss(self) -> Any:
        """Return the library's sum of Dice and cross entropy."""
        from monai.losses import DiceCELoss

        return DiceCELoss(sigmoid=True)


def plain_pair(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    """Decode and resize a pair as anybody would: (3, H, W) in 0 to 1, and (1, H, W) of 0 and 1."""
    with Image.open(case.files[0]) as photograph, Image.open(case.files[1]) as mask:
        image = np.asarray(photograph.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        marked = np.asarray(mask.convert("L").resize((SIZE, SIZE), Image.Resampling.NEAREST)) > 128
    pixels = torch.from_numpy(image.transpose(2, 0, 1).copy()).float().div_(255)
    return pixels, torch.from_numpy(marked.astype(np.float32))[None]


def file_mask(case: Case) -> np.ndarray:
    """Return the lesion (H, W) of a case's mask file."""
    with Image.open(case.files[1]) as mask:
        return np.asarray(mask.convert("L")) > 128


def normalized(image: torch.Tensor) -> torch.Tensor:
    """Return an image (C, H, W) with zero mean and unit deviation per channel."""
    return (image - image.mean((1, 2), keepdim=True)) / image.std((1, 2), keepdim=True).clamp_min(1e-5)
