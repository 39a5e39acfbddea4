"""Predictions as the challenge's scorer takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segkit import SegkitError
from segkit.data.label_png import write_labels
from segkit_isic.submission import isic_submission


@pytest.fixture
def predicted(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Two label maps as a run writes them, and an overlay beside them."""
    folder = tmp_path / "predictions"
    folder.mkdir()
    random = np.random.default_rng(0)
    maps = {name: random.integers(0, 2, (5, 7), dtype=np.uint8) for name in ("ISIC_0000001", "ISIC_0012345")}
    for name, labels in maps.items():
        write_labels(folder / f"{name}.png", labels)
    Image.new("RGB", (7, 5)).save(folder / "ISIC_0000001-overlay.png")
    return folder, maps


def test_masks_are_named_and_valued_as_the_challenge_wants(predicted, tmp_path: Path) -> None:
    """8 bits in one channel, 0 and 255, of the same size; what is no label map of an image is left out, and counted."""
    folder, maps = predicted
    result = CliRunner().invoke(isic_submission, [str(folder), "-o", str(tmp_path / "task1")])
    assert result.exit_code == 0, result.output
    assert "2 masks" in result.output
    assert "1 other files are left out" in result.output
    assert sorted(path.name for path in (tmp_path / "task1").iterdir()) == [
        f"{name}_segmentation.png" for name in sorted(maps)
    ]
    for name, labels in maps.items():
        mask = Image.open(tmp_path / "task1" / f"{name}_segmentation.png")
        assert mask.mode == "L"
        assert np.array_equal(np.asarray(mask), labels * 255)


def test_what_cannot_be_handed_in_is_refused(predicted, tmp_path: Path) -> None:
    """Nothing to hand in, more classes than the lesion, and a folder that holds something; nothing is written."""
    folder, _ = predicted

    def refused(*arguments: str) -> str:
        result = CliRunner().invoke(isic_submission, [*arguments, "-o", str(tmp_path / "task1")])
        assert isinstance(result.exception, SegkitError)
        return str(result.exception)

    assert "has no label map called as the challenge calls its images" in refused(str(tmp_path))
    write_labels(folder / "ISIC_0000002.png", np.full((5, 7), 2, np.uint8))
    assert "ISIC_0000002.png has label 2: Task 1 has the lesion alone" in refused(str(folder))
    assert not (tmp_path / "task1").exists()
    (tmp_path / "task1").mkdir()
    (tmp_path / "task1" / "mine").touch()
    assert "already holds something" in refused(str(folder))
