"""Downloads: broken, resumed, refused and changed under way."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import socket
from pathlib import Path
from urllib.request import Request

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segkit.data import download
from segkit.data.download import fetch
from segkit.errors import SegkitError

CONTENT = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(250_000)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def silent(what, done, total):
    """Watch nothing."""


def check(fetched, content, target):
    """A file that is whole, alone in its folder, and described rightly."""
    assert target.read_bytes() == content
    assert (fetched.path, fetched.bytes) == (target, len(content))
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_file_is_fetched(web, tmp_path):
    """The file is what the server has; progress ends at its length."""
    told = []
    fetched = fetch(web.put("/a.zip", CONTENT), tmp_path / "a.zip", lambda *step: told.append(step))
    check(fetched, CONTENT, tmp_path / "a.zip")
    assert told[0] == ("a.zip", 0, len(CONTENT))
    assert told[-1] == ("a.zip", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_whole_file_is_hashed_and_not_fetched(web, tmp_path):
    """What is there already is described without a question to the server."""
    (tmp_path / "a.zip").write_bytes(OTHER)
    check(fetch(web.put("/a.zip", CONTENT), tmp_path / "a.zip", silent), OTHER, tmp_path / "a.zip")
    assert web.asked == []


def test_dropped_connections_cost_nothing_twice(web, tmp_path):
    """Each try asks for what is missing, so the server sends every byte once."""
    url = web.put("/a.zip", CONTENT, drops=[1000, 0, 70_000, 1, 100_000])
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")
    assert web.sent == len(CONTENT)
    starts = [asked for _, asked in web.asked]
    assert starts == [None, *(f"bytes={start}-" for start in (1000, 1000, 71_000, 71_001, 171_001))]


def test_part_of_an_earlier_call_is_gone_on_with(web, tmp_path):
    """A download that was given up goes on where it stopped, and its hash is that of the whole."""
    url = web.put("/a.zip", CONTENT, drops=[100_000] + [0] * download.ATTEMPTS)
    with pytest.raises(SegkitError, match=r"^a\.zip cannot be fetched after 100 kB: .*; check the network"):
        fetch(url, tmp_path / "a.zip", silent)
    assert (tmp_path / "a.zip.part").read_bytes() == CONTENT[:100_000]
    assert not (tmp_path / "a.zip").exists()
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")
    assert web.sent == len(CONTENT)


@pytest.mark.parametrize(
    "behaviour",
    [
        {"ranges": False},
        {"etag": None},
        {"etag": 'W/"weak"'},
    ],
    ids=["ranges refused", "no validator", "weak validator"],
)
def test_without_ranges_it_begins_anew(web, tmp_path, behaviour):
    """Where the server cannot go on, or cannot say that the file is still the same, all is fetched again."""
    url = web.put("/a.zip", CONTENT, drops=[100_000, 50_000], **behaviour)
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")
    assert web.sent == 150_000 + len(CONTENT)


def test_date_serves_where_there_is_no_strong_etag(web, tmp_path):
    """Last-Modified tells versions apart as well."""
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    url = web.put("/a.zip", CONTENT, etag=None, last_modified=date, drops=[100_000])
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")
    assert web.sent == len(CONTENT)


@pytest.mark.parametrize("if_range", [True, False], ids=["server honours If-Range", "server ignores If-Range"])
@pytest.mark.parametrize(
    "new", [OTHER, OTHER + CONTENT[:50_000], OTHER[:50_000]], ids=["other", "same length", "short"]
)
def test_file_that_changes_between_parts(web, tmp_path, if_range, new):
    """Two versions are never joined into one file."""
    url = web.put("/a.zip", CONTENT, drops=[100_000] + [0] * download.ATTEMPTS)
    with pytest.raises(SegkitError):
        fetch(url, tmp_path / "a.zip", silent)
    web.put("/a.zip", new, etag='"second"', if_range=if_range)
    check(fetch(url, tmp_path / "a.zip", silent), new, tmp_path / "a.zip")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[]",
        '{"url": 3}',
        '{"url": "URL", "total": "many", "etag": "\\"first\\""}',
        '{"url": "URL/other", "total": 300000, "etag": "\\"first\\""}',
        '{"url": "URL", "total": 100, "etag": "\\"first\\""}',
    ],
)
def test_part_that_cannot_be_trusted_is_thrown_away(web, tmp_path, note):
    """A part without a note that fits is not gone on with."""
    url = web.put("/a.zip", CONTENT)
    (tmp_path / "a.zip.part").write_bytes(OTHER[:1000])
    (tmp_path / "a.zip.part.json").write_text(note.replace("URL", url))
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")
    assert web.asked == [("/a.zip", None)]


def test_whole_part_needs_no_question(web, tmp_path):
    """Killed between the last byte and the rename: the part is whole."""
    url = web.put("/a.zip", CONTENT)
    (tmp_path / "a.zip.part").write_bytes(CONTENT)
    (tmp_path / "a.zip.part.json").write_text(f'{{"url": "{url}", "total": {len(CONTENT)}, "etag": "\\"first\\""}}')
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")
    assert web.asked == []


def test_unknown_length(web, tmp_path):
    """A server that does not state the length ends the file by closing the connection."""
    told = []
    fetched = fetch(web.put("/a.zip", CONTENT, length=-1), tmp_path / "a.zip", lambda *step: told.append(step))
    check(fetched, CONTENT, tmp_path / "a.zip")
    assert told[-1] == ("a.zip", len(CONTENT), 0)


def test_wrong_length(web, tmp_path):
    """A server that announces more than it has is given up on, whether it sends ranges or not."""
    for ranges in (True, False):
        url = web.put("/a.zip", CONTENT, length=400_000, ranges=ranges)
        with pytest.raises(SegkitError, match=r"^a\.zip cannot be fetched"):
            fetch(url, tmp_path / "a.zip", silent)
        assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize("length", ["9" * 5000, "9" * 30, "\u0663", "x", "-1"])
def test_a_length_that_is_none(length):
    """Is taken as not told: Python itself refuses to read a number of thousands of digits (issue 19)."""
    assert download._length({"Content-Length": length}) == 0
    assert download.CONTENT_RANGE.match(f"bytes 0-{length}/{length}") is None


def test_server_that_is_busy(web, tmp_path):
    """Errors that pass are waited for; they end the download when they last."""
    url = web.put("/a.zip", CONTENT, statuses=[503, 429, 500])
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")
    (tmp_path / "a.zip").unlink()
    web.put("/a.zip", CONTENT, statuses=[503] * download.ATTEMPTS)
    with pytest.raises(SegkitError, match=r"^a\.zip cannot be fetched: the server answered 503 Service Unavailable"):
        fetch(url, tmp_path / "a.zip", silent)


@pytest.mark.parametrize(
    ("status", "message"), [(404, "404 Not Found; it is not there any more"), (403, "403 Forbidden; the server does")]
)
def test_refusals_are_final(web, tmp_path, status, message):
    """What will not change is told at once."""
    url = web.put("/a.zip", CONTENT, statuses=[status] * 9)
    with pytest.raises(SegkitError, match=message):
        fetch(url, tmp_path / "a.zip", silent)
    assert len(web.asked) == 1


def test_redirection(web, tmp_path):
    """A redirection is followed, and a resumed part goes on behind it."""
    web.put("/real.zip", CONTENT, drops=[100_000])
    url = web.put("/a.zip", b"", location="/real.zip")
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")
    assert web.sent == len(CONTENT)


@pytest.mark.parametrize(
    ("location", "message"),
    [("/a.zip", "leads in a circle"), ("file:///etc/passwd", "leads to no web address"), ("ftp://x/a", "neither http")],
)
def test_bad_redirections(web, tmp_path, location, message):
    """A circle ends, and nothing but the web is led to."""
    with pytest.raises(SegkitError, match=message):
        fetch(web.put("/a.zip", b"", location=location), tmp_path / "a.zip", silent)


def test_encryption_is_not_dropped():
    """A redirection from https to http is refused."""
    with pytest.raises(SegkitError, match="which is not encrypted"):
        download._Redirects().redirect_request(Request("https://x/a"), None, 302, "", {}, "http://x/b")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/a.zip", "a.zip"])
def test_other_schemes_are_refused(tmp_path, url):
    """Only http and https are fetched."""
    with pytest.raises(SegkitError, match="neither http nor https"):
        fetch(url, tmp_path / "a.zip", silent)


def test_nobody_answers(web, tmp_path):
    """A server that is not there is named with the reason."""
    url = web.put("/a.zip", CONTENT)
    web.close()
    with pytest.raises(SegkitError, match=r"a\.zip cannot be fetched: .*refused.*127\.0\.0\.1.*check the network"):
        fetch(url, tmp_path / "a.zip", silent)


def test_server_that_falls_silent(tmp_path, monkeypatch):
    """A server that takes the connection and says nothing is not waited for for ever."""
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silence:
        url = f"http://127.0.0.1:{silence.getsockname()[1]}/a.zip"
        with pytest.raises(SegkitError, match=r"a\.zip cannot be fetched: nothing arrived for 0\.2 seconds"):
            fetch(url, tmp_path / "a.zip", silent)


def test_other_encoding_is_refused(web, tmp_path):
    """Content that would have to be unpacked first would have another hash."""
    url = web.put("/a.zip", CONTENT, headers={"Content-Encoding": "gzip"})
    with pytest.raises(SegkitError, match="gzip-encoded"):
        fetch(url, tmp_path / "a.zip", silent)


def test_space_is_looked_at_first(web, tmp_path, monkeypatch):
    """A file that would fill the disk is not begun; what is there of it counts."""
    url = web.put("/a.zip", CONTENT, drops=[100_000] + [0] * download.ATTEMPTS)
    with pytest.raises(SegkitError):
        fetch(url, tmp_path / "a.zip", silent)
    usage = shutil.disk_usage(tmp_path)._replace(free=200_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SegkitError, match=r"a\.zip needs 500 kB, the disk of .* has 200 kB free; free some"):
        fetch(url, tmp_path / "a.zip", silent, room=2)
    check(fetch(url, tmp_path / "a.zip", silent), CONTENT, tmp_path / "a.zip")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_disk_that_fills_up(web, tmp_path, monkeypatch):
    """A disk that is full under way is named; nothing pretends to be the file."""
    real = Path.open

    def full(path, mode="r", *args, **more):
        return real(Path("/dev/full") if mode == "ab" else path, mode, *args, **more)

    url = web.put("/a.zip", CONTENT)
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SegkitError, match=r"a\.zip cannot be written after .*: No space left on device; free some"):
        fetch(url, tmp_path / "a.zip", silent)
    assert not (tmp_path / "a.zip").exists()


VERSIONS = (CONTENT[:2000], OTHER[:2000], OTHER[:1500])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    visits=st.lists(
        st.tuples(
            st.sampled_from(range(3)),
            st.booleans(),
            st.booleans(),
            st.lists(st.integers(0, 1200), min_size=0, max_size=6),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_mixture_ever(web, tmp_path_factory, visits):
    """Whatever a server drops, refuses and exchanges, a file that appears is one of its versions, whole."""
    target = tmp_path_factory.mktemp("d") / os.urandom(4).hex()
    for version, ranges, if_range, drops in visits:
        content = VERSIONS[version]
        url = web.put("/a.zip", content, etag=f'"{version}"', ranges=ranges, if_range=if_range, drops=list(drops))
        try:
            fetched = fetch(url, target, silent)
        except SegkitError:
            assert not target.exists()
            continue
        assert target.read_bytes() == content
        assert fetched.sha256 == hashlib.sha256(content).hexdigest()
        return
