"""The slice of a volume that a report shows."""

from __future__ import annotations

import numpy as np

from segkit.report.volume_pictures import grey_values, volume_slice


def masks(shape: tuple[int, ...] = (6, 8, 10)) -> tuple[np.ndarray, np.ndarray]:
    """Two empty label maps."""
    return np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)


def test_the_slice_with_most_differences_is_shown() -> None:
    """Not that with most foreground, and ignored voxels do not count as differences."""
    reference, prediction = masks()
    reference[1], prediction[1] = 1, 1
    reference[2, :2], prediction[4, 0] = 2, 1
    reference[5] = 255
    assert volume_slice(np.zeros((1, 6, 8, 10)), reference, prediction, None).where == "axial slice 3 of 6"
    assert volume_slice(np.zeros((1, 6, 8, 10)), reference, reference, None).where == "axial slice 2 of 6"
    assert volume_slice(np.zeros((1, 6, 8, 10)), *masks(), None).where == "axial slice 4 of 6"


def test_anterior_is_up_and_left_is_right() -> None:
    """What is anterior right in RAS order is at the top left of the picture, in image and masks alike."""
    reference, prediction = masks()
    image = np.zeros((1, 6, 8, 10), np.float32)
    image[0, 3, -1, -1], reference[3, -1, -1] = 1000, 1
    shown = volume_slice(image, reference, prediction, (1.0, 1.0, 1.0))
    assert shown.reference[0, 0] == 1
    assert shown.reference[-1].max() == 0
    assert shown.reference[:, -1].max() == 0
    assert shown.image[0, 0].tolist() == [255, 255, 255]
    assert shown.image[-1, -1].tolist() == [0, 0, 0]


def test_pixels_are_square() -> None:
    """Voxels twice as wide as high make a picture twice as wide; every label keeps its share of the area."""
    reference, prediction = masks((3, 20, 20))
    reference[1, :10] = 1
    shown = volume_slice(np.zeros((1, 3, 20, 20)), reference, prediction, (5.0, 1.0, 2.0))
    assert shown.image.shape == (192, 384, 3)
    assert shown.reference.shape == (192, 384)
    assert np.mean(shown.reference == 1) == 0.5


def test_greys_span_what_matters() -> None:
    """CT is shown from -160 to 240 Hounsfield units, other volumes between percentiles that leave the air out."""
    ct = np.array([-1024, -160, 40, 240, 3000], np.int16).reshape(1, 1, 5)
    assert grey_values(ct, 0).ravel().tolist() == [0, 0, 127, 255, 255]
    other = np.zeros((4, 50, 50), np.float32)
    other[:, :25] = np.linspace(100, 200, 5000).reshape(4, 25, 50)
    grey = grey_values(other, 2)
    assert grey[25:].max() == 0
    assert grey[:25].min() > 100
    assert grey[:25].max() < 200


def test_a_slice_can_be_asked_for() -> None:
    """Several predictions of one volume are compared on the same slice."""
    reference, prediction = masks()
    prediction[4, 0] = 1
    assert volume_slice(np.zeros((1, 6, 8, 10)), reference, prediction, None, level=1).where == "axial slice 2 of 6"
