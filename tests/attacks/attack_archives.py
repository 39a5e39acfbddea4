"""Zip archives with links, ways out, bombs and lies about themselves; and what is no zip archive."""

from __future__ import annotations

import io
import random
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

from siege import Attack

from segkit.data.unpack import unpack

NAMES = (
    *(
        "../outside/canary",
        "/etc/passwd",
        "..\\outside\\canary",
        "a/../../outside/canary",
        "C:\\x",
        "a//b",
        "./x",
        "a/.",
    ),
    *(
        "\x1b[2J",
        "a\nb",
        "con",
        "nul.txt",
        "x" * 300,
        "a/" * 600 + "x",
        "",
        "/",
        "x:y",
        "trailing ",
        "\u202egnp",
        "__MACOSX/x",
    ),
    *("A.png", "a.png", "a.png/b", "~", "$HOME", "-rf", "=1+1", "\0x", "ä.png"),
)
KINDS = (0, stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK)
ZEROS = bytes(5_000_000)


class Archives:
    """Attacks by archives, unpacked as a download is."""

    name = "archives"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Write a right one."""
        self.whole = zipped([("images/a.png", b"picture", 0), ("masks/a.png", b"mask" * 100, 0)])

    def draw(self, home: Path, seed: int) -> Attack:
        """Write an archive and unpack it."""
        dice = random.Random(seed)
        (home / "out").mkdir()
        path = home / "data.zip"
        draw = dice.random()
        right = draw < 0.04
        path.write_bytes(self.whole if right else self.spoiled(draw, dice))
        leave = [] if dice.random() < 0.3 else None

        def take() -> None:
            unpack(path, home / "out" / "unpacked", lambda *_: None, damaged=leave)

        def check(code: int) -> str:
            found = home / "out" / "unpacked" / "images" / "a.png"
            return "" if code == 0 and found.read_bytes() == b"picture" else f"code {code}"

        def gone(code: int) -> str:
            unpacked = home / "out" / "unpacked"
            links = [
                found for found in unpacked.rglob("*") if found.is_symlink() or not (found.is_dir() or found.is_file())
            ]
            return (
                f"links or devices {links}" if links else "left what is not whole" if code and unpacked.exists() else ""
            )

        return Attack(take, check if right else gone)

    def spoiled(self, draw: float, dice: random.Random) -> bytes:
        """Return an archive that should be refused, at least in part."""
        if draw < 0.5:
            entries = [("images/a.png", b"picture", 0)]
            entries += [
                (dice.choice(NAMES), b"x" * dice.randrange(50), dice.choice(KINDS)) for _ in range(dice.randint(1, 3))
            ]
            return zipped(
                entries, dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
            )
        if draw < 0.55:
            return zipped([(f"{number}.bin", ZEROS, 0) for number in range(dice.randint(1, 30))])
        if draw < 0.62:
            stream = io.BytesIO()
            with tarfile.open(fileobj=stream, mode=dice.choice(("w", "w:gz"))) as archive:
                entry = tarfile.TarInfo("../outside/canary")
                entry.type = dice.choice((tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE))
                entry.linkname = "/etc/passwd"
                archive.addfile(entry)
            return stream.getvalue()
        data = bytearray(self.whole)
        if draw < 0.66:
            return dice.choice(
                (b"", b"PK", bytes(data[:40]), b"<html>\x1b[2J", zlib.compress(bytes(data)), b"PK\5\6" + bytes(18))
            )
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(data))
            if dice.random() < 0.5:
                data[place] = dice.randrange(256)
            else:
                data[place : place + 4] = dice.choice((b"\xff" * 4, bytes(4), b"\1\0\0\0", b"\0\0\0\x80"))
        return bytes(data)


def zipped(entries: list[tuple[str, bytes, int]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Write an archive of names, contents and kinds of file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content, kind in entries:
            entry = zipfile.ZipInfo(name or "empty")
            entry.compress_type = method
            entry.external_attr = (kind | 0o644) << 16
            archive.writestr(entry, content)
    return stream.getvalue()
