"""What people call folders and files of images and of masks."""

from __future__ import annotations

import re

IMAGES = ("images", "image", "imgs", "img", "inputs", "input", "scans", "photos", "photographs", "jpegimages")
MASKS = (
    *("masks", "mask", "labels", "label", "segmentations", "segmentation", "annotations", "annotation"),
    *("groundtruth", "ground_truth", "gt", "manual", "1st_manual", "2nd_manual", "segmentationclass"),
)
SPLITS = {
    "train": ("train", "training", "tr"),
    "val": ("val", "valid", "validation", "va"),
    "test": ("test", "testing", "ts"),
}
MASK_ENDING = re.compile(r"[-_. ](mask|masks|seg|segmentation|label|labels|gt|groundtruth|annotation)\Z", re.IGNORECASE)
"""What a mask's name has behind its image's."""
COMPANION_ENDING = re.compile(
    MASK_ENDING.pattern.removesuffix(r")\Z") + r"|superpixels|overlay|heatmap|prediction|contour|outline)\Z",
    re.IGNORECASE,
)
"""What the name of a file that was made of an image has behind the image's."""


def with_split(words: tuple[str, ...], splits: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches a folder's name of a word and a split in either order, such as imagesTr or train-images."""
    word = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    split = "|".join(sorted(splits, key=len, reverse=True))
    return re.compile(rf"(?:(?:{word})[-_ ]?(?:{split})|(?:{split})[-_ ]?(?:{word}))\Z", re.IGNORECASE)


EVERY_SPLIT = tuple(form for forms in SPLITS.values() for form in forms)
IMAGES_OF_SPLIT, MASKS_OF_SPLIT = with_split(IMAGES, EVERY_SPLIT), with_split(MASKS, EVERY_SPLIT)


def holds_images(folder: str) -> bool:
    """Whether a folder of this name is one of images."""
    return folder.lower() in IMAGES or IMAGES_OF_SPLIT.match(folder) is not None


def holds_masks(folder: str) -> bool:
    """Whether a folder of this name is one of masks."""
    return folder.lower() in MASKS or MASKS_OF_SPLIT.match(folder) is not None
