"""Explanations saved and read again."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from segkit import SegkitError
from segkit.explain import Explanation, read_explanation
from segkit.explain.explanation import coloured_heat


@pytest.fixture
def explanation():
    heat = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    raw = np.array([[-1.5, 2.0]], np.float32)
    return Explanation(raw, heat, 2.0, "ok", 3.25, {"layer": "x", "order": "raw"}, {"words": ["good"]})


def test_saved_and_read_again(explanation, tmp_path):
    """Every field, bit for bit; the picture has the heat map's size; equal explanations are equal files."""
    explanation.save(tmp_path / "map.x")
    found = read_explanation(tmp_path / "map.x.npz")
    assert np.array_equal(found.raw, explanation.raw)
    assert np.array_equal(found.heat, explanation.heat)
    assert (found.raw_max, found.status, found.target_score) == (2.0, "ok", 3.25)
    assert (found.meta, found.evidence) == (explanation.meta, explanation.evidence)
    with Image.open(tmp_path / "map.x.png") as picture:
        assert picture.size == (4, 3)
    explanation.save(tmp_path / "again")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "map.x.npz").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY nothing"])
def test_what_is_no_explanation_is_an_error(tmp_path, content):
    """Broken files, and files of something else."""
    (tmp_path / "map.npz").write_bytes(content)
    with pytest.raises(SegkitError, match=r"map\.npz cannot be read"):
        read_explanation(tmp_path / "map.npz")
    np.savez(tmp_path / "other.npz", raw=np.zeros(3))
    with pytest.raises(SegkitError, match="cannot be read"):
        read_explanation(tmp_path / "other.npz")
    with pytest.raises(SegkitError, match="no such file"):
        read_explanation(tmp_path / "gone.npz")


def test_colours_get_lighter_with_heat():
    """Printed grey, hotter is lighter at every step, and no two levels of a tenth look alike."""
    levels = coloured_heat(np.linspace(0, 1, 11, dtype=np.float32)[None])[0].astype(float)
    grey = levels @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(grey) > 5).all()


def test_shown_in_a_notebook_and_in_words(explanation):
    """The picture is the coloured heat map, of a volume a slice of it; the words hold no array."""
    with Image.open(io.BytesIO(explanation._repr_png_())) as image:
        assert np.array_equal(np.asarray(image), coloured_heat(explanation.heat))
    volume = replace(explanation, heat=np.stack([0 * explanation.heat, explanation.heat]))
    assert volume._repr_png_() == explanation._repr_png_()
    assert "array" not in repr(explanation)
    assert explanation.status in repr(explanation)
