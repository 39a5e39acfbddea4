"""A dataset in memory and its store, and a web server that behaves as badly as it is told to."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from segkit import Case, Sample, Task
from segkit.data.store import Store, open_store


class ArrayReader:
    """Reads samples from a dictionary; each case may name files that are only looked at."""

    reader_version = 1
    recipe: dict = {}

    def __init__(self, samples: dict[str, Sample], task: Task):
        self.samples, self.task = samples, task

    def read(self, case: Case) -> Sample:
        return self.samples[case.id]


def random_samples(count: int, shape: tuple[int, ...], *, channels=3, classes=1, seed=0) -> dict[str, Sample]:
    """Return samples of noise with masks of all labels and some ignored pixels."""
    random = np.random.default_rng(seed)
    samples = {}
    for index in range(count):
        mask = random.integers(0, classes + 1, shape, dtype=np.uint8)
        mask[random.random(shape) < 0.05] = 255
        samples[f"case-{index:02}"] = Sample(random.integers(0, 256, (channels, *shape), dtype=np.uint8), mask)
    return samples


@pytest.fixture
def make_store(tmp_path: Path):
    """A function that stores samples and returns the opened store."""

    def make(samples: dict[str, Sample], size: tuple[int, ...], classes: tuple[str, ...] = ("lesion",)) -> Store:
        first = next(iter(samples.values())).image
        reader = ArrayReader(samples, Task(len(first), classes, first.ndim - 1))
        cases = [Case(name, group=f"patient-{index // 2}") for index, name in enumerate(samples)]
        return open_store(reader, "arrays", cases, size, folder=tmp_path / "stores", workers=2)

    return make


@pytest.fixture
def noise():
    """The function that makes random samples."""
    return random_samples


@pytest.fixture
def array_reader():
    """The class of readers of arrays."""
    return ArrayReader


@dataclass
class Page:
    """One file on the server, and how it is served.

    Attributes:
        ranges: whether Range is answered with 206.
        if_range: whether If-Range is looked at.
        length: Content-Length to state; the right one where not given, none at all where -1.
        drops: for each answer to come, after how many bytes of its body the connection is cut; None lets it end.
        statuses: for each answer to come, an error to send instead.
    """

    content: bytes
    etag: str | None = '"first"'
    last_modified: str | None = None
    ranges: bool = True
    if_range: bool = True
    length: int | None = None
    drops: list[int | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    location: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Web:
    """The server: pages by path, and what was asked for and sent."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.sent = 0
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, path: str, content: bytes, **behaviour: object) -> str:
        """Serve a file and return its address."""
        self.pages[path] = Page(content, **behaviour)
        return self.base + path

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one GET."""
        page = self.pages.get(request.path)
        asked = request.headers["Range"]
        self.asked.append((request.path, asked))
        if page is None:
            request.send_error(404)
            return
        if page.location is not None:
            request.send_response(302)
            request.send_header("Location", page.location)
            request.end_headers()
            return
        if page.statuses:
            request.send_error(page.statuses.pop(0))
            return
        start, total = 0, len(page.content)
        same = not page.if_range or request.headers["If-Range"] in (None, page.etag, page.last_modified)
        ranged = asked is not None and page.ranges and same
        if ranged:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= total:
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{total}")
                request.end_headers()
                return
        self.send(request, page, start, ranged=ranged)

    def send(self, request: http.server.BaseHTTPRequestHandler, page: Page, start: int, *, ranged: bool) -> None:
        """Send a body, or the beginning of one."""
        body, total = page.content[start:], len(page.content)
        request.send_response(206 if ranged else 200)
        if ranged:
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        length = len(body) if page.length is None else page.length - start
        if page.length != -1:
            request.send_header("Content-Length", str(length))
        known = {"ETag": page.etag, "Last-Modified": page.last_modified, **page.headers}
        for name, value in known.items():
            if value is not None:
                request.send_header(name, value)
        request.end_headers()
        cut = page.drops.pop(0) if page.drops else None
        body = body[:cut]
        self.sent += len(body)
        request.wfile.write(body)


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on this machine."""
    server = Web()
    yield server
    server.close()
