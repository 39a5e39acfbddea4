"""A Ray of this machine alone: started in the foreground of a session of its own, with a token, and ended again."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from segkit import SegkitError

LOOPBACK = "127.0.0.1"
NODE = "127.0.0.2" if sys.platform == "linux" else LOOPBACK
"""Where its nodes listen. Ray takes 127.0.0.1 for a word for the address that other machines see (services.py)."""
SAID = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""Where people say themselves how Ray is to know its users, which then holds."""
LAST_SECONDS = 60
"""Seconds that it gets to end by itself; it waits 30 for its nodes."""


def start(port: int) -> subprocess.Popen[bytes]:
    """Start Ray; raises SegkitError where there can be no token.

    Whoever reaches a Ray can run anything, and parts of it listen on all addresses: it asks for a token (from 2.52).

    Args:
        port: of its dashboard.
    """
    own = [f"--node-ip-address={NODE}", "--port=0", "--disable-usage-stats", "--block"]
    dashboard = ["--include-dashboard=true", f"--dashboard-host={LOOPBACK}", f"--dashboard-port={port}"]
    # Any free port: its own one, 52365, is taken by another Ray, or for a while by parts of one that was killed, and a
    # Ray without it takes no job, for ever and without a word.
    dashboard.append("--dashboard-agent-listen-port=0")
    token = {} if said() else {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_file())}
    # A session of its own, which Ctrl-C does not reach; in the foreground of it, so that to end it ends its nodes
    # alone, where `ray stop` would end every Ray of this user.
    return subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", *own, *dashboard],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **token},
        start_new_session=True,
    )


def end(head: subprocess.Popen[bytes]) -> None:
    """End a Ray that was started here."""
    if head.poll() is not None:
        return
    head.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        head.wait(LAST_SECONDS)
        return
    # One that is told to end while it still starts its parts waits for them for ever (seen with Ray 2.60).
    with contextlib.suppress(ProcessLookupError):
        os.killpg(head.pid, signal.SIGKILL)
    head.wait(LAST_SECONDS)


def said() -> bool:
    """Whether the environment says how Ray is to know its users."""
    return any(os.environ.get(name) for name in SAID)


def headers() -> dict[str, str]:
    """What a client shows a Ray that was started here, by this command or one before; nothing where none was."""
    path = token_path()
    try:
        return {"Authorization": f"Bearer {path.read_text().strip()}"} if not said() and path.is_file() else {}
    except OSError:
        return {}


def token_path() -> Path:
    """The file of the token that all Rays of this user share which were started here, apart from Ray's own."""
    return Path.home() / ".ray" / "segkit_token"


def token_file() -> Path:
    """Return that file, made where it is not there, for this user alone; raises SegkitError where it cannot be."""
    path = token_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # In a folder of a name that nobody foresees, which ends with what is in it.
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                part = Path(folder) / path.name
                part.touch(0o600, exist_ok=False)
                part.write_text(secrets.token_hex(32))
                # Of two commands at once the first one's holds; never half a token.
                with contextlib.suppress(FileExistsError):
                    os.link(part, path)
    except OSError as error:
        raise SegkitError(
            f"launcher ray: cannot write {path}: {error.strerror}", "say where a token is: RAY_AUTH_TOKEN_PATH=FILE"
        ) from error
    return path
