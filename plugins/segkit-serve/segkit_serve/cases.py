"""The images that clients have sent, and what came of them: held for the page for a while, then gone."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segkit_serve.limits import Limits
from segkit_serve.refusal import RefusedError
from segkit_serve.removing import remove_folder

DIGITS = 20
"""Of a file's SHA-256 in the name of a case that is kept: the same image is the same case, whoever sent it."""


@dataclass
class HeldCase:
    """One image.

    Attributes:
        id: random, so that nobody finds another one's case by counting.
        name: what the client called it, to be shown and never to be opened.
        stem: of the files that are written of it; made of letters, digits and hyphens.
        files: as they were stored, all of a series.
        digest: SHA-256 of what was sent.
        series: the folder of its files, where it is one.
        results: by the model's number, what a client is told.
    """

    id: str
    folder: Path
    name: str
    stem: str
    files: list[Path]
    digest: str
    bytes: int
    series: Path | None = None
    made: float = field(default_factory=time.monotonic)
    used: int = 0
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    explanations: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What it is called where corrections are kept."""
        return self.digest[:DIGITS]

    def result(self, model: int) -> dict[str, Any]:
        """Return what a model said; raises RefusedError where it was not asked."""
        if model not in self.results:
            raise RefusedError(404, f"model {model} has not predicted this image", "ask for it first")
        return self.results[model]


class Cases:
    """The cases of a server, in one folder that goes with it."""

    def __init__(self, folder: Path, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.limits = limits
        self.clock = clock
        self._held: dict[str, HeldCase] = {}

    def new_folder(self) -> tuple[str, Path]:
        """Make the folder of a new case; returns its id and place."""
        id = secrets.token_hex(16)
        folder = self.folder / id
        folder.mkdir(mode=0o700)
        return id, folder

    def add(self, case: HeldCase) -> None:
        """Hold a case; those that are too old or too many go."""
        case.made = self.clock()
        self._held[case.id] = case
        self.tidy()

    def get(self, id: str) -> HeldCase:
        """Return a case; raises RefusedError where there is none."""
        self.tidy()
        if id not in self._held:
            raise RefusedError(404, "there is no such image here any more", "send it again")
        return self._held[id]

    def remove(self, id: str) -> None:
        """Forget a case and its files."""
        case = self._held.pop(id, None)
        if case is not None:
            remove_folder(case.folder)

    def tidy(self) -> None:
        """Let go what is too old, and the oldest of what is too much; nothing that is being worked at."""
        now = self.clock()
        idle = [case for case in self._held.values() if not case.used]
        for case in idle:
            total = sum(other.bytes for other in self._held.values())
            if (
                now - case.made > self.limits.age
                or len(self._held) > self.limits.cases
                or (total > self.limits.held and len(self._held) > 1)
            ):
                self.remove(case.id)

    def __len__(self) -> int:
        return len(self._held)


def digest_of(files: list[Path]) -> str:
    """SHA-256 of the files' bytes, in the order of their own digests where there are several."""
    each = []
    for path in files:
        with path.open("rb") as stream:
            each.append(hashlib.file_digest(stream, "sha256").digest())
    return each[0].hex() if len(each) == 1 else hashlib.sha256(b"".join(sorted(each))).hexdigest()
