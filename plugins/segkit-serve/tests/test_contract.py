"""The plugin keeps to the contract."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import segkit.testing
from segkit_serve.corrections import Corrections


def write(root: Path) -> None:
    """Write corrections of twelve photographs of a disc, as the server keeps them."""
    shutil.rmtree(root, ignore_errors=True)
    Corrections(root, ["disc"], 2)
    for number in range(12):
        rows, columns = np.mgrid[:40, :48]
        mask = ((rows - 12 - number) ** 2 + (columns - 20) ** 2 < 64).astype(np.uint8)
        image = mask[..., None] * np.uint8(150) + np.random.default_rng(number).integers(0, 80, (40, 48, 3))
        Image.fromarray(image.astype(np.uint8)).save(root / "images" / f"{number:020x}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number:020x}.png")


test_plugin = segkit.testing.plugin_checks("segkit-serve", samples={"corrections": write})
