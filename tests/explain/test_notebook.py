"""What a notebook shows of an explanation."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from segkit.explain.explanation import Explanation
from segkit.explain.notebook import OPACITY, as_rgb, display_size

META = {"explainer": "cam", "target": "predicted:<b>lesion</b>", "layer": "last"}


def explanation(shape=(30, 60), image=None, **evidence):
    """A map that is hot at one place."""
    heat = np.zeros(shape, np.float32)
    heat[tuple(side // 2 for side in shape)] = 1
    return Explanation(heat, heat, 1.0, "ok", 1.0, META, evidence, image)


def pictures_of(page):
    """The pictures that a piece of HTML holds."""
    found = re.findall(r'alt="([^"]+)" src="data:image/png;base64,([^"]+)"', page)
    return {name: np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for name, data in found}


def test_verdict_image_and_map_are_shown():
    """The map lies over the image; where nothing is hot the image shines through; texts are text."""
    image = np.full((3, 15, 30), 200, np.uint8)
    made = explanation(image=image, verdict="doubtful", words=["<script>alert(1)</script>"])
    page = made._repr_html_()
    shown = pictures_of(page)
    assert list(shown) == ["image", "map over the image"]
    assert {picture.shape for picture in shown.values()} == {(200, 400, 3)}
    cold = np.array([68, 1, 84])
    assert shown["map over the image"][0, 0] == pytest.approx(OPACITY * cold + (1 - OPACITY) * 200, abs=1)
    assert "<strong>doubtful</strong>; &lt;script&gt;" in page
    assert "<b>lesion" not in page
    assert page.index("doubtful") < page.index("data:image")


def test_without_an_image_the_map_is_shown():
    """As it is read back from a file."""
    assert list(pictures_of(explanation()._repr_html_())) == ["map"]
    assert replace(explanation(), image=np.zeros((1, 2, 2))).image is not None


def test_of_a_volume_the_hottest_slice_is_shown():
    """The image's slice is the map's."""
    image = np.zeros((1, 8, 20, 20), np.int16)
    image[0, 4, :, 10:] = 1000
    shown = pictures_of(explanation((8, 20, 20), image)._repr_html_())["image"]
    assert shown[:, :150].max() == 0
    assert shown[:, -150:].min() == 255


def test_pictures_of_any_kind_are_shown():
    """One channel is grey, floats are stretched, sides are bounded."""
    assert as_rgb(np.ones((1, 2, 3), np.uint8), None).shape == (2, 3, 3)
    assert as_rgb(np.linspace(0, 0.1, 12, dtype=np.float32).reshape(3, 2, 2), None).max() == 255
    assert display_size(4000, 10) == (400, 1)


def test_a_model_s_explanation_shows_its_image(toy_run):
    """`Model.explain` gives the image along; it is not written with the map."""
    import segkit
    from segkit.explain.explanation import read_explanation

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 30, 3), dtype=np.uint8)).save("photo.png")
    model = segkit.load(toy_run, device="cpu")
    names = [found.component.name for found in segkit.components("explainer")]
    if not names:
        pytest.skip("no explainer is installed beside the toy plugin")
    made = model.explain("photo.png", names[0])
    assert "image" in pictures_of(made._repr_html_())
    made.save(toy_run / "made")
    assert read_explanation(toy_run / "made.npz").image is None
