"""Photographs that EXIF turns: outlines are taken on the grid that they were drawn on, or refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

WIDTH, HEIGHT = 12, 8
CORNER = [0, 0, 5, 0, 5, 3, 0, 3]
"""Marks columns 0 to 4 and rows 0 to 2 of whatever grid it was drawn on."""
SIDEWAYS, MIRRORED = (5, 6, 7, 8), (2, 3, 4)


def turned(mask: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a mask as Pillow turns a photograph of that orientation."""
    picture = Image.fromarray(mask)
    tags = Image.Exif()
    tags[0x0112] = orientation
    picture.info["exif"] = tags.tobytes()
    return np.asarray(ImageOps.exif_transpose(picture))


def corner(shape: tuple[int, int]) -> np.ndarray:
    """What CORNER marks on a grid."""
    mask = np.zeros(shape, np.uint8)
    mask[:3, :5] = 1
    return mask


@pytest.fixture
def case(root, coco, write, photograph, annotation):
    """Write one photograph with an orientation, its outline and the size that the file gives."""

    def make(orientation: int, size: tuple[int, int] | None, stored: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        content = coco(["a.jpg"], [annotation(1, segmentation=[CORNER])])
        del content["images"][0]["width"], content["images"][0]["height"]
        if size is not None:
            content["images"][0].update(width=size[0], height=size[1])
        write("all.json", content, None)
        photograph("images/a.jpg", stored, exif=orientation)

    return make


@pytest.mark.parametrize("orientation", SIDEWAYS)
def test_the_size_decides(case, whole, mask_of, orientation):
    """Width and height as stored: image and outlines are both turned; as upright: the outlines are as they are."""
    case(orientation, (WIDTH, HEIGHT))
    assert np.array_equal(mask_of(whole(), "a"), turned(corner((HEIGHT, WIDTH)), orientation))
    case(orientation, (HEIGHT, WIDTH))
    assert np.array_equal(mask_of(whole(), "a"), corner((WIDTH, HEIGHT)))


@pytest.mark.parametrize("orientation", [*SIDEWAYS, *MIRRORED])
def test_image_and_mask_lie_on_each_other(case, whole, root, orientation):
    """The image is given upright, at its own resolution and resampled, its mask always on the upright grid."""
    case(orientation, None)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(root / "images/a.jpg")))
    opened = whole(orientation="stored")
    [only] = opened.cases("train")
    sample = opened.read(only)
    assert np.array_equal(sample.image.transpose(1, 2, 0), upright)
    assert np.array_equal(sample.mask, turned(corner((HEIGHT, WIDTH)), orientation))
    small = opened.read_resized(only, (4, 4))
    assert small.image.shape == (3, 4, 4)
    assert small.shape == sample.mask.shape == upright.shape[:2]
    assert np.array_equal(small.mask, sample.mask)


@pytest.mark.parametrize(
    ("orientation", "size", "stored"),
    [
        *((orientation, (WIDTH, HEIGHT), (WIDTH, HEIGHT)) for orientation in MIRRORED),
        *((orientation, None, (WIDTH, HEIGHT)) for orientation in (*MIRRORED, *SIDEWAYS)),
        *((orientation, (WIDTH, WIDTH), (WIDTH, WIDTH)) for orientation in SIDEWAYS),
    ],
)
def test_where_the_size_cannot_decide(case, whole, mask_of, refused, orientation, size, stored):
    """Half turns, mirrored and square photographs, and files without a size are refused; one setting says it."""
    case(orientation, size, stored)
    assert "is turned by EXIF" in refused(lambda: mask_of(whole(), "a"))
    assert "is turned by EXIF" in next(iter(whole().verify())).reason
    on_stored, on_upright = mask_of(whole(orientation="stored"), "a"), mask_of(whole(orientation="upright"), "a")
    assert np.array_equal(on_stored, turned(corner(stored[::-1]), orientation))
    assert np.array_equal(on_upright, corner(on_stored.shape))


def test_a_size_that_fits_neither_way(case, whole, mask_of, refused):
    """Both sizes of the photograph are told, and what is written; a setting does not get around it."""
    case(6, (WIDTH + 1, HEIGHT))
    assert "images/a.jpg is 12x8 or 8x12, its annotations are for 13x8 pixels" in refused(lambda: mask_of(whole(), "a"))
    case(6, (WIDTH, HEIGHT))
    message = refused(lambda: mask_of(whole(orientation="upright"), "a"))
    assert "images/a.jpg is 8x12, its annotations are for 12x8 pixels" in message


@pytest.mark.parametrize("orientation", [1, 0, 99, None])
def test_photographs_that_are_not_turned(case, whole, mask_of, orientation):
    """No orientation, the upright one and numbers that mean nothing change nothing."""
    case(orientation, (WIDTH, HEIGHT))
    assert np.array_equal(mask_of(whole(), "a"), corner((HEIGHT, WIDTH)))


def test_yolo_labels_are_refused_too(label, root, yolo, mask_of, refused):
    """Shares of the image say nothing of its size: a turned photograph asks for the setting."""
    label("a", "0 0 0 0.5 0 0.5 0.5 0 0.5")
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.open(root / "images/a.png").save(root / "images/a.png", exif=tags)
    assert "no size says whether its outlines are too" in refused(lambda: mask_of(yolo(), "a"))
    upright = np.zeros((12, 8), np.uint8)
    upright[:6, :4] = 1
    assert np.array_equal(mask_of(yolo(orientation="upright"), "a"), upright)
    assert np.array_equal(mask_of(yolo(orientation="stored"), "a"), np.flip(upright, 1))
