"""Who has no token gets nothing; what is too much, too slow or hostile is refused in a sentence, and nothing hangs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from segkit_serve.guard import Access, Guard
from segkit_serve.limits import Limits

SENTENCE = {"error", "hint"}


def upload(path, name=None):
    """A file as a form's field."""
    return {"file": (name or path.name, path.read_bytes())}


def test_without_the_token_nothing_is_answered(server):
    """Page, files, interface, documents: 401 in a sentence, a wrong token as none."""
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "segkit-0=x"}):
        for path in ("/", "/static/page.js", "/api/info", "/docs", "/openapi.json", "/monai/info/", "/nothing"):
            found = httpx.get(server.base + path, headers=headers)
            assert found.status_code == 401, path
            assert found.json().keys() == SENTENCE


def test_token_in_the_address_becomes_a_cookie(server):
    """The page's address leads to one without the token, which no history holds; scripts cannot read it."""
    with httpx.Client(base_url=server.base) as client:
        first = client.get(f"/?token={server.token}")
        assert first.status_code == 303
        assert first.headers["location"] == "/"
        cookie = first.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost"}, 200),
    ],
)
def test_pages_of_other_servers_may_not_ask(server, headers, status):
    """A name that was made to point here, and a page from elsewhere, are refused even with the token."""
    with server.client() as client:
        assert client.get("/api/info", headers=headers).status_code == status


def test_what_is_too_long_is_refused_before_it_is_sent(server):
    """A request that promises 2 GB is refused at its head, and the next client is served."""
    port = int(server.base.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(
            f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.token}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {2 << 30}\r\n\r\n".encode()
        )
        client.settimeout(10)
        answer = client.recv(4096)
    assert b" 413 " in answer.split(b"\r\n")[0]
    with server.client() as client:
        assert client.post("/api/predict", files=upload(server.photograph)).status_code == 200


def guarded(limits: Limits, messages, headers=()):
    """Send a request, message by message, to an application that reads all of it; returns what it is answered."""
    sent = []

    async def app(scope, receive, send):
        while True:
            message = await receive()
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def receive():
        wait, message = next(messages)
        await asyncio.sleep(wait)
        return message

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/predict",
        "query_string": b"token=abcdefghijklmnop",
        "headers": [(b"host", b"127.0.0.1"), *headers],
    }
    asyncio.run(Guard(app, Access("abcdefghijklmnop", 80), limits)(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_client_that_stalls_is_hung_up_on():
    """Silence in the middle of a request, and a request that never ends, are told so."""
    part = {"type": "http.request", "body": b"x", "more_body": True}
    status, told = guarded(Limits(silence=0.05), iter([(0, part), (5, part)]))
    assert status == 408
    assert told.keys() == SENTENCE
    forever = iter(lambda: (0.01, part), None)
    assert guarded(Limits(silence=1, receive=0.1), forever)[0] == 408


def test_length_that_lies_is_counted():
    """A body that is longer than it said, or said nothing, ends at the limit."""
    part = {"type": "http.request", "body": b"x" * 1000, "more_body": True}
    assert guarded(Limits(upload=5000), iter(lambda: (0, part), None))[0] == 413
    assert guarded(Limits(upload=5000), iter([]), [(b"content-length", b"5001")])[0] == 413


def test_killed_worker_is_started_again(server):
    """What a killed worker had is done by the next one; who asks afterwards is served."""
    with server.client() as client, ThreadPoolExecutor(4) as pool:
        assert client.post("/api/predict", files=upload(server.photograph)).status_code == 200
        asked = [pool.submit(client.post, "/api/predict", files=upload(server.photograph)) for _ in range(8)]
        for child in children(server.process.pid):
            os.kill(child, signal.SIGKILL)
        assert {future.result().status_code for future in asked} == {200}


def children(pid: int) -> list[int]:
    """The processes that a process has started for its models."""
    found = []
    for line in subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout.splitlines()[1:]:
        child, parent, *command = line.split()
        if int(parent) == pid and "spawn_main" in " ".join(command):
            found.append(int(child))
    return found


def test_fifty_clients_at_once_lose_nothing(server):
    """Each of fifty is served, or told that too many wait; nobody is left without an answer."""

    def ask(_):
        with server.client() as client:
            return client.post("/api/predict", files=upload(server.photograph))

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(answer.status_code == 200 for answer in answers) >= 8
    assert all(answer.json().keys() == SENTENCE for answer in answers if answer.status_code == 503)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["--token", "short", "."], "the token has to be at least 16"),
        (["--token", "with a space and more", "."], "the token has to be at least 16"),
    ],
)
def test_command_refuses_in_a_sentence(tmp_path, arguments, told):
    """What cannot be served is told before anything listens."""
    found = subprocess.run(
        [sys.executable, "-m", "segkit", "serve", *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert found.returncode in (1, 2)
    assert told in found.stderr
    assert "Traceback" not in found.stderr
