"""Clients that are slow, say what is no request, or are too many: a sentence each, and the next one is served."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from segkit_serve import patient, refusal, uploads
from segkit_serve.guard import Access, Guard
from segkit_serve.limits import Limits

TOKEN = "abcdefghijklmnop"
HEAD = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"
SENTENCE = {"error", "hint"}
SILENCE = 0.4


async def take(request: Request) -> JSONResponse:
    """Read a body of at most a hundred bytes."""
    return JSONResponse({"bytes": len(await uploads.read_body(request, 100, "send less"))})


@pytest.fixture
def port(monkeypatch) -> Iterator[int]:
    """Where a server listens that reads what it is sent."""
    monkeypatch.setattr(patient.Patient, "silence", SILENCE)
    app = Starlette(
        routes=[Route("/", take, methods=["POST"])], exception_handlers={refusal.RefusedError: refusal.told}
    )
    guard = Guard(app, Access(TOKEN, 80), Limits(silence=SILENCE, receive=5 * SILENCE))
    config = uvicorn.Config(guard, http=patient.Patient, ws="none", log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A client that waits for its answers."""
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        yield client


def answer(client: socket.socket) -> tuple[bytes, dict]:
    """Read until the server hangs up; returns the last answer's status line and its JSON."""
    data = b""
    while more := client.recv(65536):
        data += more
    last = data[data.rindex(b"HTTP/1.1 ") :]
    head, _, body = last.partition(b"\r\n\r\n")
    assert b"content-security-policy" in head.lower()
    return head.split(b"\r\n")[0], json.loads(body)


def served(port: int) -> bool:
    """Whether a right request is answered."""
    with connected(port) as client:
        client.sendall(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        status, told = answer(client)
    return b" 200 " in status and told == {"bytes": 2}


@pytest.mark.parametrize(
    "begun",
    [b"POST / HT", HEAD, WHOLE + HEAD, WHOLE + WHOLE + b"G", HEAD + b"Content-Length: 20\r\n\r\n{"],
    ids=["line", "head", "second head", "third line", "body"],
)
def test_who_stalls_is_told_and_hung_up_on(port, begun):
    """In the middle of a line, of the head of any of its requests, or of a body; others are served meanwhile."""
    with connected(port) as client:
        client.sendall(begun)
        assert served(port)
        status, told = answer(client)
    assert b" 408 " in status
    assert told.keys() == SENTENCE


def test_who_drips_is_hung_up_on(port):
    """A head of which a byte comes now and then is not waited for longer than one that does not come."""
    with connected(port) as client:
        with contextlib.suppress(OSError):
            for sign in HEAD * 5:
                client.sendall(bytes([sign]))
                time.sleep(SILENCE / 8)
        with contextlib.suppress(ConnectionError):
            assert b" 408 " in answer(client)[0]
    assert served(port)


def test_who_says_nothing_is_hung_up_on(port):
    """Without a word: nothing was asked."""
    with connected(port) as client:
        assert client.recv(100) == b""
    assert served(port)


@pytest.mark.parametrize(
    "raw",
    [
        *(b"\0\1\2\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"A" * 100_000, b"GET / HTTP/1.1\r\n\r\n"),
        HEAD + b"Content-Length: x\r\n\r\n",
        HEAD + b"Content-Length: " + b"9" * 6000 + b"\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        WHOLE + b"\0\r\n\r\n",
    ],
    ids=["bytes", "address", "endless line", "no host", "length", "long length", "chunk", "second"],
)
def test_what_is_no_request_is_told_so(port, raw, capfd):
    """As JSON, as everything else is; and nothing is raised within the server."""
    with connected(port) as client:
        client.sendall(raw)
        status, told = answer(client)
    assert b" 400 " in status
    assert told.keys() == SENTENCE
    assert served(port)
    assert "Traceback" not in capfd.readouterr().err


def test_a_body_that_is_spoiled_while_it_is_answered(port, capfd):
    """The answer that is under way is the last word."""
    with connected(port) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"c8\r\n" + b"x" * 200 + b"\r\nzz\r\n")
        status, told = answer(client)
    assert status.split()[1] in (b"413", b"400")
    assert told.keys() == SENTENCE
    assert served(port)
    assert "Traceback" not in capfd.readouterr().err


def test_who_breaks_off_raises_nothing(port, capfd):
    """A client that goes in the middle of its body is no fault of the server's."""
    with connected(port) as client:
        client.sendall(HEAD + b"Content-Length: 20\r\n\r\n{")
    assert served(port)
    assert "Traceback" not in capfd.readouterr().err


def test_too_many_clients_are_told_so(port, monkeypatch):
    """Whoever comes when all places are taken gets a sentence, and is served once there is one."""
    monkeypatch.setattr(patient, "CONNECTIONS", 2)
    with connected(port) as first, connected(port) as second:
        for client in (first, second):
            client.sendall(WHOLE)
            assert client.recv(20).startswith(b"HTTP/1.1 200")
        with connected(port) as third:
            third.sendall(WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            status, told = answer(third)
        assert b" 503 " in status
        assert told.keys() == SENTENCE
    time.sleep(SILENCE / 4)
    assert served(port)
