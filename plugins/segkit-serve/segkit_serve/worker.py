"""The process that has the models: it reads images and predicts them, and may be killed at any moment."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import segkit
from segkit import SegkitError, UsageError
from segkit.errors import one_line
from segkit_serve.refusal import disk_of
from segkit_serve.speaking import say, speak_in_lines

if TYPE_CHECKING:
    from segkit.model import Model

SHOWN = ("mode", "size", "mirror", "mirrored")
"""Of how a model is shown images, what a training on its corrected proposals takes over."""


def work(connection: Connection, paths: Sequence[str], device: str, threads: int, nice: int) -> None:
    """Load models, tell what they are, then do what the connection asks, several things at once.

    Sends ("ready", descriptions) or ("failed", message, hint); then for each task (number, name, arguments) any number
    of ("progress", number, share) and one of ("done", number, value), ("refused", number, message, hint) and ("disk",
    number, errno, text).
    """
    speak_in_lines()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends its workers
    if nice and hasattr(os, "nice"):
        os.nice(nice)
    try:
        models = [segkit.load(path, device=device) for path in paths]
        told = [describe(model, Path(path)) for model, path in zip(models, paths, strict=True)]
    except SegkitError as error:
        connection.send(("failed", error.message, error.hint, isinstance(error, UsageError)))
        return
    connection.send(("ready", told))
    sending = threading.Lock()

    def send(*answer: Any) -> None:
        with sending, suppress(OSError):  # nobody listens any more
            connection.send(answer)

    with ThreadPoolExecutor(threads) as pool:
        while True:
            try:
                number, name, arguments = connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            pool.submit(do, models, number, name, arguments, send)


def do(models: Sequence[Model], number: int, name: str, arguments: dict[str, Any], send: Any) -> None:
    """Do one task and send what came of it."""
    from segkit_serve.tasks import TASKS

    try:
        send("done", number, TASKS[name](models, arguments, lambda share: send("progress", number, share)))
    except (SegkitError, OSError) as error:
        disk = error if isinstance(error, OSError) else disk_of(error)
        if disk is not None:
            send("disk", number, disk.errno or 0, disk.strerror or type(disk).__name__)
        elif isinstance(error, SegkitError):
            send("refused", number, error.message, error.hint)
    except Exception as error:
        for line in traceback.format_exc().splitlines():  # for who runs the server: a fault of segkit's, or of a plugin
            say(line)
        send("refused", number, f"cannot be predicted ({one_line(f'{type(error).__name__}: {error}')})", "report it")


def digest(path: Path) -> str:
    """SHA-256 of a checkpoint's file, by which a correction says whose proposal it corrects."""
    with (path / "model.safetensors" if path.is_dir() else path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe(model: Model, path: Path) -> dict[str, Any]:
    """What the server and its clients need to know of a model."""
    named = {item["kind"]: item["name"] for item in model.header["components"]}
    calibration = model.header.get("calibration") or {}
    explainers = sorted(found.component.name for found in segkit.components("explainer"))
    return {
        "arch": named.get("arch", ""),
        "data": named.get("data", ""),
        "classes": list(model.task.classes),
        "overlapping": model.task.overlapping,
        "checkpoint": digest(path),
        "shown": {name: value for name, value in model.header["preprocessing"].items() if name in SHOWN},
        "dims": model.image_dims,
        "channels": model.image_channels,
        "expects_dice": bool(calibration.get("expected")),
        "generated_sample": bool(model.header.get("generated_sample")),
        "suffixes": sorted({*model.opener.suffixes(model.image_dims)}),
        "explainers": explainers,
    }
