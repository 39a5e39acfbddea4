"""No name out of a file leads out of its folder."""

import os
from pathlib import Path

import pytest

from segkit.errors import SegkitError
from segkit.files import inside, is_file, is_folder, own_folder, real


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "..",
        "a\\..\\..\\x",
        "C:\\x",
        "C:x",
        "\\x",
        "\\\\host\\share",
        "a\0b",
        "a\nb",
        "a\x1b[2Jb",
        "link",
        "link/x",
        "circle/x",
        "folder/up/x",
    ],
)
def test_names_that_leave_are_refused(tmp_path: Path, name: str) -> None:
    """Absolute ones of either system, those with "..", control characters, and links that lead out."""
    folder = tmp_path / "run"
    (folder / "folder").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path)
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "folder" / "up").symlink_to("../..")
    with pytest.raises(SegkitError, match=r"index\.json names .*; "):
        inside(folder, name, named_by="index.json")


def test_names_that_stay_are_joined(tmp_path: Path) -> None:
    """Plain names, folders below, links within, names of any language and with dots."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("x.png", "a/b/panel.png", "link/x", "..x", "x..png", "sääre № 1.png", "./x"):
        assert inside(tmp_path, name, named_by="a file") == tmp_path / name


def test_a_folder_of_ours_is_no_link(tmp_path: Path) -> None:
    """`figures` that leads elsewhere, or is a file, is refused with a way out; a folder is made or taken."""
    run, outside = tmp_path / "run", tmp_path / "outside"
    run.mkdir()
    outside.mkdir()
    (run / "figures").symlink_to(outside)
    (run / "file").write_text("")
    for name in ("figures", "file"):
        with pytest.raises(SegkitError, match=name):
            own_folder(run, name)
    assert own_folder(run, "new") == own_folder(run, "new") == run / "new"


def test_entries_that_cannot_be_asked_are_neither_file_nor_folder(tmp_path: Path) -> None:
    """A circle of links, at which `is_file` of an entry raises, and a link to nothing; links to what is there are."""
    for name, target in (("circle", "circle"), ("nothing", "gone"), ("folder", ".."), ("file", "real")):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "real").touch()
    kinds = {entry.name: (is_folder(entry), is_file(entry)) for entry in os.scandir(tmp_path)}
    one, other, neither = (True, False), (False, True), (False, False)
    assert kinds == {"circle": neither, "nothing": neither, "folder": one, "file": other, "real": other}
    assert real(tmp_path / "file") == real(tmp_path / "real")
    assert real(tmp_path / "circle").name == "circle"
