"""Images too large for a page are shown whole, shrunk, and where they differ most at full resolution."""

from __future__ import annotations

import numpy as np

from segkit.data.large_array import LargeArray
from segkit.report import large_pictures
from segkit.report.large_pictures import parts_shown, too_large, whole_shown


class Kept(LargeArray):
    """An array read by bands."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle."""
        return self.values[..., rows, columns]


def test_the_worst_parts_are_found(monkeypatch) -> None:
    """The part with most wrong pixels comes first, with its place and how many differ; ignored ones do not count."""
    monkeypatch.setattr(large_pictures, "LONGEST", 100)
    monkeypatch.setattr(large_pictures, "REGION", 64)
    image = np.random.default_rng(0).integers(0, 255, (3, 300, 400)).astype(np.uint8)
    reference, prediction = np.zeros((300, 400), np.uint8), np.zeros((300, 400), np.uint8)
    prediction[70:80, 330:340], prediction[200:204, 10:14], reference[:40, :60] = 1, 1, 255
    prediction[:40, :60] = 1
    for wrap in (lambda values: values, Kept):
        whole, *parts = parts_shown(wrap(image), wrap(reference), wrap(prediction))
        assert whole.image.shape == (3, 75, 100)
        assert whole.where == "all of its 300 x 400 pixels, shrunk"
        assert whole.reference.shape == whole.prediction.shape == (75, 100)
        assert [part.where.split(", ")[-1] for part in parts] == ["100 differ", "16 differ"]
        assert parts[0].where.startswith("rows 64 to 128, columns 320 to 384")
        assert np.array_equal(parts[0].image, image[:, 64:128, 320:384])
        assert np.array_equal(parts[0].prediction, prediction[64:128, 320:384])


def test_a_small_image_is_shown_as_it_is() -> None:
    """What fits on a page is not shrunk, and has no parts."""
    image, mask = np.zeros((3, 50, 60), np.uint8), np.zeros((50, 60), np.uint8)
    assert not too_large(image)
    assert too_large(Kept(image))
    assert whole_shown(image, mask, mask).where == ""
    assert len(parts_shown(Kept(image), Kept(mask), Kept(mask))) == 1


def test_overlapping_classes_are_shown(monkeypatch) -> None:
    """Planes of overlapping classes are shrunk and compared plane by plane."""
    monkeypatch.setattr(large_pictures, "LONGEST", 100)
    mask = np.zeros((2, 200, 300), np.uint8)
    mask[1, 20:40] = 1
    whole, *parts = parts_shown(Kept(np.zeros((3, 200, 300), np.uint8)), Kept(mask), np.zeros_like(mask))
    assert whole.reference.shape == (2, 67, 100)
    assert parts[0].reference.shape[0] == 2
