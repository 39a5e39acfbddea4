"""Zip archives from strangers."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segkit.data import unpack as unpacking
from segkit.data.unpack import BadArchiveError, place, unpack
from segkit.errors import SegkitError

NOISE = random.Random(0).randbytes(200_000)


def silent(what, done, total):
    """Watch nothing."""


def entry(name, *, mode=0, system=3, **fields):
    """A ZipInfo with exactly this name."""
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    info.create_system = system
    info.external_attr = mode << 16
    for field, value in fields.items():
        setattr(info, field, value)
    return info


@pytest.fixture
def make_zip(tmp_path):
    """Write an archive of entries: (name or ZipInfo, content)."""

    def make(*entries, name="a.zip"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as opened, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of duplicate names
            for which, content in entries:
                opened.writestr(which, content)
        return tmp_path / name

    return make


def tree(folder: Path) -> set[str]:
    """Everything below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def refused(archive: Path, match: str, kind=BadArchiveError) -> None:
    """Unpacking is refused with a message, and nothing is left or written anywhere near."""
    before = tree(archive.parent)
    with pytest.raises(kind, match=match):
        unpack(archive, archive.parent / "out", silent)
    assert tree(archive.parent) == before


def test_files_and_their_hashes(make_zip, tmp_path):
    """Every file is written with its content, and described by length and SHA-256; progress ends at the sum."""
    files = {"A/1.jpg": NOISE, "A/sub folder/2.txt": b"", "ä.csv": b"x" * 1000}
    told = []
    written = unpack(
        make_zip(("A/", b""), *files.items(), ("__MACOSX/A/._1.jpg", b"m")), tmp_path / "out", lambda *s: told.append(s)
    )
    assert {path: (file.bytes, file.sha256) for path, file in written.items()} == {
        path: (len(content), hashlib.sha256(content).hexdigest()) for path, content in files.items()
    }
    assert {path: (tmp_path / "out" / path).read_bytes() for path in files} == files
    assert tree(tmp_path / "out") == {*files, "A", "A/sub folder"}
    assert told[-1] == ("unpacking a.zip", len(NOISE) + 1000, len(NOISE) + 1000)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.txt", "leads outside"),
        ("A/../../evil.txt", "leads outside"),
        ("..", "leads outside"),
        ("A/..\\..\\evil.txt", "leads outside"),
        ("/tmp/evil.txt", "has an absolute path"),
        ("\\\\host\\share\\evil.txt", "has an absolute path"),
        ("C:/evil.txt", "has an absolute path"),
        ("c:evil.txt", "has an absolute path"),
        ("A\\evil.txt", "has a name that cannot be written"),
        ("A//evil.txt", "has a name that cannot be written"),
        ("A/./evil.txt", "has a name that cannot be written"),
        ("A/evil\0.txt", "has a name that cannot be written"),
        ("A/evil\n.txt", "has a name that cannot be written"),
        ("A/file:stream", "has a name that cannot be written"),
        ("A/evil.txt.", "has a name that cannot be written"),
        ("A/nul", "has a name that cannot be written"),
        ("A/Com1.jpg", "has a name that cannot be written"),
    ],
)
def test_names_that_lead_astray(make_zip, name, reason):
    """No entry is written outside the folder, nor under a name that means something else on another system."""
    refused(make_zip(("A/good.txt", b"good"), (entry(name), b"evil")), reason)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (stat.S_IFLNK, "is a link"),
        (stat.S_IFIFO, "is neither a file nor a folder"),
        (stat.S_IFCHR, "is neither a file nor a folder"),
        (stat.S_IFDIR, "is a folder by its name or by its kind"),
    ],
)
def test_kinds_that_are_no_files(make_zip, kind, reason):
    """Links, devices and pipes are refused, whatever system the archive says it is from."""
    for system in (0, 3):
        refused(make_zip((entry("A/x", mode=kind | 0o644, system=system), b"/etc/passwd")), reason)


def test_link_and_file_behind_it(make_zip):
    """The classic: a link to elsewhere, then a file written through it."""
    link = entry("A/out", mode=stat.S_IFLNK | 0o777)
    refused(make_zip((link, b"/tmp"), ("A/out/evil.txt", b"evil")), "is a link")


@pytest.mark.parametrize(
    "names", [("A/x", "A/x"), ("A/x", "a/X"), ("A", "A/x"), ("A/x/y", "A/x")], ids=lambda names: "+".join(names)
)
def test_two_entries_for_one_place(make_zip, names):
    """Entries that would overwrite each other are refused, also where capitals do not count."""
    refused(make_zip(*((name, b"1") for name in names)), "two of its entries would be written to")


def test_encrypted(make_zip):
    """An encrypted archive is said to be one."""
    archive = make_zip(("A/x", b"secret"))
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    refused(archive, "'A/x' is encrypted")


def test_other_method(make_zip):
    """Only stored and deflated entries are unpacked."""
    refused(make_zip((entry("A/x", compress_type=zipfile.ZIP_BZIP2), b"x" * 99)), r"by a method \(number 12\)")


def test_bomb(make_zip):
    """An archive that would unpack to thousands of times its size is refused before anything is written."""
    archive = make_zip(("A/x", bytes(80 << 20)))
    assert archive.stat().st_size < 100_000
    refused(archive, r"a\.zip of 8\d?\.?\d* kB would unpack to 83\.9 MB, at most 67\.1 MB are unpacked")


def test_bomb_that_lies(make_zip):
    """An entry that is longer than the archive says ends there."""
    archive = make_zip(("A/x", bytes(1 << 20)))
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        struct.pack_into("<I", content, content.index(signature) + offset, 1000)
    archive.write_bytes(content)
    refused(archive, "is damaged or cut short")


def test_overlapping_entries(make_zip):
    """Many names for one compressed block are refused."""
    archive = make_zip(*((f"A/{number:02}", bytes(1 << 20)) for number in range(20)))
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
    content = bytearray(archive.read_bytes())
    position = infos[-1].header_offset
    directory = content.index(b"PK\1\2")
    for info in infos[1:]:
        directory = content.index(b"PK\1\2", directory + 4)
        struct.pack_into("<I", content, directory + 42, infos[0].header_offset)
        assert info.header_offset <= position
    archive.write_bytes(content)
    refused(archive, "is damaged or cut short")


def test_too_many_entries(make_zip, monkeypatch):
    """The number of entries is bounded."""
    monkeypatch.setattr(unpacking, "MOST_ENTRIES", 3)
    refused(make_zip(*((f"A/{n}", b"") for n in range(4))), "has 4 entries, at most 3")


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_cut_short(make_zip, kept):
    """A truncated archive is named and leaves nothing."""
    archive = make_zip(("A/x", NOISE), ("A/y", NOISE))
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * kept)])
    refused(archive, r"^a\.zip is (damaged or cut short|empty).*; fetch it again")


def test_damaged_content(make_zip):
    """One wrong bit in a file fails its checksum."""
    archive = make_zip(("A/x", NOISE))
    content = bytearray(archive.read_bytes())
    content[100_000] ^= 4
    archive.write_bytes(content)
    refused(archive, r"is damaged or cut short")


def test_damaged_content_may_be_left_out(make_zip, tmp_path):
    """Where that is asked for, damaged files are listed and the others written; what is unsafe is refused as ever."""
    archive = make_zip(("A/x", NOISE), ("A/y", b"sound"))
    content = bytearray(archive.read_bytes())
    content[100_000] ^= 4
    archive.write_bytes(content)
    damaged: list[str] = []
    assert set(unpack(archive, tmp_path / "out", silent, damaged=damaged)) == {"A/y"}
    assert damaged == ["A/x"]
    assert tree(tmp_path / "out") == {"A", "A/y"}
    with pytest.raises(BadArchiveError, match="leads outside its folder"):
        unpack(make_zip(("../x", b""), name="b.zip"), tmp_path / "other", silent, damaged=damaged)


def test_page_in_place_of_an_archive(tmp_path):
    """A login page is not called a damaged archive."""
    (tmp_path / "a.zip").write_bytes(b"<!DOCTYPE html><html>Please log in")
    refused(tmp_path / "a.zip", "is no zip archive .it begins with '<!DOCTYPE html><html>Ple'")


def test_full_disk(make_zip, monkeypatch, tmp_path):
    """Space is looked at before anything is written."""
    archive = make_zip(("A/x", NOISE))
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    refused(archive, r"unpacking a\.zip needs 200 kB, the disk of .* has 1 kB free", SegkitError)


def test_folder_that_is_there_is_left_alone(make_zip, tmp_path):
    """Unpacking never mixes with what is there."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(SegkitError, match="cannot be written"):
        unpack(make_zip(("A/x", b"")), tmp_path / "out", silent)
    assert (tmp_path / "out" / "mine").read_text() == "mine"


def test_place_merges(tmp_path):
    """New folders arrive whole; files go into folders that are there, beside what they hold."""
    for path, text in {"new/A/x": "x", "new/B/y": "y", "root/A/x": "old", "root/A/mine": "mine"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    place(tmp_path / "new", tmp_path / "root")
    assert tree(tmp_path) == {"root", "root/A", "root/A/x", "root/A/mine", "root/B", "root/B/y"}
    assert (tmp_path / "root/A/x").read_text() == "x"


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(
        st.one_of(st.text(st.sampled_from("ab./\\:~\0C"), min_size=1, max_size=8), st.text(min_size=1, max_size=12)),
        min_size=1,
        max_size=3,
    ),
    modes=st.lists(st.sampled_from((0, 0o100644, 0o040755, 0o120777)), min_size=3, max_size=3),
)
def test_any_name_stays_inside(tmp_path_factory, names, modes):
    """Whatever entries are called, what is written are plain files inside the folder, or nothing."""
    place = tmp_path_factory.mktemp("zip")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for name, mode in zip(names, modes, strict=False):
                opened.writestr(entry(name, mode=mode), b"content")
        except UnicodeEncodeError:  # a lone surrogate: no archive can hold it
            return
    (place / "a.zip").write_bytes(buffer.getvalue())
    try:
        written = unpack(place / "a.zip", place / "deep" / "out", silent)
    except SegkitError:
        assert tree(place) <= {"a.zip", "deep"}
        return
    inside = {f"deep/out/{path}" for path in written}
    found = {path for path in tree(place) if not (place / path).is_dir()}
    assert found == {"a.zip", *inside}
    assert not any((place / path).is_symlink() for path in found)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_a_sentence(tmp_path_factory, data):
    """Bytes changed, removed or added anywhere: the files come out as they went in, or a SegkitError."""
    files = {"A/1": NOISE[:300], "A/2": b"abc" * 100}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position : position + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    folder = tmp_path_factory.mktemp("zip")
    (folder / "a.zip").write_bytes(content)
    try:
        written = unpack(folder / "a.zip", folder / "out", silent)
    except SegkitError:
        assert tree(folder) == {"a.zip"}
        return
    for path, file in written.items():
        assert hashlib.sha256((folder / "out" / path).read_bytes()).hexdigest() == file.sha256
        assert (folder / "out" / path).read_bytes() in (*files.values(), b"")
