"""A slow mirror of archives in a process of its own, that goes on with what was fetched: downloads are killed on it."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import os
import re
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from segkit_isic.layout import YEARS

YEAR = "2016"
BLOCK, PAUSE = 4096, 0.002
"""Bytes that are sent at a time, and seconds between: an archive takes some tenths of a second."""


def publish(folder: Path, pairs: int = 6) -> None:
    """Write the archives of a year with a few noisy pairs each."""
    drawn = np.random.default_rng(0)
    (folder / YEAR).mkdir(parents=True)
    for number, folders in enumerate(YEARS[YEAR].values()):
        for name, ending, form in ((folders.images, ".jpg", "JPEG"), (folders.masks, "_Segmentation.png", "PNG")):
            with zipfile.ZipFile(folder / YEAR / f"{name}.zip", "w") as archive:
                for pair in range(pairs):
                    noise = drawn.integers(0, 256, (64, 64, 3), np.uint8)
                    pixels = noise if form == "JPEG" else 255 * (noise[..., 0] > 127).astype(np.uint8)
                    encoded = io.BytesIO()
                    Image.fromarray(pixels).save(encoded, form)
                    entry = zipfile.ZipInfo(f"{name}/ISIC_{number}{pair:03d}{ending}")
                    archive.writestr(entry, encoded.getvalue())


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends files of the working folder, whole or from a byte on."""

    def do_GET(self) -> None:
        """Answer one request."""
        content = Path(self.path.lstrip("/")).read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.headers.get("If-Range") == tag else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", tag)
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever fetches it was killed
            for position in range(start, len(content), BLOCK):
                self.wfile.write(content[position : position + BLOCK])
                time.sleep(PAUSE)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """Serve the archives in `folder` while the block runs; yields the base address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        server.serve_forever(0.02)
        os._exit(0)
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        server.server_close()
