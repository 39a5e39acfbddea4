"""Start the workers, listen, and leave nothing behind."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from segkit import SegkitError
from segkit.files import expanded
from segkit_serve.app import make_app
from segkit_serve.cases import Cases
from segkit_serve.corrections import Corrections
from segkit_serve.desk import PHOTOGRAPH, Desk
from segkit_serve.guard import Access
from segkit_serve.lane import Lane
from segkit_serve.limits import Limits
from segkit_serve.patient import Patient
from segkit_serve.speaking import speak_in_lines

QUICK_THREADS = 3
"""Photographs that are read, predicted and written at once: one at the network, the others beside it."""


@dataclass(frozen=True)
class Served:
    """Where a server listens.

    Attributes:
        url: of the page, with the token.
        monai: what MONAI Label's clients take for a server's address.
    """

    url: str
    monai: str


def make_lanes(paths: Sequence[str], device: str) -> tuple[Lane, Lane]:
    """Return the lanes of photographs and of what takes long; raises SegkitError where a model cannot be loaded."""
    quick = Lane(paths, device, QUICK_THREADS)
    quick.start()
    if all(model["dims"] != PHOTOGRAPH for model in quick.models):
        return quick, quick
    slow = Lane(paths, device, 1, nice=5)
    if any(model["dims"] != PHOTOGRAPH for model in quick.models):
        slow.start()  # else when it first explains: the first volume of a busy machine waited 14 seconds for its worker
    return quick, slow


def serve_models(
    paths: Sequence[str],
    device: str,
    host: str,
    port: int,
    token: str,
    limits: Limits,
    origins: tuple[str, ...],
    keep: str | None,
    ready: Callable[[Served], None],
) -> None:
    """Serve until the process is told to end.

    Args:
        ready: called once it listens.

    Raises:
        SegkitError: a model cannot be loaded, or the address is taken.
    """
    speak_in_lines()
    listening = listen(host, port)
    port = listening.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="segkit-serve-") as folder, listening:
        quick, slow = make_lanes(paths, device)
        desk = Desk(quick, slow, Cases(Path(folder), limits), limits)
        loopback = listening.getsockname()[0] in ("127.0.0.1", "::1")
        app = make_app(desk, Access(token, port, loopback, origins), kept_in(keep, desk))
        Patient.silence = limits.silence
        config = uvicorn.Config(
            app,
            http=Patient,
            ws="none",
            log_level="error",
            access_log=False,  # it would write the token
            server_header=False,
            date_header=False,
            timeout_keep_alive=int(limits.silence),
            timeout_graceful_shutdown=3,
        )
        name = f"[{host}]" if ":" in host else host
        served = Served(f"http://{name}:{port}/?token={token}", f"http://{name}:{port}/monai/{token}")
        ready(served)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            desk.end()


def kept_in(keep: str | None, desk: Desk) -> Corrections | None:
    """Return where corrections are kept, None for nowhere; raises SegkitError where models of one task are needed."""
    if keep is None:
        return None
    tasks = {(tuple(model["classes"]), model["dims"]) for model in desk.models}
    if len(tasks) > 1:
        raise SegkitError("--keep takes models of the same classes and kind of image", "serve them one by one")
    ((classes, dims),) = tasks
    return Corrections(expanded(Path(keep), "--keep"), classes, dims)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises SegkitError where the address cannot be had."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except OSError as error:
        hint = "give another --port, or --port 0 for any that is free"
        raise SegkitError(f"cannot listen at {host}:{port} ({error.strerror or error})", hint) from None
    return found
