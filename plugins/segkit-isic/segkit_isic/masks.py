"""Label maps as the challenge's black and white masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from segkit import SegkitError
from segkit.data.label_png import read_labels
from segkit.files import whole_folder

LARGEST_LABEL = 1
"""The lesion; Task 1 has one class."""


def write_masks(label_maps: Sequence[Path], target: Path) -> None:
    """Write each label map as NAME_segmentation.png, 8 bits, 0 and 255, into a new folder, whole or not at all.

    Raises:
        SegkitError: the folder holds something already, or a label map has classes that the challenge has not.
        UnusableFileError: a file is no label map of segkit.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SegkitError(f"--output {target} already holds something", "name another folder")
    with whole_folder(target) as building:
        for path in label_maps:
            labels = read_labels(path)
            if labels.max(initial=0) > LARGEST_LABEL:
                raise SegkitError(
                    f"{path.name} has label {labels.max()}: Task 1 has the lesion alone",
                    "hand in the predictions of a model that was trained on --data isic",
                )
            mask = Image.fromarray(labels.astype(np.uint8) * 255)
            mask.save(building / f"{path.stem}_segmentation.png", "PNG", optimize=True)
