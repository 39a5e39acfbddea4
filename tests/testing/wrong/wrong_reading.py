"""Datasets that each list or read their cases wrongly in one way."""

from __future__ import annotations

import random
import shutil
import time

import numpy as np
from dataset_base import Reader, data
from PIL import Image

import segkit


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


@data("splits", "let ids differ over all splits")
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


@data("read", "let read() return segkit.Sample")
class image_in_double(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image.astype(np.float64), mask)


@data("read", "let read() return segkit.Sample", "as-pillow-reads")
class channels_at_the_end(Reader):
    def sample(self, image, mask):
        return segkit.Sample(image.transpose(1, 2, 0), mask)


@data("read", "let read() return segkit.Sample")
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
