"""What an image is recognised by: its pixels, whatever the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.data.content import content_digest
from segkit.data.photographs import read_photograph


def noise(*shape: int) -> np.ndarray:
    """Values that no other image has."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_a_photograph_saved_anew_without_loss_is_itself(tmp_path: Path, ending: str) -> None:
    """A JPEG that was renamed and saved again as PNG, TIFF or BMP has the digest that it had."""
    Image.fromarray(noise(40, 31, 3)).save(tmp_path / "a.jpg", quality=80)
    Image.open(tmp_path / "a.jpg").save(tmp_path / f"other.{ending}")
    one, two = (read_photograph(tmp_path, name)[0] for name in ("a.jpg", f"other.{ending}"))
    assert content_digest(one) == content_digest(two)


def test_types_do_not_matter() -> None:
    """Whole numbers saved as floats, in other byte orders or memory layouts are the same image."""
    volume = noise(1, 5, 6, 7).astype(np.int16) - 100
    forms = (volume.astype(np.float32), volume.astype(">f4"), np.asfortranarray(volume), volume * np.float32(1))
    assert {content_digest(form) for form in forms} == {content_digest(volume)}


def test_pixels_and_shape_do() -> None:
    """One other value, or the same values in another shape, are another image."""
    image = noise(3, 8, 8)
    other = image.copy()
    other[0, 0, 0] ^= 1
    assert len({content_digest(one) for one in (image, other, image.reshape(3, 4, 16), image[:, ::-1])}) == 4
