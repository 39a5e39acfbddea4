"""Answers of servers that lie: lengths, ranges, redirections, reason phrases, stalls, and nothing of HTTP at all."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from attack_archives import zipped
from siege import Attack

import segkit.data.download
from segkit.data.archives import download_archives

REASONS = (
    *(
        b"OK",
        b"",
        b"\x1b]0;title\x07\x1b[2J",
        b"Not \xe2\x80\xaeFound",
        b"x" * 70_000,
        b"\xff\xfe",
        b"a\tb",
        b"No\x9bway",
    ),
    b"<script>document.title=1</script>",
)
CODES = (100, 101, 200, 204, 206, 301, 302, 303, 307, 308, 304, 400, 401, 403, 404, 416, 429, 500, 503, 599, 999, 0)
PLACES = (
    *(
        b"file:///etc/passwd",
        b"file://{home}/outside/canary",
        b"ftp://127.0.0.1/x",
        b"data:text/plain,x",
        b"gopher://x",
    ),
    *(
        b"/loop.zip",
        b"//",
        b"",
        b"http://[",
        b"http://127.0.0.1:1/x.zip",
        b"\x1b[2J",
        b"javascript:alert(1)",
        b"x" * 9000,
    ),
    *(b"http://127.0.0.1:{port}/data.zip?\x1b[2J", b"http://user:pass@127.0.0.1:{port}/data.zip"),
)
LENGTHS = (
    b"0",
    b"-1",
    b"99999999999999999999",
    b"1e9",
    b"x",
    b"\xd9\xa1",
    b"10, 20",
    b"{more}",
    b"{less}",
    b"9" * 5000,
)


class Servers:
    """Attacks by the answers to a download."""

    name = "servers"

    def __init__(self, works: Path) -> None:
        self.works = works

    def prepare(self, place: Path) -> None:
        """Keep a right archive, and wait for nobody long."""
        self.whole = zipped([("data/images/a.png", b"picture" * 50, 0), ("data/masks/a.png", b"mask" * 100, 0)])
        segkit.data.download.TIMEOUT_SECONDS = 0.2
        segkit.data.download.PAUSE_SECONDS = 0.0

    def draw(self, home: Path, seed: int) -> Attack:
        """Begin to listen, and download from there."""
        dice = random.Random(seed)
        right = dice.random() < 0.06
        answers = [self.right()] if right else [self.answer(dice, home) for _ in range(dice.randint(1, 3))]
        known = dice.choice((None, None, hashlib.sha256(self.whole).hexdigest(), "0" * 64))
        (home / "out").mkdir()
        server = Server(answers + ([self.right()] if dice.random() < 0.3 else []))

        def take() -> None:
            url = f"http://127.0.0.1:{server.port}/data.zip"
            try:
                download_archives([url], home / "out", lambda *_: None, known={"data.zip": known} if known else None)
            finally:
                server.close()

        def check(code: int) -> str:
            found = home / "out" / "data" / "images" / "a.png"
            refused = known == "0" * 64
            return "" if found.is_file() != refused and bool(code) == refused else f"code {code}"

        def whole_or_nothing(code: int) -> str:
            found = home / "out" / "data" / "images" / "a.png"
            return "" if code or found.read_bytes() == b"picture" * 50 else "another content"

        return Attack(take, check if right else whole_or_nothing)

    def right(self) -> Callable[[socket.socket, bytes], None]:
        """A server that does as it should."""
        head = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n' % len(self.whole)
        return lambda connection, _: connection.sendall(head + self.whole)

    def answer(self, dice: random.Random, home: Path) -> Callable[[socket.socket, bytes], None]:
        """One that does not."""
        kind, reason, code = dice.random(), dice.choice(REASONS), dice.choice(CODES)
        body = (
            self.whole if dice.random() < 0.7 else dice.choice((b"", b"<html>\x1b[2J", self.whole[:50], self.whole * 3))
        )
        length = dice.choice(LENGTHS).replace(b"{more}", b"%d" % (len(body) + 7)).replace(b"{less}", b"7")
        place = dice.choice(PLACES).replace(b"{home}", str(home).encode())
        headers = [b"Content-Length: " + (length if dice.random() < 0.5 else b"%d" % len(body)), b"Connection: close"]
        headers += [b"Location: " + place] if 300 <= code < 400 else []
        headers += [b"Content-Range: bytes " + dice.choice((b"0-5/6", b"*/*", b"x", b"9-1/0", b"%s-/" % length))] * (
            code == 206
        )
        headers += dice.sample(
            [b"ETag: \"\x1b[2J\"", b"Content-Encoding: gzip", b"Transfer-Encoding: chunked", b"X: " + b"y" * 70_000,
             b"Last-Modified: never", b"Content-Disposition: attachment; filename=../../outside/canary", b"no colon",
             b"Set-Cookie: a=b", b"Refresh: 0; url=file:///etc/passwd"], dice.randrange(3))  # fmt: skip

        def send(connection: socket.socket, port: bytes) -> None:
            whole = (
                b"HTTP/1.1 %d %s\r\n" % (code, reason)
                + b"\r\n".join(headers).replace(b"{port}", port)
                + b"\r\n\r\n"
                + body
            )
            if kind < 0.06:
                connection.sendall(
                    dice.choice((b"", b"\0" * 100, b"SSH-2.0-x\r\n", b"HTTP/9.9 200\r\n\r\n", b"220 ftp\r\n"))
                )
            elif kind < 0.12:
                connection.sendall(whole[: dice.randrange(len(whole))])
                time.sleep(0.5)  # stalls for longer than is waited
            elif kind < 0.2:
                connection.sendall(whole[: dice.randrange(len(whole))])
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not closed
            else:
                connection.sendall(whole)

        return send


class Server:
    """Answers each connection in turn, the last way again and again."""

    def __init__(self, answers: list[Callable[[socket.socket, bytes], None]]) -> None:
        self.answers = answers
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        """Take connections until closed."""
        turn = 0
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            try:
                connection.settimeout(2)
                connection.recv(65536)
                self.answers[min(turn, len(self.answers) - 1)](connection, b"%d" % self.port)
            except OSError:
                pass  # hung up on
            finally:
                connection.close()
            turn += 1

    def close(self) -> None:
        """Listen no more."""
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()
