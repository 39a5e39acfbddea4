"""The official archive, fetched from a mirror on this machine."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from segkit import SegkitError
from segkit.cli import main
from segkit_amos.params import AmosParams
from segkit_amos.reader import ARCHIVE, DOWNLOAD_BASE, MIRROR_VARIABLE, AmosReader


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that a web server shows, which is named in the environment."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv(MIRROR_VARIABLE, f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEGKIT_DATA", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def published(mirror: Path, add, root: Path) -> Path:
    """An archive of four cases as AMOS's is: all in a folder amos22, not packed again."""
    for ending, number in (("Tr", 1), ("Tr", 2), ("Tr", 507), ("Va", 3)):
        add(ending, number)
    archive = mirror / ARCHIVE
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
        for path in sorted(root.rglob("*.nii.gz")):
            opened.write(path, f"amos22/{path.relative_to(root).as_posix()}")
    return archive


def damage(archive: Path, member: str) -> None:
    """Flip a bit of a member's content."""
    with zipfile.ZipFile(archive) as opened:
        info = opened.getinfo(member)
    content = bytearray(archive.read_bytes())
    content[info.header_offset + 30 + len(member) + info.compress_size // 2] ^= 1
    archive.write_bytes(content)


def test_official_address():
    """Without a mirror the archive is that of Zenodo's record."""
    assert DOWNLOAD_BASE + ARCHIVE == "https://zenodo.org/records/7262581/files/amos22.zip"


def test_download(published, tmp_path):
    """`segkit data download amos` puts the archive where runs look, and verify finds nothing wrong."""
    result = CliRunner().invoke(main, ["data", "download", "amos"])
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("train 3, val 1\n")
    assert (tmp_path / "cache/data/amos/amos22/imagesTr/amos_0001.nii.gz").is_file()
    verified = CliRunner().invoke(main, ["data", "verify", "amos", "--deep"])
    assert verified.stdout == "no problem was found: train 3, val 1 cases\n"


def test_damaged_members_are_listed(published, tmp_path):
    """Two damaged members cost two cases, which the download, info and verify name; the others can be used."""
    members = ["amos22/imagesTr/amos_0002.nii.gz", "amos22/labelsTr/amos_0507.nii.gz"]
    for member in members:
        damage(published, member)
    result = CliRunner().invoke(main, ["data", "download", "amos"])
    assert result.exit_code == 0, result.output
    assert f"amos22.zip: 2 files are damaged and left out: {', '.join(members)}" in result.stderr
    assert result.stdout.endswith("train 1, val 1\n")
    opened = AmosReader(tmp_path / "cache/data/amos", AmosParams())
    assert [case.id for case in opened.cases("train")] == ["amos_0001"]
    assert ("left out", f"cases whose files the archive held damaged: {', '.join(members)}") in opened.describe()
    verified = CliRunner().invoke(main, ["data", "verify", "amos"])
    assert verified.exit_code == 1
    assert [line.split("\t") for line in verified.stdout.splitlines()] == [
        [member, "is damaged in amos22.zip, and was left out"] for member in members
    ]
    again = CliRunner().invoke(main, ["data", "download", "amos"])
    assert again.exit_code == 0, again.output


def test_full_disk_is_told_first(published, tmp_path, monkeypatch):
    """Where archive and content do not fit, that is said before anything is fetched."""

    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 1000))
    with pytest.raises(SegkitError, match=r"amos22\.zip needs .*has 1 kB free; free some space"):
        AmosReader.download(tmp_path / "fetched", AmosParams(), lambda what, done, total: None)
    parts = list((tmp_path / "fetched").rglob("*.part"))
    assert all(part.stat().st_size == 0 for part in parts)
