"""Fetch a file over HTTP so that a broken or killed download goes on where it stopped."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from segkit.errors import SegkitError
from segkit.files import bytes_text, check_room, open_regular, whole_number, write_json
from segkit.version import __version__

Progress = Callable[[str, int, int], None]
"""Called with what is under way, the bytes done, and the bytes in all (0 where nobody knows)."""
BLOCK = 1 << 20
TIMEOUT_SECONDS = 60
# Pauses of 1, 2, 4, 8 and 16 seconds: half a minute without anything new.
ATTEMPTS = 6
"""Tries in a row that bring nothing new before the download is given up."""
PAUSE_SECONDS = 1.0
"""Before the second try; twice as long before each further one."""
TRY_LATER = (408, 425, 429, 500, 502, 503, 504)
CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)\Z", re.ASCII)
BROKEN_ANSWER = (URLError, OSError, http.client.HTTPException, ValueError, OverflowError)
"""What urllib and http.client raise of servers; the last two of lengths and addresses that are none (issue 19)."""
AGAIN = "check the network and run the same command again: it goes on where it stopped"


@dataclass(frozen=True)
class Fetched:
    """A file that is whole on this disk."""

    path: Path
    bytes: int
    sha256: str


class _BrokenError(Exception):
    """A transfer ended early, for a reason that may pass."""


def fetch(url: str, target: Path, progress: Progress, *, room: float = 1.0) -> Fetched:
    """Fetch `url` into the file `target`, going on with what an earlier call left in `target`.part.

    A part is gone on with only where the server says that its file is still the same (ETag or Last-Modified);
    otherwise, and where the server sends no ranges, it begins anew. `target` appears when it is whole.

    Args:
        url: http or https.
        target: where it is there already, it is hashed and nothing is fetched.
        room: how many times the file's size has to be free on the disk: 2 where it is to be unpacked beside.

    Raises:
        SegkitError: the server refuses, the connection keeps breaking, or the disk is full.
    """
    name = target.name
    check_scheme(url)
    if not target.is_file():
        part = _Part(target, url)
        furthest, failures = 0, 0
        while True:
            try:
                _transfer(url, part, name, progress, room)
                break
            except _BrokenError as error:
                failures = 1 if part.size > furthest else failures + 1
                furthest = max(furthest, part.size)
                if failures >= ATTEMPTS:
                    had = f" after {bytes_text(part.size)}" if part.size else ""
                    raise SegkitError(f"{name} cannot be fetched{had}: {error} ({url})", AGAIN) from error
            time.sleep(PAUSE_SECONDS * 2 ** (failures - 1))
        sha256 = part.finish()
    else:
        sha256 = hash_file(target, progress).hexdigest()
    return Fetched(target, target.stat().st_size, sha256)


def file_name(url: str) -> str:
    """Return the name of the file that a URL ends in; raises SegkitError where it ends in none."""
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    if not re.fullmatch(r"[\w][\w.+-]*", name):
        raise SegkitError(f"{url} does not end in the name of a file", "check the address")
    return name


def check_scheme(url: str) -> None:
    """Raise SegkitError unless a URL is http or https."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise SegkitError(f"{url} is neither http nor https", "check the address of the archives")


def hash_file(path: Path, progress: Progress) -> Any:
    """Return a SHA-256 object that has seen a file's content."""
    digest = hashlib.sha256()
    total, done = path.stat().st_size, 0
    with open_regular(path) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            done += len(block)
            progress(f"checking {path.name.removesuffix('.part')}", done, total)
    return digest


class _Part:
    """What is there of a file, and which version of the server's file it is a part of."""

    def __init__(self, target: Path, url: str) -> None:
        self.target, self.url = target, url
        self.path = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.json")
        self.digest: Any = None
        self.about: dict[str, Any] = {}
        try:
            self.about = json.loads(self.note.read_text(encoding="utf-8"))
            known = self.about["url"] == url and isinstance(self.about["total"], int)
        except (OSError, ValueError, KeyError, TypeError):
            known = False
        if not known or self.validator is None or 0 < self.total < self.size:
            self.discard()

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def total(self) -> int:
        """Bytes of the whole file, 0 where the server did not say."""
        return int(self.about.get("total", 0))

    @property
    def validator(self) -> str | None:
        """What tells the server's file from a later one of that name: a strong ETag, else its date."""
        etag, date = self.about.get("etag"), self.about.get("last_modified")
        return etag if isinstance(etag, str) and not etag.startswith("W/") else date

    def discard(self) -> None:
        """Forget what is there."""
        self.about = {}
        self.digest = None
        # The part goes first: bytes of one version beside the note of another would be taken for that one's.
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def begin(self, headers: Any, total: int) -> None:
        """Start anew with the file that a server has just described."""
        self.discard()
        self.about = {"url": self.url, "total": total}
        self.about |= {"etag": headers.get("ETag"), "last_modified": headers.get("Last-Modified")}
        write_json(self.note, self.about)
        self.digest = hashlib.sha256()

    def differs(self, headers: Any) -> bool:
        """Whether a server's answer is about another version than this part."""
        pairs = (("etag", "ETag"), ("last_modified", "Last-Modified"))
        return any(self.about.get(key) and headers.get(header) not in (None, self.about[key]) for key, header in pairs)

    def finish(self) -> str:
        """Make the part the whole file, and return its SHA-256."""
        sha256 = str(self.digest.hexdigest())
        self.path.replace(self.target)
        self.note.unlink(missing_ok=True)
        return sha256


def _transfer(url: str, part: _Part, name: str, progress: Progress, room: float) -> None:
    """Ask for what is missing and append it; raises _BrokenError where another try may help."""
    if part.size and part.digest is None:
        part.digest = hash_file(part.path, progress)
    if part.size and part.size == part.total:
        return
    headers = {"User-Agent": f"segkit/{__version__}", "Accept-Encoding": "identity"}
    if part.size and part.validator:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": part.validator}
    else:
        part.discard()
    try:
        answer = opener().open(Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        error.close()
        _refused(error, url, part)
    except BROKEN_ANSWER as error:
        raise _connection_problem(error, url) from error
    with answer:
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise SegkitError(f"{url} is sent {answer.headers['Content-Encoding']}-encoded", "name another mirror")
        if answer.status == 206:
            _check_range(answer.headers, part)
        elif answer.status == 200:
            part.begin(answer.headers, _length(answer.headers))
        else:
            raise _BrokenError(f"the server answered {answer.status} {answer.reason}")
        check_room(int(max(part.total - part.size, 0) + (room - 1) * part.total), part.path.parent, name)
        _append(answer, part, name, progress)


def _append(answer: Any, part: _Part, name: str, progress: Progress) -> None:
    done = part.size
    try:
        stream: IO[bytes] = part.path.open("ab")
        with stream:
            progress(name, done, part.total)
            for block in _blocks(answer):
                stream.write(block)
                part.digest.update(block)
                done += len(block)
                progress(name, done, part.total)
    except OSError as error:
        part.digest = None
        raise SegkitError(
            f"{name} cannot be written after {bytes_text(done)}: {error.strerror or error}",
            "free some space and run the same command again: it goes on where it stopped",
        ) from error
    if part.total and done != part.total:
        wrong = f"the server ended after {bytes_text(done)} of {bytes_text(part.total)}"
        if done > part.total:
            part.discard()
        raise _BrokenError(wrong)


def _blocks(answer: Any) -> Any:
    """Yield what arrives; a connection that breaks is a _BrokenError, so that a disk's OSError is told from it."""
    while True:
        try:
            block = answer.read1(BLOCK)
        except BROKEN_ANSWER as error:
            raise _BrokenError(_reason(error)) from error
        if not block:
            return
        yield block


def _check_range(headers: Any, part: _Part) -> None:
    """Raise _BrokenError, the part discarded, where a server sends another range or another file than asked for."""
    found = CONTENT_RANGE.match(headers.get("Content-Range", ""))
    # Nothing of it is there: then no range was asked for, and there is no digest that goes on.
    starts = found is not None and found[1] == str(part.size) and part.digest is not None
    same_total = found is not None and (not part.total or found[3] in ("*", str(part.total)))
    if not starts or not same_total or part.differs(headers):
        part.discard()
        raise _BrokenError("the server's file changed since its first part was fetched")
    if found is not None and found[3] != "*":
        part.about["total"] = int(found[3])


def _length(headers: Any) -> int:
    return whole_number(headers.get("Content-Length", "")) or 0


def _refused(error: HTTPError, url: str, part: _Part) -> None:
    """Raise what an HTTP error status means for a download."""
    if error.code == 416:
        part.discard()
        raise _BrokenError("the server's file is shorter than what was fetched of it") from error
    if error.code in TRY_LATER:
        raise _BrokenError(f"the server answered {error.code} {error.reason}") from error
    if 300 <= error.code < 400:
        where = "in a circle of redirections" if "infinite loop" in str(error.msg) else "to no web address"
        raise SegkitError(f"{url} leads {where}", "name another mirror") from error
    hints = {401: "it asks for a login", 403: "the server does not allow it", 404: "it is not there any more"}
    raise SegkitError(
        f"{url} cannot be fetched: the server answered {error.code} {error.reason}",
        f"{hints.get(error.code, 'check the address')}: see the dataset's homepage (segkit info NAME)",
    ) from error


def _connection_problem(error: Exception, url: str) -> Exception:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return SegkitError(
            f"{url}: the server's certificate is not trusted: {cause.verify_message}",
            "check the machine's clock and certificates, or the proxy that stands between",
        )
    return _BrokenError(_reason(cause))


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing arrived for {TIMEOUT_SECONDS} seconds"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection broke"
    return (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split()) or type(error).__name__


class _Redirects(HTTPRedirectHandler):
    """Follows redirections over http and https, and none from https back to http."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        check_scheme(newurl)
        if req.type == "https" and urlsplit(newurl).scheme == "http":
            raise SegkitError(f"{req.full_url} leads to {newurl}, which is not encrypted", "name another mirror")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener() -> OpenerDirector:
    """Return what opens URLs: through the proxies of the environment."""
    return build_opener(_Redirects)
