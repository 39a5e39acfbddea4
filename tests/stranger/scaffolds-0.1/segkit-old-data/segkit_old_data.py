"""Discs on noise."""

from dataclasses import dataclass
from pathlib import Path

import segkit

# Replace by the folders of your data: train, val and test hold images/ID.png and masks/ID.png.
FOLDERS = {"train": "train", "val": "val", "test": "test"}
SAMPLE = {"train": 16, "val": 4, "test": 6}
# Replace by what suits the data; `segkit list` names losses and metrics.
RECIPE = {
    "data.size": (64, 64),
    "components.loss": "bce + dice",
    "components.metrics": ("dice", "iou"),
    "train.epochs": 5,
    "train.batch_size": 4,
    "train.learning_rate": 0.003,
    "augment.flip": 0.5,
}


@dataclass(frozen=True)
class Params:
    """What can be set with `--set data.PARAM=VALUE`."""

    # Replace by the params of your dataset.
    sample_seed: int = segkit.param(0, "Seed of the generated sample.", min=0, max=2**31 - 1)


@segkit.hookimpl
def segkit_datasets():
    """Declare the dataset; numpy and Pillow are imported when it is read."""
    # Replace the summary by what it is, and say where it comes from in homepage= and reference=.
    summary = "Discs on noise."
    return [segkit.Dataset(name="old-data", factory="segkit_old_data:Reader", params=Params, summary=summary)]


class Reader:
    """Pairs of PNG files in folders."""

    # Replace by your channels, and by your classes in label order; raise reader_version when read() changes.
    task = segkit.Task(in_channels=3, classes=("structure",))
    reader_version = 1
    recipe = RECIPE

    def __init__(self, root, params):
        self.root = Path(root)
        if not (self.root / FOLDERS["train"] / "images").is_dir():
            raise segkit.SegkitError(
                f"{self.root} has no folder {FOLDERS['train']}/images", "give the folder above it as --data-root"
            )

    @classmethod
    def download(cls, root, params, progress):
        """Fetch the data; with addresses of zip archives, segkit.data.archives.download_archives does it."""
        raise segkit.SegkitError("old-data cannot be downloaded", "copy the data and name its folder with --data-root")

    @classmethod
    def make_sample(cls, root, params):
        """Draw discs on noise, in the layout of the real data."""
        import numpy as np
        from PIL import Image

        generator = np.random.default_rng(params.sample_seed)
        rows, columns = np.mgrid[:48, :56]
        for split, count in SAMPLE.items():
            for kind in ("images", "masks"):
                (Path(root) / FOLDERS[split] / kind).mkdir(parents=True)
            for number in range(count):
                (row, column), radius = generator.integers(16, 32, 2), generator.integers(6, 13)
                mask = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
                image = generator.integers(0, 120, (48, 56, 3)) + 100 * mask[..., None]
                name = f"{split}-{number:03}.png"
                Image.fromarray(image.astype(np.uint8)).save(Path(root) / FOLDERS[split] / "images" / name)
                Image.fromarray(mask.astype(np.uint8) * 255).save(Path(root) / FOLDERS[split] / "masks" / name)

    def cases(self, split):
        """List a split without reading pixels; give patients as group= where they are known."""
        problems = list(self.unpaired(split))
        if problems:
            raise segkit.SegkitError(f"{problems[0].file} {problems[0].reason}", "copy it again")
        images = sorted((self.root / FOLDERS[split] / "images").glob("*.png"))
        return [segkit.Case(image.stem, files=(image, self.mask_of(image))) for image in images]

    def read(self, case):
        """Read one case at its own resolution: image (C, H, W), mask (H, W) with labels 0, 1, ... and 255."""
        import numpy as np

        image, mask = (self.pixels(file, mode) for file, mode in zip(case.files, ("RGB", "L"), strict=True))
        # Replace by how your masks mark the classes.
        return segkit.Sample(image=image.transpose(2, 0, 1), mask=(mask > 127).astype(np.uint8))

    def verify(self, progress=None):
        """Read everything and tell what is wrong."""
        problems = [problem for split in FOLDERS for problem in self.unpaired(split)]
        cases = [] if problems else [case for split in FOLDERS for case in self.cases(split)]
        for done, case in enumerate(cases, 1):
            for file, mode in zip(case.files, ("RGB", "L"), strict=True):
                try:
                    self.pixels(file, mode)
                except segkit.SegkitError as error:
                    problems.append(segkit.Problem(file.relative_to(self.root).as_posix(), error.message))
            if progress is not None:
                progress(done, len(cases))
        return problems

    def mask_of(self, image):
        """The mask's file."""
        return image.parents[1] / "masks" / image.name

    def unpaired(self, split):
        """Yield what is missing of a split."""
        folder = self.root / FOLDERS[split]
        images, masks = ({file.name for file in (folder / kind).glob("*.png")} for kind in ("images", "masks"))
        for kind, missing in (("masks", images - masks), ("images", masks - images)):
            for name in sorted(missing):
                yield segkit.Problem(f"{FOLDERS[split]}/{kind}/{name}", "is missing")

    def pixels(self, file, mode):
        """Decode a file."""
        import numpy as np

        from segkit.data.image_files import open_image

        try:
            with open_image(file) as picture:
                return np.asarray(picture.convert(mode))
        except (OSError, SyntaxError, ValueError) as error:
            raise segkit.SegkitError(f"{file.name} cannot be read: {error}", "copy it again") from None
