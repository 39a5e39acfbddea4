"""What wrong datasets have in common, and their table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from wrong import Table

import segkit

DATASETS = Table()
COUNTS = {"train": 3, "val": 1, "test": 2}


class Reader:
    """Photographs and masks as PNG in a folder per split; what is wrong is in a subclass."""

    task = segkit.Task(3, ("first", "second"))
    reader_version = 1
    recipe = {"train.epochs": 3}

    def __init__(self, root, params):
        self.root, self.params = Path(root), params
        if not (self.root / "train").is_dir():
            raise segkit.SegkitError(f"{self.root.name} has no folder train", "give the root of the dataset")

    @classmethod
    def make_sample(cls, root, params):
        generator = np.random.default_rng(0)
        for split, count in COUNTS.items():
            (root / split).mkdir(parents=True)
            for number in range(count):
                image = generator.integers(0, 90, (14, 17, 3), dtype=np.uint8) + np.array([150, 80, 0], np.uint8)
                Image.fromarray(image).save(root / split / f"{split}-{number}-image.png")
                Image.fromarray(cls.drawn()).save(root / split / f"{split}-{number}-mask.png")

    @classmethod
    def drawn(cls):
        mask = np.zeros((14, 17), np.uint8)
        mask[3:8, 4:9], mask[9:12, 4:12] = 1, 2
        return mask

    def files(self, split):
        return sorted((self.root / split).glob("*-image.png"))

    def cases(self, split):
        for mask in (self.root / split).glob("*-mask.png"):
            if not mask.with_name(mask.name.replace("-mask", "-image")).exists():
                raise segkit.SegkitError(f"the image of {mask.name} is missing", "copy it again")
        return [self.case(split, file) for file in self.files(split)]

    def case(self, split, file):
        return segkit.Case(self.name(file), f"{split}-0", (file, self.mask_of(file)))

    def name(self, file):
        return file.name.removesuffix("-image.png")

    def mask_of(self, file):
        return file.with_name(file.name.replace("-image", "-mask"))

    def load(self, file):
        try:
            with Image.open(file) as image:
                return np.array(image)
        except (OSError, ValueError, SyntaxError) as error:
            raise segkit.SegkitError(f"{file.name} cannot be read: {error}", "copy it again") from None

    def read(self, case):
        image, mask = self.load(case.files[0]), self.load(case.files[1])
        return self.sample(image.transpose(2, 0, 1).copy(), mask)

    def sample(self, image, mask):
        return segkit.Sample(image, mask)

    def verify(self, progress=None):
        problems = []
        for split in COUNTS:
            for file in sorted((self.root / split).glob("*.png")):
                other = (
                    file.name.replace("-image", "-mask")
                    if "image" in file.name
                    else (file.name.replace("-mask", "-image"))
                )
                if not file.with_name(other).exists():
                    problems.append(segkit.Problem(f"{split}/{other}", "is missing"))
                try:
                    self.load(file)
                except segkit.SegkitError as error:
                    problems.append(segkit.Problem(f"{split}/{file.name}", str(error)))
        if progress is not None:
            progress(6, 6)
        return problems


def data(check, says, *also, **declares):
    """Register a reader."""
    return DATASETS.add(check, says, *also, **declares)
