"""Label maps as palette PNG."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from segkit.data.label_png import PALETTE, read_labels, write_labels
from segkit.errors import UnusableFileError


@pytest.mark.parametrize("largest", [0, 1, 3, 15, 16, 200])
def test_every_label_comes_back(tmp_path, largest):
    """Whatever the number of classes, the file's indices are the labels, and Pillow alone reads them."""
    labels = np.random.default_rng(0).integers(0, largest, (37, 61), np.uint8, endpoint=True)
    labels[0, 0] = largest
    write_labels(tmp_path / "a.png", labels)
    with Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), labels)
        colours = np.asarray(image.convert("RGB"))
    classes = np.reshape(PALETTE, (-1, 3))[1:]
    assert np.array_equal(colours[labels > 0], classes[(labels[labels > 0] - 1) % len(classes)])
    assert not colours[labels == 0].any()
    assert np.array_equal(read_labels(tmp_path / "a.png"), labels)


def test_saved_anew_by_another_program(tmp_path):
    """Grey, colours or another palette: what the numbers then stand for nobody knows, and it is refused."""
    write_labels(tmp_path / "p.png", (np.arange(1200).reshape(40, 30) % 3).astype(np.uint8))
    with Image.open(tmp_path / "p.png") as picture:
        colours = picture.convert("RGB")
        other = picture.remap_palette([2, 1, 0])
    for picture in (colours, colours.convert("L"), other):
        picture.save(tmp_path / "p.png")
        with pytest.raises(UnusableFileError, match=r"p\.png is no prediction as it was written"):
            read_labels(tmp_path / "p.png")
