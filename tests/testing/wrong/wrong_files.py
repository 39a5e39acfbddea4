"""Datasets that each deal wrongly with files, folders or what they are told in one way."""

from __future__ import annotations

import random
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dataset_base import COUNTS, Reader, data
from PIL import Image, ImageFile

import segkit

OPEN = []


@data("files-closed", "write with open(...) as file", "globals")
class files_left_open(Reader):
    def read(self, case):
        OPEN.append(open(case.files[0], "rb"))  # noqa: SIM115, PTH123 - the mistake
        return super().read(case)


@data("root-kept", "keep it in memory", "missing-file")
class cache_in_the_root(Reader):
    def read(self, case):
        found = super().read(case)
        np.save(self.root / "cache.npy", found.image)
        return found


@data("files-named", "name every file of a case", "missing-file", "broken-file")
class mask_not_named(Reader):
    def case(self, split, file):
        return segkit.Case(self.name(file), f"{split}-0", (file,))

    def read(self, case):
        image, mask = self.load(case.files[0]), self.load(self.mask_of(case.files[0]))
        return self.sample(image.transpose(2, 0, 1).copy(), mask)


@data("recipe", "mend the recipe")
class recipe_misspelt(Reader):
    recipe = {"train.epoch": 3}


@data("recipe", "require the distributions")
class recipe_of_what_is_not_there(Reader):
    recipe = {"components.loss": "a-loss-of-nobody"}


@data("wrong-root", "look for the dataset's own folders")
class any_folder(Reader):
    def __init__(self, root, params):
        self.root, self.params = Path(root), params


@data("wrong-root", "raise segkit.SegkitError")
class bare_exception(Reader):
    def __init__(self, root, params):
        self.root = Path(root)
        if not (self.root / "train").is_dir():
            raise FileNotFoundError(root)


@data("verify", "what verify takes for a problem")
class false_problems(Reader):
    def verify(self, progress=None):
        return [*super().verify(progress), segkit.Problem("train", "is odd")]


@data("verify", "call progress(done, total)")
class no_progress(Reader):
    def verify(self, progress=None):
        return super().verify()


@data("missing-file", "raise segkit.SegkitError")
class missing_mask_is_empty(Reader):
    def load(self, file):
        return super().load(file) if file.exists() else np.zeros((14, 17), np.uint8)


@data("broken-file", "from verify()")
class verify_by_name_alone(Reader):
    def verify(self, progress=None):
        checked, self.load = self.load, lambda file: None
        try:
            return super().verify(progress)
        finally:
            self.load = checked


@data("broken-file", "raise segkit.SegkitError", "globals")
class cut_files_read(Reader):
    def load(self, file):
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        return super().load(file)


@data("globals", "LOAD_TRUNCATED_IMAGES", "broken-file")
class pillow_turned(Reader):
    def load(self, file):
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        return super().load(file)


@data("globals", "random.seed")
class seeds_python(Reader):
    def __init__(self, root, params):
        super().__init__(root, params)
        random.seed(0)


@data("globals", "warnings.filters")
class silences_warnings(Reader):
    def read(self, case):
        warnings.filterwarnings("ignore")
        return super().read(case)


@data("silent", "take out print()")
class prints(Reader):
    def cases(self, split):
        print("reading", split)
        return super().cases(split)


@dataclass(frozen=True)
class Fold:
    """Params of a dataset."""

    fold_of_five: int = segkit.param(0, "Which fifth is scored.", min=0, max=4)


@data("params-effect", "nothing reads", params=Fold)
class param_forgotten(Reader):
    def __init__(self, root, params):
        super().__init__(root, None)


class Volumes(Reader):
    """Volumes of .npy."""

    task = segkit.Task(1, ("first",), 3)
    lock = threading.Lock()

    @classmethod
    def make_sample(cls, root, params):
        generator = np.random.default_rng(0)
        for split, count in COUNTS.items():
            (root / split).mkdir(parents=True)
            for number in range(count):
                mask = np.zeros((4, 6, 5), np.uint8)
                mask[1:3, 2:4, 1:4] = 1
                Image.fromarray(mask.reshape(24, 5)).save(root / split / f"{split}-{number}-mask.png")
                image = generator.integers(0, 255, (24, 5), dtype=np.uint8)
                Image.fromarray(image).save(root / split / f"{split}-{number}-image.png")

    def read(self, case):
        image, mask = (self.load(file).reshape(4, 6, 5) for file in case.files)
        return self.sample(image[None].copy(), mask)


@data("affine", "in the order of the image's axes", modes={"patches": 3})
class spacing_turned_round(Volumes):
    def sample(self, image, mask):
        affine = np.diag([3.0, 1.0, 0.5, 1.0])
        return segkit.Sample(image, mask, spacing=(0.5, 1.0, 3.0), affine=affine)


@data("read", "spacing", modes={"patches": 3})
class spacing_of_zero(Volumes):
    def sample(self, image, mask):
        return segkit.Sample(image, mask, spacing=(0.0, 1.0, 1.0))
