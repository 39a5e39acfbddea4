"""What every plugin has to pass, on a folder of photographs."""

import numpy as np
from PIL import Image

from segkit.testing import plugin_checks


def write(root):
    """Write ten photographs and their masks, which the plugin shares out."""
    (root / "images").mkdir()
    (root / "masks").mkdir()
    for number in range(10):
        image = np.random.default_rng(number).integers(0, 255, (20, 24, 3), dtype=np.uint8)
        mask = np.zeros((20, 24), np.uint8)
        mask[4:12, 6:15] = 255
        Image.fromarray(image).save(root / "images" / f"case-{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"case-{number}.png")


test_plugin = plugin_checks("segkit-folder", samples={"folder": write})
