"""Datasets that are each wrong in one way."""

from __future__ import annotations

import random
import shutil
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile
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


@data("interface", "raise it when read() returns something else")
class no_version(Reader):
    reader_version = None


@data("sample", "write cases of train")
class training_cases_alone(Reader):
    def files(self, split):
        return super().files(split) if split == "train" else []


@data("sample-repeats", "a generator of a fixed seed")
class sample_of_today(Reader):
    @classmethod
    def make_sample(cls, root, params):
        super().make_sample(root, params)
        (root / "made.txt").write_text(str(time.time()))


@data("splits", "split by group", "moved")
class patient_in_two_splits(Reader):
    def case(self, split, file):
        return segkit.Case(self.name(file), "patient-1", (file, self.mask_of(file)))


@data("splits", "leave out slashes", "moved", "missing-file", "broken-file")
class path_in_the_id(Reader):
    def name(self, file):
        return str(file)


@data("splits", "keep ids apart")
class one_id_twice(Reader):
    def name(self, file):
        return file.name.split("-")[1]


@data("moved", "never of its path")
class place_in_the_group(Reader):
    def case(self, split, file):
        return segkit.Case(self.name(file), f"{self.root}/{split}".replace("/", "_"), (file, self.mask_of(file)))


@data("equal-pictures", "give each case its own file")
class copies_across_splits(Reader):
    @classmethod
    def make_sample(cls, root, params):
        super().make_sample(root, params)
        shutil.copy(root / "train" / "train-0-image.png", root / "test" / "test-1-image.png")


@data("order", "sort what is listed")
class not_sorted(Reader):
    def files(self, split):
        return list((self.root / split).glob("*-image.png"))


@data("order", "deal splits out by a seed")
class shuffled_each_time(Reader):
    def files(self, split):
        found = super().files(split)
        return sorted(found, key=lambda _: random.random())


@data("read", "mend what read() returns")
class image_in_double(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image.astype(np.float64), mask)


@data("read", "mend what read() returns", "as-pillow-reads")
class channels_at_the_end(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image.transpose(1, 2, 0), mask)


@data("read", "mend what read() returns")
class mask_of_another_size(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image, mask[:-1])


@data("read", "return segkit.Sample", "labels")
class pair_in_place_of_a_sample(Reader):
    def sample(self, image, mask):
        return image, mask


@data("read", "leave augmentation to the core")
class augmented(Reader):
    def sample(self, image, mask):
        return segkit.Sample(np.roll(image, random.randrange(1, 99999), axis=2), mask)


@data("read", "integer type")
class mask_with_a_channel(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image, mask.astype(np.float32))


@data("labels", "map the file's values")
class grey_values_for_labels(Reader):
    @classmethod
    def drawn(cls):
        return super().drawn() * 100


@data("labels", "map the file's values")
class mask_interpolated(Reader):
    def sample(self, image, mask):
        small = Image.fromarray(mask * 60).resize((9, 7), Image.Resampling.BILINEAR)
        return segkit.Sample(image, np.asarray(small.resize(mask.shape[::-1], Image.Resampling.BILINEAR)) // 4)


@data("labels", "255 means ignore")
class everything_ignored(Reader):
    @classmethod
    def drawn(cls):
        return np.where(super().drawn() > 0, 255, 0).astype(np.uint8)


@data("classes", "labels are one too low")
class labels_one_too_low(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image, np.where(mask > 0, mask - 1, 0).astype(np.uint8))


@data("classes", "draw the class into the sample")
class class_that_is_nowhere(Reader):
    task = segkit.Task(3, ("first", "second", "third"))


@data("as-pillow-reads", "turn OpenCV's BGR round")
class blue_first(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image[::-1].copy(), mask)


@data("as-pillow-reads", "give every case at its own size")
class resized_in_read(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image[:, ::2, ::2].copy(), mask[::2, ::2].copy())


@data("own-arrays", "return copies", "threads")
class arrays_kept(Reader):
    def read(self, case):
        self.kept = getattr(self, "kept", {})
        if case.id not in self.kept:
            self.kept[case.id] = super().read(case)
        return self.kept[case.id]


@data("threads", "open files within read()")
class buffer_on_self(Reader):
    def read(self, case):
        self.image = self.load(case.files[0])
        time.sleep(0.003)
        mask = self.load(case.files[1])
        return self.sample(self.image.transpose(2, 0, 1).copy(), mask)


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


@data("verify", "mend make_sample or verify")
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


@data("globals", "PIL's switches", "broken-file")
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
