"""Write the generated sample: dermoscopy-like pairs in the official folders of ISIC 2017."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

import segkit
from segkit_isic.dermoscopy import draw_with_hair
from segkit_isic.hair import hair_folder
from segkit_isic.layout import YEARS

HEIGHT, WIDTH = 192, 256
CASES = {"train": 96, "val": 16, "test": 40}
# Far above the ids of the challenge, so that nobody takes a generated picture for one of its photographs.
FIRST_ID = {"train": 9000000, "val": 9001000, "test": 9002000}
JPEG_QUALITY = 92

README = """GENERATED SAMPLE, not photographs of patients.

Written by segkit-isic {version} with sample_seed {seed}: {counts}.
The pictures imitate dermoscopy so that segkit can be tried without downloading anything. Scores on them say nothing
about any patient, and must not be compared with scores on ISIC data.

The real data: https://challenge.isic-archive.com/data/ (2017, Task 1). Unpack its archives into a folder of your own
and name that folder with --data-root.
"""


def write_sample(root: Path, seed: int, *, hair: bool = False) -> None:
    """Write train, validation and test pairs into the empty folder `root`; equal seeds write equal files.

    Args:
        hair: also write masks of the hair, into folders of their own.
    """
    for number, (split, count) in enumerate(CASES.items()):
        folders = YEARS["2017"][split]
        (root / folders.images).mkdir()
        (root / folders.masks).mkdir()
        if hair:
            (root / hair_folder(folders)).mkdir()
        for index in range(count):
            image, mask, hairs = draw_with_hair(np.random.default_rng((seed, number, index)), HEIGHT, WIDTH)
            id = f"ISIC_{FIRST_ID[split] + index}"
            write_image(root / folders.images / f"{id}.jpg", image, "JPEG", quality=JPEG_QUALITY)
            write_image(root / folders.masks / f"{id}_segmentation.png", mask * np.uint8(255), "PNG")
            if hair:
                write_image(root / hair_folder(folders) / f"{id}_hair.png", hairs * np.uint8(255), "PNG")
    counts = ", ".join(f"{count} {split}" for split, count in CASES.items()) + " pairs"
    readme = README.format(version=segkit.__version__, seed=seed, counts=counts)
    write_whole(root / "README.txt", readme.encode())


def write_image(path: Path, pixels: np.ndarray, format: str, **options: int) -> None:
    """Encode (H, W) or (H, W, 3) uint8 pixels and write the file whole."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format, **options)
    write_whole(path, encoded.getvalue())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that a killed run leaves no half of it."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
