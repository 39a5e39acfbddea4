"""What strangers send to a server: an answer each, a sentence where it is refused, and nothing happens elsewhere."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hostile_files import CANARY, PHOTOGRAPHS, VOLUMES, encoded
from hostile_requests import Generator, Hostile

FEW = 90
MANY = int(os.environ.get("SEGKIT_UPLOADS", "2000"))
"""Under `full`, as issue 26 asks for."""
FIRST = int(os.environ.get("SEGKIT_UPLOADS_FROM", "1"))
"""Ten thousands of the first one's seed: another one tries others."""
LONGEST = 10.0
"""Seconds for an answer, by the clock."""
HUNG = 60.0
"""Seconds after which an answer is not waited for, where a busy machine may take longer than LONGEST."""
SENTENCE = {"error", "hint"}
STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass
class Watched:
    """A server that is watched from within.

    Attributes:
        server: as others have it.
        notes: what its processes did outside of its own folders, a line each.
        around: the folder that holds the canary and nothing that may change.
    """

    server: object
    notes: Path
    around: Path

    def noted(self) -> list[str]:
        """What was noted."""
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def said(self) -> list[str]:
        """What it told who runs it, once it listened."""
        return self.server.stderr.read_text(errors="replace").partition("Ctrl-C ends it\n")[2].split("\n")[:-1]


@dataclass
class Tally:
    """What came of the requests.

    Attributes:
        statuses: of the answers, "none" where a broken request got none.
        wrong: seed, kind and what was wrong.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0


@pytest.fixture(scope="module")
def watched(made, start_server, tmp_path_factory) -> Iterator[list[Watched]]:
    """A server of both models, and one of photographs that keeps corrections; both are watched."""
    with ExitStack() as stack:
        found = []
        for number, models in enumerate((made[1:], made[1:2])):
            around = tmp_path_factory.mktemp("around")
            (around / CANARY).write_bytes(encoded(".png", 99))
            notes, keep = around.with_suffix(".notes"), around.with_suffix(".kept")
            environ = watching(notes, keep)
            more = ("--keep", str(keep)) if number else ()
            server = stack.enter_context(start_server(*map(str, models), *more, environ=environ, cwd=around))
            found.append(Watched(server, notes, around))
        yield found


def watching(notes: Path, own: Path) -> dict[str, str]:
    """The environment of a process that notes what it does outside of TMPDIR and of a folder of its own."""
    return {
        "PYTHONPATH": str(Path(__file__).parent / "witness"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SEGKIT_WITNESS": str(notes),
        "SEGKIT_WITNESS_OWN": str(own),
        "SEGKIT_WITNESS_CANARY": CANARY,
    }


def exchange(port: int, sent: Hostile, wait: float) -> tuple[int | None, str, bytes]:
    """Send a request; returns the answer's status, its kind and its body, None where the client was hung up on."""
    with socket.create_connection(("127.0.0.1", port), wait) as client:
        client.settimeout(wait)
        try:
            client.sendall(sent.raw)
            if sent.broken:  # what ends too early would be waited for
                client.settimeout(1.0)
                first = client.recv(1, socket.MSG_PEEK)
                client.settimeout(wait)
                if not first:
                    return None, "", b""
        except TimeoutError:
            return None, "", b""
        except OSError:  # answered before all was sent, and hung up on: the answer may be there
            pass
        answer = http.client.HTTPResponse(client, method="HEAD" if sent.raw.startswith(b"HEAD") else "GET")
        try:
            answer.begin()
            return answer.status, answer.getheader("content-type") or "", answer.read()
        except (OSError, http.client.HTTPException):
            return None, "", b""


def faults_of(sent: Hostile, status: int | None, kind: str, body: bytes, private: tuple[str, ...]) -> Iterator[str]:
    """What must not be answered."""
    text = body.decode("utf-8", "replace")
    if status is None:
        if not sent.broken:
            yield "no answer"
        return
    if "Traceback" in text or any(place in text for place in private):
        yield f"tells too much: {text[:300]}"
    if status >= 500 and status not in (503, 504):
        yield f"status {status}: {text[:300]}"
    if status >= 400 and not sent.raw.startswith(b"HEAD"):
        try:
            told = json.loads(text)
        except ValueError:
            yield f"status {status} without JSON, {kind}: {text[:200]!r}"
            return
        if not told.keys() >= SENTENCE or not told["error"] or STEERING.search(told["error"] + told["hint"]):
            yield f"status {status} without a sentence: {text[:300]!r}"


def ended(server, job: str, seconds: float = HUNG) -> dict:
    """Wait for a job."""
    until = time.monotonic() + seconds
    with server.client() as client:
        while time.monotonic() < until:
            told = client.get(f"/api/jobs/{job}").json()
            if told["state"] in ("done", "failed"):
                return told
            time.sleep(0.02)
    return {"state": "hangs"}


def besiege(watched: list[Watched], models: tuple[Path, Path], seeds: range) -> Tally:
    """Send a request for each seed, most to the server of both models and some to the one that keeps corrections."""
    tally, cases, expected = Tally(), [], []
    right = watched[0].server.photograph.read_bytes()
    generators = [
        Generator(one.server.token, one.around, right, numbers)
        for one, numbers in zip(watched, ((0, 1), (0, None)), strict=True)
    ]
    for one in watched:
        with one.server.client() as client:
            told = client.post("/api/predict", files={"file": ("right.png", right)}).json()
            asked = {"explainer": client.get("/api/info").json()["models"][0]["explainers"][0]}
            job = client.post(f"/api/cases/{told['case']}/models/0/explain", json=asked).json()
        assert ended(one.server, job["job"], 300)["state"] == "done"  # its worker starts when it is first asked
        cases.append(told["case"])
        expected.append(told["results"][0]["sizes"])
    private = (str(watched[0].server.temporary.parent.parent), str(models[0].parent))
    for seed in seeds:
        which = int(seed % 5 == 0)
        server, sent = watched[which].server, generators[which].draw(seed, cases[which])
        begun = time.monotonic()
        status, kind, body = exchange(int(server.base.rpartition(":")[2]), sent, HUNG)
        found = list(faults_of(sent, status, kind, body, private))
        if status == 202:
            told = ended(server, json.loads(body)["job"])
            found += [f"job {told}"] if told["state"] == "hangs" or "has failed" in told.get("error", "") else []
        if sent.right and (status != 200 or json.loads(body)["results"][0]["sizes"] != expected[which]):
            found.append(f"right, and {status}: {body[:200]!r}")
        seconds = time.monotonic() - begun
        found += [f"{seconds:.1f} s"] if seconds > HUNG else []
        tally.slowest = max(tally.slowest, seconds)
        tally.statuses[str(status)] += 1
        tally.kinds[sent.kind.split()[0]] += 1
        tally.wrong += [f"{seed}, {sent.kind}: {fault}" for fault in found]
        with server.client() as client:
            if client.get(f"/api/cases/{cases[which]}").status_code == 404:  # removed by a request, or the oldest
                told = client.post("/api/predict", files={"file": ("right.png", right)}).json()
                cases[which] = told["case"]
    return tally


def survive(watched: list[Watched], made, seeds: range) -> Tally:
    """Besiege the servers; fails with what was wrong, and with whatever happened beside the answers."""
    before = [(one.noted(), sorted(one.around.iterdir()), one.said()) for one in watched]
    tally = besiege(watched, made[1:], seeds)
    for one, (noted, listed, said) in zip(watched, before, strict=True):
        tally.wrong += [f"outside: {line}" for line in one.noted()[len(noted) :]]
        if sorted(one.around.iterdir()) != listed:
            tally.wrong.append(f"files beside the server: {sorted(one.around.iterdir())}")
        lines = one.said()[len(said) :]
        if "Traceback" in "".join(lines) or any(
            not line.startswith("warning: ") or STEERING.search(line) for line in lines
        ):
            tally.wrong.append(f"the server said: {lines[-40:]}")
        assert one.server.process.poll() is None
    assert not tally.wrong, "\n".join(tally.wrong[:40])
    return tally


def test_some_hostile_requests(watched, made):
    """A few of every kind in every change."""
    tally = survive(watched, made, range(FEW))
    assert tally.statuses["200"]
    assert tally.statuses["422"]


@pytest.mark.full
def test_thousands_of_hostile_requests(watched, made):
    """As many as SEGKIT_UPLOADS says, from the seed SEGKIT_UPLOADS_FROM on: none takes longer than ten seconds."""
    tally = survive(watched, made, range(FIRST * 10_000, FIRST * 10_000 + MANY))
    print(f"\n{MANY} requests: {dict(tally.statuses)}, kinds {dict(tally.kinds)}, slowest {tally.slowest:.1f} s")
    assert tally.slowest < LONGEST


@pytest.mark.parametrize(
    ("does", "noted"),
    [
        ("open('tmp/x', 'w'); open('own/x', 'w'); open('other')", []),
        ("open('other', 'w')", ["open"]),
        (f"open('tmp/{CANARY}', 'w')", ["open"]),
        ("import os; os.rename('other', 'tmp/x')", ["os.rename"]),
        ("import subprocess; subprocess.run(['true'])", ["subprocess.Popen"]),
    ],
)
def test_the_watch_sees(tmp_path, does, noted):
    """What a server must not do is noted where a process does it, and nothing else."""
    for name in ("tmp", "own"):
        (tmp_path / name).mkdir()
    (tmp_path / "other").touch()
    environ = {**os.environ, **watching(tmp_path / "notes", tmp_path / "own"), "TMPDIR": str(tmp_path / "tmp")}
    subprocess.run([sys.executable, "-c", does], cwd=tmp_path, env=environ, check=True)
    assert [json.loads(line)[0] for line in (tmp_path / "notes").read_text().splitlines()][: len(noted) + 1] == noted


def test_every_format_is_sent():
    """The generator knows every ending that a model of photographs reads; a new one is to be added there."""
    from segkit.data.image_files import SUFFIXES

    assert set(SUFFIXES) <= set(PHOTOGRAPHS)
    assert {".nii", ".nii.gz"} <= set(VOLUMES)
    assert len({Generator("t", Path(), b"x" * 40, (0, 1)).draw(seed).kind for seed in range(300)}) > 15
    assert np.asarray(encoded(".png", 0)).size
