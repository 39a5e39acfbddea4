"""`segkit next` orders images by what is known of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import segkit
from segkit.cli import main
from segkit_serve.next_images import Ranked, agreement, differing


def ranked(known, look):
    """An image that is known so far and looks like one value."""
    return Ranked(f"{known}", None, known, np.full((16, 16), look, np.float32))


def test_agreement_is_the_mean_dice():
    """Of two label maps: over the classes that either has; of empty ones 1."""
    one, other = np.array([[1, 1, 2, 0]]), np.array([[1, 0, 2, 2]])
    assert agreement(one, other) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert agreement(one * 0, other * 0) == 1
    assert agreement(one, other * 0) == 0


def test_differing_images_are_chosen():
    """Of three that look alike one is chosen before the one that looks otherwise; the least known is always first."""
    alike = [ranked(0.1, 1), ranked(0.11, 1), ranked(0.12, 1.01), ranked(0.3, -3)]
    assert [one.known for one in differing(alike, 2)] == [0.1, 0.3]
    assert differing(alike, 9)[0].known == 0.1
    assert len(differing(alike, 9)) == 4


def test_models_that_disagree_order_images(made, tmp_path):
    """Two models: the image they agree on least is first; one that cannot be read is told and the others go on."""
    place, photographs, _ = made
    folder = tmp_path / "new"
    folder.mkdir()
    for path in (place / "photographs" / "images").glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.png").write_bytes(b"nothing")
    arguments = ["next", photographs, photographs / "model.safetensors", folder, "-n", "3", "--device", "cpu", "--json"]
    found = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert found.exit_code == 1
    told = json.loads(found.stdout)
    assert len(told["next"]) == 3
    assert [one["agreement"] for one in told["next"]] == [1.0] * 3  # a model agrees with itself
    assert [one["image"] for one in told["failed"]] == ["broken.png"]


def test_one_model_has_to_know_what_it_knows(made):
    """A model that is not calibrated is refused with the way out."""
    place, photographs, _ = made
    found = CliRunner().invoke(
        main, ["next", str(photographs), str(place / "photographs" / "images"), "--device", "cpu"]
    )
    assert found.exit_code == 1
    assert "segkit calibrate" in found.stderr
    assert isinstance(segkit.load(photographs, device="cpu").header, dict)
