"""Every file under a root is accounted for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from segkit.data.case import Case, Problem
from segkit.data.inventory import LITTER, NO_CASE, is_litter, is_text, shown, take_inventory


def write(root: Path, *files: str) -> None:
    """Write empty files."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def test_every_file_is_used_left_out_or_an_error(tmp_path):
    """The three together are all files there are; each that is left out has its reason."""
    write(tmp_path, "a.png", "b.png", "c.png", "readme.txt", "classes.toml", ".DS_Store", "@eaDir/a.png/x.jpg")
    inventory = take_inventory(
        tmp_path,
        [Case("a", files=(tmp_path / "a.png",)), Case("b", files=(tmp_path / "b.png",))],
        [Problem("b.png", "is damaged")],
        describing=[tmp_path / "classes.toml"],
        reasons={tmp_path / "c.png": "has no mask"},
    )
    assert inventory.used == ("a.png", "classes.toml")
    assert [problem.file for problem in inventory.errors] == ["b.png"]
    assert {problem.file: problem.reason for problem in inventory.left_out} == {
        ".DS_Store": LITTER,
        "@eaDir/a.png/x.jpg": LITTER,
        "c.png": "has no mask",
        "readme.txt": NO_CASE,
    }
    assert inventory.reasons()[0] == (LITTER, 2, ".DS_Store")
    assert inventory.sentence().startswith(f"left out under the data root: 4 files: {LITTER}: 2 (such as .DS_Store)")


def test_nothing_left_out_is_not_said(tmp_path):
    """An empty sentence."""
    write(tmp_path, "a.png")
    assert take_inventory(tmp_path, [Case("a", files=(tmp_path / "a.png",))]).sentence() == ""


@pytest.mark.parametrize(
    ("name", "litter"),
    [
        *[
            (name, True)
            for name in ("._a.png", ".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir", "__MACOSX", "a.png~")
        ],
        *[(name, True) for name in ("$RECYCLE.BIN", "System Volume Information", ".ipynb_checkpoints", "a.png.part")],
        *[(name, False) for name in ("a.png", "thumbs", "eaDir", "macosx.png", "recycle_12.jpg")],
    ],
)
def test_litter_is_known_by_its_name(name, litter):
    """What file systems leave behind, and nothing else."""
    assert is_litter(name) is litter


def test_names_that_are_not_text():
    """Are known, and shown escaped."""
    name = os.fsdecode(b"M\xe4rz.png")
    assert not is_text(name)
    assert is_text("März.png")
    assert shown(Path("images") / name) == "images/M\\xe4rz.png"
