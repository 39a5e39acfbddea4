"""A right dataset of .npy files and, by the param `fault`, one that is wrong in a single way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segkit

COUNTS = {"train": 3, "val": 1, "test": 2}


@dataclass(frozen=True)
class Params:
    fault: str = segkit.param("none", "What is wrong with it.")


class Reader:
    task = segkit.Task(1, ("class-1",))
    reader_version = 1

    def __init__(self, root: Path, params: Any) -> None:
        self.root, self.fault = Path(root), params.fault
        if self.fault != "wrong-root" and not (self.root / "train").is_dir():
            raise segkit.SegkitError(f"{self.root.name} has no folder train", "give the root of the dataset")

    @property
    def recipe(self) -> Mapping[str, Any]:
        return {"train.epoch" if self.fault == "recipe" else "train.epochs": 3}

    @classmethod
    def download(cls, root: Path, params: Any, progress: Any) -> None:
        raise segkit.SegkitError("it is never downloaded", "use the sample")

    @classmethod
    def make_sample(cls, root: Path, params: Any) -> None:
        import numpy as np

        seed = None if params.fault == "sample-repeats" else 0
        generator = np.random.default_rng(seed)
        for split, count in COUNTS.items():
            if params.fault == "sample" and split != "train":
                continue
            (root / split).mkdir(parents=True)
            for number in range(count):
                image = generator.integers(0, 255, (1, 12, 15), dtype=np.uint8)
                mask = np.zeros((12, 15), np.uint8)
                mask[3:8, 4:9] = 255 if params.fault == "none" else 1
                mask[4:7, 5:8] = 3 if params.fault == "labels" else 1
                np.save(root / split / f"{split}-{number}-image.npy", image)
                np.save(root / split / f"{split}-{number}-mask.npy", mask)

    def cases(self, split: str) -> Sequence[segkit.Case]:
        files = sorted((self.root / split).glob("*-image.npy"))
        for mask in (self.root / split).glob("*-mask.npy"):
            if not mask.with_name(mask.name.replace("-mask", "-image")).exists() and self.fault != "missing-file":
                raise segkit.SegkitError(f"the image of {mask.name} is missing", "copy it again")
        group = "all" if self.fault == "splits" else split
        return [
            segkit.Case(file.name.removesuffix("-image.npy"), f"{group}-0", (file, self.mask_of(file)))
            for file in files
        ]

    def mask_of(self, image: Path) -> Path:
        mask = image.with_name(image.name.replace("-image", "-mask"))
        if not mask.exists() and self.fault != "missing-file":
            raise segkit.SegkitError(f"{mask.name} is missing", "copy it again")
        return mask

    def read(self, case: segkit.Case) -> segkit.Sample:
        import numpy as np

        image, mask = (self.load(file) for file in case.files)
        if self.fault == "read":
            image = image.astype(np.float64)
        return segkit.Sample(image, mask)

    def load(self, file: Path) -> Any:
        import numpy as np

        if self.fault == "broken-file" and file.exists():
            data = np.frombuffer(file.read_bytes(), np.uint8)[-180:]
            return np.resize(data, (1, 12, 15) if "image" in file.name else (12, 15)) % 2
        try:
            return np.load(file)
        except (OSError, ValueError, EOFError) as error:
            if self.fault == "missing-file" and isinstance(error, FileNotFoundError):
                raise
            raise segkit.SegkitError(f"{file.name} cannot be read: {error}", "copy it again") from None

    def verify(self, progress: Any = None) -> Sequence[segkit.Problem]:
        problems = [segkit.Problem("train", "is there")] if self.fault == "verify" else []
        for split in COUNTS:
            for file in sorted((self.root / split).glob("*.npy")):
                try:
                    self.load(file)
                except (segkit.SegkitError, FileNotFoundError) as error:
                    problems.append(segkit.Problem(f"{split}/{file.name}", str(error)))
                other = (
                    file.name.replace("-image", "-mask")
                    if "image" in file.name
                    else file.name.replace("-mask", "-image")
                )
                if not file.with_name(other).exists():
                    problems.append(segkit.Problem(f"{split}/{other}", "is missing"))
        if progress is not None:
            progress(6, 6)
        return problems


class ResizingReader(Reader):
    def read_resized(self, case: segkit.Case, size: tuple[int, ...]) -> segkit.Sample:
        import numpy as np

        sample = self.read(case)
        rows, columns = (np.arange(side) * old // side for side, old in zip(size, sample.shape, strict=True))
        image = sample.image[:, rows][:, :, columns]
        mean = sample.image.mean(dtype=np.float64)
        image = np.clip(image + (mean - image.mean(dtype=np.float64)), 0, 255).astype(np.uint8)
        if self.fault == "read-resized":
            return segkit.Sample(image, sample.mask[rows][:, columns])
        return segkit.Sample(image, sample.mask, grid=sample.mask.shape)


class NoReader:
    reader_version = 1


class SamplelessReader(Reader):
    make_sample = None
