import io

import numpy as np
import pytest
from PIL import Image

from segkit.report.overlays import (
    AGREEMENT,
    CONFUSED,
    EXTRA,
    IGNORED,
    MISSED,
    OVERLAP,
    agreement_map,
    agreement_png,
    make_overlay,
    outlines,
    svg_path,
)


def disc(size, radius):
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    return (np.hypot(rows, columns) < radius).astype(np.int64)


def enclosed_area(line):
    """The shoelace formula."""
    x, y = line[:, 0], line[:, 1]
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def test_agreement_of_every_pair_of_labels():
    """Each combination of reference and predicted label has its meaning."""
    reference = np.array([[0, 0, 1, 1, 1, 255, 255]])
    prediction = np.array([[0, 2, 0, 1, 2, 0, 1]])
    expected = [0, EXTRA, MISSED, OVERLAP, CONFUSED, IGNORED, IGNORED]
    assert agreement_map(reference, prediction).tolist() == [expected]


def test_outline_encloses_the_structure():
    """The outline of a disc has the disc's area and centre, at the image's scale and at half of it."""
    mask = disc(200, 60)
    for size in (200, 100):
        (line,) = outlines(mask, (size, size))
        scale = size / 200
        assert enclosed_area(line) == pytest.approx(mask.sum() * scale**2, rel=0.01)
        assert line[:-1].mean(axis=0) == pytest.approx([size / 2, size / 2], abs=0.5)


def test_outline_of_a_full_mask_runs_along_the_border():
    """A structure that fills the image is outlined at the image's border."""
    (line,) = outlines(np.ones((30, 50), int), (50, 30))
    assert line.min(axis=0).tolist() == [0, 0]
    assert line.max(axis=0).tolist() == [50, 30]


def test_tiny_structure_survives_shrinking():
    """One pixel of a large image is still outlined, near its place."""
    mask = np.zeros((2000, 3000), int)
    mask[500, 2400] = 1
    (line,) = outlines(mask, (600, 400))
    assert line.mean(axis=0) == pytest.approx([480, 100], abs=1)


def test_every_class_has_an_outline_and_ignore_none():
    """Two touching classes give two outlines; ignored pixels are no structure."""
    mask = np.zeros((20, 30), int)
    mask[5:15, 5:15], mask[5:15, 15:25], mask[0, 0] = 1, 2, 255
    assert len(outlines(mask, (30, 20))) == 2


def test_empty_mask_has_no_outline():
    """Nothing predicted draws nothing."""
    assert outlines(np.zeros((8, 8), int), (8, 8)) == []
    assert svg_path([]) == ""


def test_path_is_closed():
    """The SVG path closes each line once."""
    path = svg_path(outlines(disc(40, 10), (40, 40)))
    assert path.startswith("M")
    assert path.count("Z") == path.count("M") == 1


def test_shares_are_counted_on_the_whole_image(picture_maker):
    """Missed and extra shares come from the full grid, not from the picture's."""
    picture = picture_maker("c", "worst", 0.5, shift=0.1, grid=(900, 1500))
    reference, prediction = picture.reference > 0, picture.prediction > 0
    overlay = make_overlay(picture)
    assert overlay.image.shape == (384, 640, 3)
    assert overlay.agreement.shape == (384, 640)
    assert overlay.missed_share == pytest.approx((reference & ~prediction).sum() / reference.sum())
    assert overlay.extra_share == pytest.approx((prediction & ~reference).sum() / prediction.sum())


def test_agreement_png_decodes_to_its_colours():
    """Every meaning has its colour and background is fully transparent."""
    agreement = np.arange(6, dtype=np.uint8)[None]
    decoded = np.asarray(Image.open(io.BytesIO(agreement_png(agreement))).convert("RGBA"))[0]
    assert decoded[0, 3] == 0
    for key, (_, colour) in AGREEMENT.items():
        assert tuple(decoded[key, :3]) == colour
        assert 0 < decoded[key, 3] < 255
