"""Requests that strangers may send, by seed: hostile files in forms, and forms, heads and addresses themselves."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hostile_files import (
    OTHERS,
    PHOTOGRAPHS,
    VOLUMES,
    ZEROS_OF_GZIP,
    bomb,
    dicom_slice,
    encoded,
    names,
    spoiled,
    spoiled_volume,
    volume,
)

BOUNDARY = b"segkit-test-boundary"


@dataclass(frozen=True)
class Hostile:
    """A request as its bytes.

    Attributes:
        kind: of what is wrong with it.
        raw: all that a client sends.
        broken: it ends before it is complete, so that the client may be hung up on without an answer.
        right: nothing is wrong with it.
    """

    kind: str
    raw: bytes
    broken: bool = False
    right: bool = False


def with_token(token: str, method: str, address: str, headers: Sequence[bytes], body: bytes = b"") -> bytes:
    """Return a request of a client that has the token."""
    lines = [f"{method} {address} HTTP/1.1".encode(), b"Host: 127.0.0.1", b"Authorization: Bearer " + token.encode()]
    return b"\r\n".join([*lines, *headers, b"", body])


def sized(body: bytes) -> bytes:
    """The header that says how long a body is."""
    return b"Content-Length: %d" % len(body)


def part(content: bytes, name: str = "upload.png", field: str = 'form-data; name="file"') -> bytes:
    """One file of a form, without the line before it."""
    head = f'Content-Disposition: {field}; filename="{name}"\r\nContent-Type: application/octet-stream'
    return head.encode("utf-8", "surrogatepass") + b"\r\n\r\n" + content


def form(parts: Sequence[bytes], boundary: bytes = BOUNDARY) -> bytes:
    """A whole form."""
    lines = [b"--" + boundary + b"\r\n" + one + b"\r\n" for one in parts]
    return b"".join([*lines, b"--" + boundary + b"--\r\n"])


DISPOSITIONS = (
    *("form-data", "form-data; name=file", 'form-data; name="file"; name="file"', 'attachment; name="file"', "", ";;;"),
    *("form-data; name*=UTF-8''file", 'form-data; name="file\0"', 'form-data; name="' + "f" * 9000 + '"', "\xff\xfe"),
    *('form-data; name="params"', 'form-data; name="file[]"', "form-data; filename*=utf-8''..%2f..%2fx; name=\"file\""),
)
KINDS = (
    *(b"multipart/form-data", b"multipart/form-data; boundary=", b'multipart/form-data; boundary=""', b"text/plain"),
    *(b"multipart/form-data; boundary=" + b"b" * 60_000, b"multipart/form-data; boundary=\xff\xfe", b"multipart/mixed"),
    *(b'multipart/form-data; boundary="' + BOUNDARY, b"multipart/form-data; boundary=-- ; charset=idna", b"x", b""),
    *(b"multipart/form-data; charset=raw_unicode_escape; boundary=" + BOUNDARY, b"application/x-www-form-urlencoded"),
    *(b"multipart/form-data; charset=punycode; boundary=" + BOUNDARY, b"MULTIPART/FORM-DATA; Boundary=" + BOUNDARY),
    *(b"multipart/form-data; charset=nothing; boundary=" + BOUNDARY, b"multipart/form-data; boundary=other"),
    *(b"multipart/form-data; charset=undefined; boundary=" + BOUNDARY, b"multipart/form-data; charset=\0; boundary=a"),
)
LENGTHS = (
    *(b"-1", b"+5", b"0x10", b"1e3", b"", b" ", b"9" * 30, b"9" * 6000, b"1, 1", b"1, 2", b"\xb2", b"NaN", b"0", b"1"),
    *(b"%d" % (2 << 30), b"%d" % (2**63), b"00000005", b"5 5"),
)
HEADS = (
    *(
        b"GET / HTTP/1.1",
        b"GET /",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"\0\1\2\3\r\n\r\n",
        b"\x16\x03\x01\x02\0\1\0\1\xfc",
        b"\r\n\r\n",
    ),
    *(b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    *(
        b"G\xffT / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"A" * 100_000,
    ),
    *(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX\0: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"\n" * 500,
    ),
    *(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 90_000 + b"\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"),
    *(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 9000 + b"\r\n", b"\x05\x01\0", b"QUIT\r\n\r\n"),
)
VALUES = (
    *(
        b"\xff\xfe",
        b"",
        b"x" * 20_000,
        b"\x01",
        b"a\tb",
        b"Bearer",
        b"segkit-0=x; " * 900,
        b"127.0.0.1:99999999",
        b"[::1",
    ),
    *(b'"', b"evil.example", b"http://evil.example", b"null", b"bytes=0-", b"bytes=-1-5,9999999999999999999-", b"gzip"),
)
HEADERS = (
    *(b"Host", b"Origin", b"Cookie", b"Authorization", b"Range", b"If-Range", b"Accept-Encoding", b"Content-Type"),
    *(b"Content-Encoding", b"Expect", b"Connection", b"Upgrade", b"X-Forwarded-For", b"If-None-Match", b"Referer"),
)
LARGE = "9" * 5000
ADDRESSES = (
    *("/../../../etc/passwd", "/static/../guard.py", "/static/%2e%2e%2fguard.py", "/static//etc/passwd", "/static/%00"),
    *("//", "/api", "/api/", "/api/predict/", "/api/cases/..%2f..", "/api/cases/{case}/models/-1/labels", "/?a" * 900),
    *(f"/api/cases/{{case}}/models/{LARGE}/labels", f"/api/cases/{{case}}/slices/{LARGE}", "/api/jobs/%ff%fe"),
    *(
        f"/api/cases/{{case}}/corrections/{LARGE}",
        "/api/cases/{case}/corrections/9" + "0" * 200,
        "/monai/infer/%0d%0aX:1",
    ),
    *(
        "/api/cases/{case}/models/0/mask",
        "/api/cases/{case}/picture",
        "/api/cases/{case}",
        "/monai/datastore/image?image=..",
    ),
    *(
        "/api/cases/{case}/models/99/mask",
        "/api/cases/{case}/models/0/heat",
        f"/api/predict?model={LARGE}",
        "/api/info?%ff",
    ),
    *("/monai/datastore/?output=all", "/monai//info/", "/monai/%2e%2e/info/", "/api/cases/{case}/models/٣/labels"),
)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 300)
QUERIES = (
    *("model=0", "model=1", "model=all", "model=0,0,0,1", "model=-1", "model=99", "model=", "model=٣", "model=1e3"),
    *("model=" + "0," * 3000 + "0", "model=%00", "answer=mask", "answer=%ff", "image=../x&output=image", "output=json"),
    *("model=0&model=1", "a=1&" * 4000, "%", "=&=&", "token=x", f"model={'9' * 4500}"),
)
BODIES = (
    *(
        b"",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b"[" * 50_000,
        b'{"a":' * 9000,
        b"\xff\xfe",
        b'"x"',
        b"1" * 5000,
        b'{"a": NaN}',
    ),
    *(b'{"explainer": null}', b'{"explainer": "cam", "target": "../../x"}', b'{"explainer": "cam", "target": {}}'),
    *(b'{"explainer": ["cam"]}', b'{"explainer": "cam", "evidence": "x", "target": "class:99999999999999999999"}'),
    *(b'{"explainer": "cam", "target": "predicted", "layer": "\\ud800"}', b'{"explainer": "\\ud800\\u001b[2J"}'),
)


class Generator:
    """Draws requests by their seeds.

    Args:
        place: of the canary.
        right: a right photograph, which is sent among the others.
        numbers: of the models of photographs and of volumes; None where the server has none.
    """

    def __init__(self, token: str, place: Path, right: bytes, numbers: tuple[int, int | None]) -> None:
        self.token, self.place, self.right, self.numbers = token, place, right, numbers
        self.kinds: tuple[tuple[int, Callable[[random.Random], Hostile]], ...] = (
            *((1, self.right_one), (5, self.photograph), (5, self.volume), (2, self.series), (3, self.name)),
            *((3, self.disposition), (2, self.content_type), (2, self.length), (2, self.chunks), (2, self.head)),
            *((2, self.header), (3, self.address), (2, self.query), (2, self.body), (2, self.drawn), (2, self.parts)),
        )

    def draw(self, seed: int, case: str = "none") -> Hostile:
        """Draw a request; `case` is one that the server holds, for addresses to name."""
        dice = random.Random(seed)
        ((_, make),) = dice.choices(self.kinds, [weight for weight, _ in self.kinds])
        self.case = case
        return make(dice)

    def send(self, kind: str, body: bytes, address: str = "/api/predict", **more: Any) -> Hostile:
        """Return a form that is sent as one."""
        headers = [b"Content-Type: multipart/form-data; boundary=" + BOUNDARY, sized(body)]
        return Hostile(kind, with_token(self.token, "POST", address, headers, body), **more)

    def address_of(self, dice: random.Random, volume: bool = False) -> str:
        """Where a file may be sent to."""
        number = self.numbers[int(volume)] if dice.random() < 0.9 else self.numbers[int(not volume)]
        known = (f"/api/predict?model={number or 0}", f"/api/jobs?model={number or 0}", "/monai/datastore/?image=x")
        return dice.choices(known, (6, 2, 1))[0]

    def right_one(self, dice: random.Random) -> Hostile:
        """A photograph that must be predicted as ever."""
        return self.send("right", form([part(self.right)]), f"/api/predict?model={self.numbers[0]}", right=True)

    def photograph(self, dice: random.Random) -> Hostile:
        """A spoiled photograph of any format, or another thing of its name."""
        suffix, kind = dice.choice(PHOTOGRAPHS), dice.random()
        data = spoiled(encoded(suffix, dice.randrange(9)), dice)
        if kind < 0.2:
            data = dice.choice(OTHERS)
        elif kind < 0.25:
            data = bomb(dice)
        return self.send("photograph", form([part(data, f"x{suffix}")]), self.address_of(dice))

    def volume(self, dice: random.Random) -> Hostile:
        """A spoiled volume, of one file or of several channels."""
        suffix, kind = dice.choice(VOLUMES[:2]), dice.random()
        data = spoiled_volume(dice) if kind < 0.6 else spoiled(volume(suffix == ".nii.gz"), dice)
        if kind > 0.95:
            data = bomb(dice)
        elif kind > 0.85:
            suffix, data = dice.choice(VOLUMES[2:]), dice.choice((*OTHERS, dicom_slice(1), encoded(".tif", 0)))
        several = [part(data, f"x_{number:04d}{suffix}") for number in range(dice.choice((1, 1, 1, 2, 3)))]
        return self.send("volume", form(several), self.address_of(dice, volume=True))

    def series(self, dice: random.Random) -> Hostile:
        """A DICOM series of which a slice is spoiled, missing, doubled or something else."""
        slices = [dicom_slice(place) for place in range(6)]
        for _ in range(dice.choice((0, 1, 1, 2))):
            at, kind = dice.randrange(len(slices)), dice.randrange(4)
            if kind == 0:
                del slices[at]
            elif kind == 1:
                slices.append(slices[at])
            else:
                slices[at] = spoiled(slices[at], dice) if kind == 2 else dice.choice(OTHERS)
        end = dice.choice((".dcm", "", ".ima", ".DCM"))
        parts = [part(one, f"{dice.choice(('../', '', '/'))}IM{number}{end}") for number, one in enumerate(slices)]
        return self.send("series", form(parts), self.address_of(dice, volume=True))

    def name(self, dice: random.Random) -> Hostile:
        """A right file of a hostile name."""
        suffix = dice.choice((*PHOTOGRAPHS, *VOLUMES))
        data = encoded(suffix, 0) if suffix in PHOTOGRAPHS else volume(suffix.endswith("gz"))
        body = form([part(data, names(dice, suffix, self.place))])
        return self.send("name", body, self.address_of(dice, volume=suffix in VOLUMES))

    def disposition(self, dice: random.Random) -> Hostile:
        """A form of which the parts say strange things of themselves."""
        field, more = (
            dice.choice(DISPOSITIONS),
            dice.choice(("", "X: 1\r\n" * 300, "Content-Disposition: form-data\r\n")),
        )
        one = more.encode() + part(self.right, names(dice, ".png", self.place), field)
        if dice.random() < 0.2:
            one = dice.choice(
                (b"\r\n\r\n" + self.right, self.right, b"X" * 90_000 + one, b": \r\n\r\n", b"\xff: 1\r\n\r\nx")
            )
        return self.send("disposition", form([one]), self.address_of(dice))

    def content_type(self, dice: random.Random) -> Hostile:
        """A body that says it is something else, or a form of another boundary."""
        body = dice.choice((form([part(self.right)]), self.right, b"--" + BOUNDARY, b"--\r\n--", b"", BOUNDARY * 200))
        headers = [b"Content-Type: " + dice.choice(KINDS), sized(body)]
        return Hostile("content type", with_token(self.token, "POST", self.address_of(dice), headers, body))

    def length(self, dice: random.Random) -> Hostile:
        """A length that is none, too large or too small."""
        body, said = form([part(self.right)]), dice.choice(LENGTHS)
        headers = [b"Content-Type: multipart/form-data; boundary=" + BOUNDARY, b"Content-Length: " + said]
        headers += [sized(body)] if dice.random() < 0.2 else []
        headers += [b"Transfer-Encoding: chunked"] if dice.random() < 0.2 else []
        return Hostile("length", with_token(self.token, "POST", self.address_of(dice), headers, body), broken=True)

    def chunks(self, dice: random.Random) -> Hostile:
        """A body in chunks that are none, or a coding that nobody knows."""
        body = form([part(self.right)])
        sizes = (b"%x" % len(body), b"-5", b"zz", b"", b"f" * 40, b"0", b"%x;a=b" % len(body), b"ffffffff", b" 5", b"5")
        coding = dice.choice(
            (b"chunked", b"chunked", b"gzip, chunked", b"identity", b"chunked, chunked", b"\x0bchunked")
        )
        headers = [b"Content-Type: multipart/form-data; boundary=" + BOUNDARY, b"Transfer-Encoding: " + coding]
        data = (
            dice.choice(sizes) + b"\r\n" + body + b"\r\n" + dice.choice((b"0\r\n\r\n", b"0\r\nX: 1\r\n\r\n", b"", b"x"))
        )
        return Hostile("chunks", with_token(self.token, "POST", self.address_of(dice), headers, data), broken=True)

    def head(self, dice: random.Random) -> Hostile:
        """What is no request, or one of another protocol; a part of a right one."""
        whole = self.right_one(dice).raw
        return Hostile("head", dice.choice((*HEADS, whole[: dice.randrange(len(whole))])), broken=True)

    def header(self, dice: random.Random) -> Hostile:
        """A right form with hostile headers."""
        body = form([part(self.right)])
        headers = [b"Content-Type: multipart/form-data; boundary=" + BOUNDARY, sized(body)]
        headers += [dice.choice(HEADERS) + b": " + dice.choice(VALUES) for _ in range(dice.randint(1, 3))]
        return Hostile("header", with_token(self.token, "POST", self.address_of(dice), headers, body), broken=True)

    def address(self, dice: random.Random) -> Hostile:
        """An address that is none, by any method."""
        address = quote(dice.choice(ADDRESSES).replace("{case}", self.case), safe="/%?=&{}.:,")
        method = dice.choice(METHODS) if dice.random() < 0.6 else "GET"
        body = dice.choice(BODIES) if dice.random() < 0.5 else b""
        return Hostile(f"address {method}", with_token(self.token, method, address, [sized(body)], body), broken=True)

    def query(self, dice: random.Random) -> Hostile:
        """A right file with a hostile query."""
        address = f"{dice.choice(('/api/predict', '/api/jobs', '/monai/infer/x'))}?{dice.choice(QUERIES)}"
        return self.send("query", form([part(self.right)]), quote(address, safe="/?=&,%"))

    def body(self, dice: random.Random) -> Hostile:
        """What asks for an explanation, and is no JSON or the wrong one."""
        data = dice.choice(BODIES)
        address = f"/api/cases/{self.case}/models/{dice.randrange(2)}/explain"
        return Hostile("body", with_token(self.token, "POST", address, [sized(data)], data))

    def drawn(self, dice: random.Random) -> Hostile:
        """A corrected label map of another size, of other classes, or that unpacks to much."""
        grid = bytes(40 * 48)
        data = dice.choice((b"", grid, grid[:-1], b"\x09" * len(grid), ZEROS_OF_GZIP, bytes(3_000_000)))
        data = dice.choice((data, data, gzip.compress(grid, 1)[:-9], b"\x1f\x8b" + dice.randbytes(50)))
        place = dice.choice(("corrected", "corrections", "corrections"))
        query = dice.choice(
            (
                "",
                "?version=0",
                "?version=-1",
                f"?version={LARGE}",
                "?version=x",
                "?who=%1b%5b2J%00",
                "?who=" + "w" * 9000,
            )
        )
        address = f"/api/cases/{self.case}/models/0/{place}{query}"
        whole = with_token(self.token, "POST", address, [sized(data)], data)
        if dice.random() < 0.2 and data:  # broken off
            return Hostile("drawn", whole[:-1], broken=True)
        return Hostile("drawn", whole)

    def parts(self, dice: random.Random) -> Hostile:
        """Very many files or fields, one very long field, one file twice, or a form without its end."""
        file, field = part(self.right), b'Content-Disposition: form-data; name="%s"\r\n\r\n%s'
        kind = dice.randrange(7)
        if kind == 6:
            return self.send("parts", form([file])[: -dice.randrange(1, 60)], self.address_of(dice))
        several: Sequence[bytes] = (
            [part(b"x", "a.dcm")] * 2001,
            [field % (b"f%d" % number, b"1") for number in range(2000)],
            [field % (b"params", b"9" * 100_000), file],
            [file, file],
            [file, part(b"", "b.nii.gz"), part(b"", "c")],
            [],
        )[kind]
        return self.send("parts", form(several), self.address_of(dice))
