"""Whole datasets fetched and unpacked: recorded, compared, killed and run again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import zipfile

import pytest

from segkit.data import download
from segkit.data.archives import FOLDER, download_archives, missing_files, read_records, unfinished
from segkit.errors import SegkitError

NOISE = random.Random(0).randbytes(2_500_000)
FILES = {"A/1.jpg": NOISE, "A/2.jpg": b"two", "B/1.png": b"one"}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def silent(what, done, total):
    """Watch nothing."""


def zipped(files):
    """An archive in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def urls(web):
    """Two archives: one with two files, one with the third."""
    first = {name: content for name, content in FILES.items() if name.startswith("A")}
    return [web.put("/A.zip", zipped(first)), web.put("/B.zip", zipped({"B/1.png": FILES["B/1.png"]}))]


def check(root):
    """All files are there, as recorded, and nothing is left of the work but the records."""
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    visible = {path for path in found if not path.startswith(FOLDER)}
    assert visible == set(FILES)
    for path, content in FILES.items():
        assert found[path].read_bytes() == content
    records = {record.archive: record for record in read_records(root)}
    recorded = {path: file.sha256 for record in records.values() for path, file in record.files.items()}
    assert recorded == {path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()}
    work = {path.removeprefix(f"{FOLDER}/") for path in set(found) - visible}
    assert work == {"A.zip.json", "B.zip.json", "archives.lock"}
    assert unfinished(root) == []


def test_archives_are_unpacked_and_recorded(web, urls, tmp_path):
    """SHA-256 and length of each archive and of each of its files are written down beside the data."""
    download_archives(urls, tmp_path / "root", silent)
    check(tmp_path / "root")
    record = json.loads((tmp_path / "root" / FOLDER / "A.zip.json").read_text())
    content = web.pages["/A.zip"].content
    assert record["sha256"] == hashlib.sha256(content).hexdigest()
    assert (record["bytes"], record["url"], record["format"]) == (len(content), urls[0], 1)


def test_nothing_is_fetched_twice(web, urls, tmp_path):
    """What is there is not asked for again; only the archive with a missing or shortened file is."""
    root = tmp_path / "root"
    download_archives(urls, root, silent)
    web.asked.clear()
    download_archives(urls, root, silent)
    assert web.asked == []
    (root / "B" / "1.png").unlink()
    download_archives(urls, root, silent)
    assert web.asked == [("/B.zip", None)]
    (root / "A" / "2.jpg").write_bytes(b"x")
    (root / "A" / "mine.txt").write_text("mine")
    assert missing_files(root, read_records(root)[0]) == ["A/2.jpg"]
    download_archives(urls, root, silent)
    assert (root / "A" / "mine.txt").read_text() == "mine"
    (root / "A" / "mine.txt").unlink()
    check(root)


def test_archive_that_changed_since_is_refused(web, urls, tmp_path):
    """A later download is compared with the record of the first; the data stay as they were."""
    root = tmp_path / "root"
    download_archives(urls, root, silent)
    before = (root / FOLDER / "B.zip.json").read_text()
    (root / "B" / "1.png").unlink()
    web.put("/B.zip", zipped({"B/1.png": b"other"}), etag='"second"')
    with pytest.raises(SegkitError, match=r"^B\.zip is not what it was at the first download: SHA-256 .*, recorded "):
        download_archives(urls, root, silent)
    assert (root / FOLDER / "B.zip.json").read_text() == before
    assert not (root / "B" / "1.png").exists()
    assert unfinished(root) == []


def test_bad_archive_is_fetched_anew(web, urls, tmp_path):
    """A truncated archive is named and thrown away: the next call fetches it again."""
    root = tmp_path / "root"
    good = web.pages["/B.zip"].content
    web.put("/B.zip", good[:-30])
    with pytest.raises(SegkitError, match=r"^B\.zip is damaged or cut short .*; fetch it again"):
        download_archives(urls, root, silent)
    assert [record.archive for record in read_records(root)] == ["A.zip"]
    web.put("/B.zip", good)
    download_archives(urls, root, silent)
    check(root)


def test_hostile_archive_writes_nothing(web, tmp_path):
    """An archive that leads outside leaves no file, no record, and itself neither."""
    url = web.put("/A.zip", zipped({"A/x": b"good", "../../evil": b"evil"}))
    with pytest.raises(SegkitError, match=r"'\.\./\.\./evil' leads outside its folder"):
        download_archives([url], tmp_path / "deep" / "root", silent)
    files = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert files == ["archives.lock"]


def test_folders_of_others_are_not_touched(web, urls, tmp_path):
    """What was brought there by hand is neither replaced nor mixed; nothing is fetched before it is noticed."""
    root = tmp_path / "root"
    (root / "B").mkdir(parents=True)
    with pytest.raises(SegkitError, match=r"^B is in .*root already, and was not downloaded by segkit; move it away"):
        download_archives(urls, root, silent)
    assert web.asked == []


def test_folder_in_the_way_that_the_name_did_not_tell(web, tmp_path):
    """A folder that only the archive's content shows to be in the way is not touched either."""
    root = tmp_path / "root"
    (root / "inside").mkdir(parents=True)
    with pytest.raises(SegkitError, match=r"^inside is in .*root already"):
        download_archives([web.put("/A.zip", zipped({"inside/x": b""}))], root, silent)
    assert list((root / "inside").iterdir()) == []


def test_generated_sample_is_no_place_for_data(urls, tmp_path):
    """Real and generated pictures are never mixed."""
    (tmp_path / "generated-sample.json").write_text("{}")
    with pytest.raises(SegkitError, match="holds a generated sample; name another folder"):
        download_archives(urls, tmp_path, silent)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"format": 1, "files": {"a": 1}}'])
def test_record_that_cannot_be_read(urls, tmp_path, text):
    """A damaged record is named, not ignored: it is what later downloads are compared with."""
    download_archives(urls, tmp_path / "root", silent)
    (tmp_path / "root" / FOLDER / "A.zip.json").write_text(text)
    with pytest.raises(SegkitError, match=r"the record .segkit-download/A\.zip\.json of a download cannot be read"):
        download_archives(urls, tmp_path / "root", silent)


def test_root_that_cannot_be_written(urls, tmp_path):
    """A file where the root should be is named with a way out."""
    (tmp_path / "root").write_text("")
    with pytest.raises(SegkitError, match=r"nothing can be downloaded into .*root: Not a directory; .*--data-root"):
        download_archives(urls, tmp_path / "root", silent)


def test_two_at_once(web, urls, tmp_path):
    """Two that download the same data at once fetch it once."""
    root = tmp_path / "root"
    problems = []

    def work():
        try:
            download_archives(urls, root, silent)
        except SegkitError as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    check(root)
    assert sorted(web.asked) == [("/A.zip", None), ("/B.zip", None)]


KILLED = """
import os, signal, sys
from pathlib import Path
from segkit.data import archives, download
root, point, *urls = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(what, done, total):
    name, _, percent = point.rstrip("%").rpartition(" ")
    if what == name and done * 100 >= total * int(percent):
        die()

def around(module, name, after):
    real = getattr(module, name)
    def replaced(*args, **more):
        if not after:
            die()
        real(*args, **more)
        die()
    setattr(module, name, replaced)

if point.startswith(("before", "after")):
    when, name = point.split()
    around(archives if name != "finish" else download._Part, name, when == "after")
if point == "halfway through place":
    count = 0
    real = Path.replace
    def replace(self, target):
        global count
        count += "unpacking" in str(self)
        if count == 2:
            die()
        return real(self, target)
    Path.replace = replace
    (Path(root) / "A").mkdir(parents=True)  # forces the files in one by one
    (Path(root) / archives.FOLDER).mkdir()
    archives._refuse_what_is_in_the_way = lambda *_: None
archives.download_archives(urls, Path(root), progress)
"""
POINTS = (
    "A.zip 0%",
    "A.zip 40%",
    "A.zip 80%",
    "before finish",
    "after finish",
    "before unpack",
    "unpacking A.zip 40%",
    "unpacking A.zip 100%",
    "before write_record",
    "after write_record",
    "halfway through place",
    "after place",
    "unpacking B.zip 100%",
)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_moment(web, urls, tmp_path, point):
    """After SIGKILL the same call ends with all files, and fetches only what was not there."""
    root = tmp_path / "root"
    command = [sys.executable, "-c", KILLED, str(root), point, *urls]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    total = sum(len(web.pages[path].content) for path in ("/A.zip", "/B.zip"))
    kept = sum(path.stat().st_size for path in root.rglob("*.zip*") if path.suffix in (".zip", ".part"))
    kept += sum(record.bytes for record in read_records(root) if not (root / FOLDER / record.archive).exists())
    web.sent = 0
    download_archives(urls, root, silent)
    check(root)
    assert web.sent == total - kept


def test_a_published_hash_is_pinned(urls, tmp_path, web):
    """An archive of another content than its publisher gives is not unpacked; the right one is, in capitals too."""
    content = zipped({name: FILES[name] for name in FILES if name.startswith("A")})  # it holds the time of its making
    right, urls = hashlib.sha256(content).hexdigest(), [web.put("/A.zip", content), urls[1]]
    with pytest.raises(SegkitError, match="is not what its publisher gives"):
        download_archives(urls, tmp_path / "wrong", silent, known={"A.zip": "0" * 64})
    assert not (tmp_path / "wrong" / "A").exists()
    assert not list((tmp_path / "wrong" / FOLDER).glob("*.zip"))
    download_archives(urls, tmp_path / "right", silent, known={"A.zip": right.upper()})
    check(tmp_path / "right")


def test_a_record_that_is_a_pipe_is_refused(tmp_path):
    """Somebody may have sent the folder: what is no file is not waited for (issue 19)."""
    (tmp_path / FOLDER).mkdir()
    os.mkfifo(tmp_path / FOLDER / "a.zip.json")
    with pytest.raises(SegkitError, match=r"the record .*a\.zip\.json of a download cannot be read: .*a pipe"):
        read_records(tmp_path)
