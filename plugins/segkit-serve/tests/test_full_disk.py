"""A disk that is really full during an upload or a correction: a sentence, nothing half, and right later."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.full
SENTENCE = {"error", "hint"}


@contextmanager
def disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """Put a disk of that size at a folder; skips where this user may not."""
    place.mkdir()
    made = ("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place))
    if subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a disk of a size of its own")
    try:
        yield place
    finally:
        subprocess.run(("umount", "-l", str(place)), check=True)


def fill(place: Path) -> Path:
    """Take all that is left of a disk."""
    path = place / "filler"
    try:
        with path.open("wb", buffering=0) as stream:
            while stream.write(bytes(4096)):
                pass
    except OSError:
        pass
    return path


def test_while_a_correction_is_saved(made, start_server, tmp_path):
    """Full before anything of it, and with room for a part of it: 507, no version; with space it is version 1."""
    drawn = np.random.default_rng(0).integers(0, 2, (40, 48), dtype=np.uint8)
    with disk(tmp_path / "disk", 512) as place, start_server(str(made[1]), "--keep", str(place / "kept")) as server:
        filler = fill(place)
        with server.client() as client:
            told = client.post("/api/predict", files={"file": ("a.png", server.photograph.read_bytes())}).json()
            address = f"/api/cases/{told['case']}"
            for room in (0, 4, 8, 12, 16, 20, 24):
                size = filler.stat().st_size
                with filler.open("r+b") as stream:
                    stream.truncate(size - room * 1024 if room else size)
                saved = client.post(f"{address}/models/0/corrections?version=0", content=drawn.tobytes())
                if saved.status_code == 200:
                    break
                assert saved.status_code == 507, saved.text
                assert saved.json().keys() == SENTENCE
                assert client.get(f"{address}/corrections").json()["versions"] == []
                left = [path.name for path in (place / "kept" / "versions").glob("*/*")]
                assert left == []
            filler.unlink()
            if saved.status_code != 200:
                saved = client.post(f"{address}/models/0/corrections?version=0", content=drawn.tobytes())
            assert saved.json()["version"] == 1
            assert room > 0
            kept = client.get(f"{address}/corrections/1").content
    assert np.array_equal(np.frombuffer(kept, np.uint8).reshape(drawn.shape), drawn)


def test_while_an_image_comes_in(made, start_server, tmp_path):
    """What does not fit is refused and forgotten; what fits afterwards is predicted."""
    with (
        disk(tmp_path / "disk", 4096) as place,
        start_server(str(made[1]), environ={"TMPDIR": str(place)}) as server,
        server.client() as client,
    ):
        for address in ("/api/predict", "/api/jobs", "/monai/datastore/?image=x"):
            method = "PUT" if address.startswith("/monai") else "POST"
            refused = client.request(method, address, files={"file": ("a.png", bytes(6_000_000))})
            assert refused.status_code == 507, refused.text
            assert refused.json().keys() == SENTENCE
        told = client.post("/api/predict", files={"file": ("a.png", server.photograph.read_bytes())})
        assert told.status_code == 200
        held = [path.name for path in next(place.glob("segkit-serve-*")).iterdir()]
        assert held == [told.json()["case"]]


def test_two_gigabytes_that_nobody_announced(made, start_server):
    """A body in chunks, without a length: refused at the limit, memory as before, nothing left of it."""
    import http.client

    with start_server(str(made[1])) as server:
        before = resident(server.process.pid)
        connection = http.client.HTTPConnection("127.0.0.1", int(server.base.rpartition(":")[2]), timeout=60)
        connection.putrequest("POST", "/api/predict")
        connection.putheader("Authorization", f"Bearer {server.token}")
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.nii"\r\n\r\n'
        sent, part = 0, bytes(1 << 20)
        try:
            connection.send(b"%x\r\n%s\r\n" % (len(head), head))
            for _ in range(2048):
                connection.send(b"%x\r\n%s\r\n" % (len(part), part))
                sent += len(part)
        except OSError:  # hung up on
            pass
        assert 512 << 20 <= sent < 600 << 20
        assert resident(server.process.pid) < before + (200 << 20)
        with server.client() as client:
            assert (
                client.post("/api/predict", files={"file": ("a.png", server.photograph.read_bytes())}).status_code
                == 200
            )
        assert sum(path.stat().st_size for path in server.temporary.rglob("*") if path.is_file()) < 1 << 20


def resident(pid: int) -> int:
    """The largest memory that a process has had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
