"""The tutorials of docs/labels.md, carried out in order on small folders drawn for them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segkit.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "labels.md"
SMALL = {
    "SEGKIT_TRAIN_EPOCHS": "1",
    "SEGKIT_ARCH_WIDTH": "2",
    "SEGKIT_ARCH_DEPTH": "2",
    "SEGKIT_DATA_SIZE": "32",
    "SEGKIT_EXPLAIN_CASES": "best",
    "SEGKIT_RUN_DEVICE": "cpu",
}


def commands() -> list[str]:
    """The page's commands, those over several lines as one."""
    text = PAGE.read_text(encoding="utf-8").replace(" \\\n", " ")
    return [line.strip() for line in text.splitlines() if line.startswith("    segkit ")]


def draw(place: Path, folders: tuple[str, ...], values: int = 1) -> None:
    """Write twelve photographs, and in each folder of masks a disc, nested ones of further values."""
    rows, columns = np.mgrid[:40, :48]
    for number in range(12):
        away = np.hypot(rows - 14 - number % 5, columns - 20 - number % 7)
        image = np.random.default_rng(number).integers(0, 60, (40, 48, 3)).astype(np.uint8)
        image[away < 12] += 120
        (place / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / "images" / f"case{number}.png")
        for moved, folder in enumerate(folders):
            if folder == "spleen" and number % 2:
                continue
            target = place / "masks" / folder / f"case{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shift = 24 if folder == "spleen" else moved
            mask = sum((np.roll(away, shift, axis=1) < 9 - 3 * inner).astype(np.uint8) for inner in range(values))
            Image.fromarray(mask).save(target)


@pytest.mark.full
def test_the_tutorials_work(tmp_path, monkeypatch):
    """Every command ends well; classes, partial n, and readers are in what the runs wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    draw(Path("cells"), ("",), values=3)
    Path("cells/classes.toml").write_text("[classes]\nwhole = [1, 2, 3]\ncore = [2, 3]\n")
    draw(Path("organs"), ("liver", "spleen"))
    draw(Path("nodules"), ("reader1", "reader2", "reader3"))
    shown = commands()
    assert len(shown) == 9
    for text in shown[1:]:
        words = shlex.split(text.replace("PHOTOGRAPHS", "nodules/images"))
        done = CliRunner().invoke(main, words[1:])
        assert done.exit_code == 0, f"{text}\n{done.output}{done.exception!r}"
    summary = {
        name: json.loads(Path("runs", name, "summary.json").read_text()) for name in ("joined", "partial", "hands")
    }
    assert summary["joined"]["task"]["classes"] == ["whole", "core"]
    assert summary["joined"]["task"]["overlapping"] is True
    assert any(row.get("n_unannotated") for row in summary["partial"]["scores"])
    assert sorted(summary["hands"]["readers"]["against"]) == ["reader1", "reader2", "reader3"]
