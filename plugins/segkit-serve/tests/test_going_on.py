"""A training on corrections goes on as the model was shown images whose proposals were corrected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segkit_folder.recipe import RECIPE
from segkit_serve.dataset import going_on, last_shown

PHOTOGRAPHS = {"mode": "images", "size": [64, 96], "mirror": True, "mirrored": ["width"]}


def record(root: Path, name: str, saved: str, **model) -> None:
    """Write a version's record."""
    place = root / "versions" / name / "v0001"
    place.mkdir(parents=True)
    (place / "record.json").write_text(json.dumps({"version": 1, "saved": saved, "model": model}))


def test_the_model_corrected_last_says_how(tmp_path):
    """By the day of the record; those of earlier servers do not say, and nothing is taken over then."""
    assert last_shown(tmp_path) == {}
    record(tmp_path, "a", "2026-11-27T10:00:00+00:00", arch="x")
    assert last_shown(tmp_path) == {}
    record(tmp_path, "b", "2026-11-27T12:00:00+00:00", shown=PHOTOGRAPHS)
    record(tmp_path, "c", "2026-11-27T11:00:00+00:00", shown={"mode": "images", "size": [8, 8]})
    assert last_shown(tmp_path) == PHOTOGRAPHS


def test_size_and_mirroring_are_taken_over():
    """All else is that of people's own images; a mode that was not the model's is left as it is."""
    recipe = going_on(RECIPE, PHOTOGRAPHS)
    assert recipe["images"] == {**RECIPE["images"], "data.size": (64, 96)}
    assert recipe["augment.flip"] == (0.0, 0.5)
    assert recipe["evaluate.mirror"] is True
    assert recipe["slices"] == RECIPE["slices"]
    assert {name for name in recipe if recipe[name] != RECIPE.get(name)} == {
        "images",
        "augment.flip",
        "evaluate.mirror",
    }


@pytest.mark.parametrize(
    ("mirrored", "flip"), [([], None), (["depth"], (0.5, 0.0, 0.0)), (["depth", "height", "width"], (0.5, 0.5, 0.5))]
)
def test_axes_are_those_that_the_network_is_shown(mirrored, flip):
    """Three of patches, and none where the model was not trained so: it has never seen a mirrored copy."""
    recipe = going_on(RECIPE, {"mode": "patches", "size": [8, 16, 16], "mirror": False, "mirrored": mirrored})
    assert recipe.get("augment.flip") == flip
    assert "evaluate.mirror" not in recipe
    assert recipe["patches"]["data.size"] == (8, 16, 16)


def test_nothing_known_changes_nothing():
    """A folder of an earlier server is trained on as people's own images are."""
    assert going_on(RECIPE, {}) == RECIPE
