"""Images that are there twice."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from segkit.data.duplicates import NEAR, find_pairs, prints_of


def picture(seed, side=96):
    """Smooth random structure, as photographs have: (3, side, side) uint8."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def as_image(array):
    return Image.fromarray(array.transpose(1, 2, 0))


def as_array(image):
    return np.asarray(image).transpose(2, 0, 1)


def compressed(array):
    buffer = io.BytesIO()
    as_image(array).save(buffer, "JPEG", quality=50)
    return as_array(Image.open(buffer))


COPIES = {
    "half as large": lambda array: as_array(as_image(array).resize((48, 48), Image.Resampling.LANCZOS)),
    "stretched": lambda array: as_array(as_image(array).resize((150, 70), Image.Resampling.BILINEAR)),
    "compressed": compressed,
    "brighter": lambda array: np.clip(array.astype(int) + 15, 0, 255).astype(np.uint8),
    "one pixel changed": lambda array: np.where(np.arange(array.size).reshape(array.shape) == 5, 255 - array, array),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_copies_are_near(change):
    """A copy is found among others, whatever was done to it; nothing else is."""
    images = [picture(seed) for seed in range(20)]
    images.append(change(images[7]).astype(np.uint8))
    [pair] = find_pairs([prints_of(image) for image in images])
    assert (pair.first, pair.second, pair.exact) == (7, 20, False)
    assert 0 <= pair.distance <= NEAR


def test_equal_images_are_exact():
    """Every pair of three equal images is told, once, before what is only near."""
    same, near = picture(1), COPIES["brighter"](picture(2))
    pairs = find_pairs([prints_of(image) for image in (picture(2), same, same.copy(), near, same)])
    assert [(pair.first, pair.second, pair.exact) for pair in pairs] == [
        (1, 2, True),
        (1, 4, True),
        (2, 4, True),
        (0, 3, False),
    ]


def test_distance_is_the_share_of_differing_bits():
    """All pairs over several blocks are those that comparing bit by bit gives."""
    prints = [prints_of(picture(seed, 24)) for seed in range(40)]
    expected = {
        (first, second): np.mean(prints[first].bits != prints[second].bits)
        for first in range(40)
        for second in range(first + 1, 40)
    }
    found = {(pair.first, pair.second): pair.distance for pair in find_pairs(prints, near=0.5)}
    assert found == pytest.approx({key: share for key, share in expected.items() if share <= 0.5})


def test_blocks_are_joined(monkeypatch):
    """Pairs are found within and across blocks alike."""
    prints = [prints_of(picture(seed % 5, 24)) for seed in range(12)]
    whole = find_pairs(prints)
    monkeypatch.setattr("segkit.data.duplicates.BLOCK", 4)
    assert find_pairs(prints) == whole
    assert len(whole) == 3 + 3 + 1 + 1 + 1


def test_flat_images_are_only_exact():
    """Images without structure are alike in nothing but their pixels."""
    black, grey = np.zeros((3, 20, 20), np.uint8), np.full((3, 20, 20), 99, np.uint8)
    [pair] = find_pairs([prints_of(image) for image in (black, grey, black.copy())])
    assert (pair.first, pair.second, pair.exact) == (0, 2, True)


def test_same_values_in_another_form_are_not_exact():
    """Shape and type belong to an image."""
    image = picture(3, 24)
    assert prints_of(image).exact != prints_of(image.astype(np.int16)).exact
    assert prints_of(image).exact != prints_of(image.reshape(3, 12, 48)).exact


def test_volumes():
    """Volumes are compared the same way."""
    random = np.random.default_rng(0)
    volumes = [random.normal(size=(1, 20, 24, 28)).astype(np.float32) for _ in range(5)]
    volumes.append(volumes[2] * 3 + 7)
    [pair] = find_pairs([prints_of(volume) for volume in volumes])
    assert (pair.first, pair.second) == (2, 5)
