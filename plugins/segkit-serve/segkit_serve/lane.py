"""A worker process as the server sees it: asked for things, killed where it takes too long, started again."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from segkit import SegkitError, UsageError
from segkit_serve.refusal import RefusedError, by_disk
from segkit_serve.worker import work

KILLED = (500, "the worker that had this image was ended", "memory may not suffice for it: try a smaller one")


class WorkerEndedError(Exception):
    """A worker that ended while it had a task, for whatever reason."""


@dataclass
class Pending:
    """A task that a worker has."""

    future: asyncio.Future[Any]
    tell: Callable[[float], None] | None = None


@dataclass
class Lane:
    """Tasks of one kind, which do not wait for those of other lanes.

    Attributes:
        paths: of the models.
        threads: tasks that the worker has at once.
        nice: how far behind others of this machine it stands back.
    """

    paths: Sequence[str]
    device: str
    threads: int
    nice: int = 0
    models: list[dict[str, Any]] = field(default_factory=list)
    _process: BaseProcess | None = None
    _connection: Connection | None = None
    _pending: dict[int, Pending] = field(default_factory=dict)
    _number: int = 0
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _sending: threading.Lock = field(default_factory=threading.Lock)
    _heard_from: Connection | None = None
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.threads)

    def start(self) -> None:
        """Start the worker and wait until it has its models.

        Raises:
            SegkitError: a model cannot be loaded.
        """
        context = multiprocessing.get_context("spawn")  # forking a process with threads and a device ends badly
        ours, theirs = context.Pipe()
        process = context.Process(
            target=work, args=(theirs, list(self.paths), self.device, self.threads, self.nice), daemon=True
        )
        process.start()
        theirs.close()
        try:
            first = ours.recv()
        except EOFError:
            raise SegkitError("the worker ended before it had its models", "is there memory enough for them?") from None
        if first[0] == "failed":
            raise (UsageError if first[3] else SegkitError)(first[1], first[2])
        self.models = first[1]
        self._process, self._connection = process, ours

    async def ready(self) -> Connection:
        """Return the connection to a worker that lives, started anew where the last one ended."""
        async with self._starting:
            if self._connection is None:
                await asyncio.to_thread(self.start)
            assert self._connection is not None
            if self._heard_from is not self._connection:
                self._heard_from = self._connection
                self._listen(self._connection)
            return self._connection

    def _listen(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()

        def hear() -> None:
            while True:
                try:
                    answer = connection.recv()
                except (EOFError, OSError):
                    answer = None
                try:
                    loop.call_soon_threadsafe(self._heard, connection, answer)
                except RuntimeError:  # the server has ended
                    return
                if answer is None:
                    return

        threading.Thread(target=hear, daemon=True).start()

    def _heard(self, connection: Connection, answer: tuple[Any, ...] | None) -> None:
        if answer is None:
            if connection is self._connection:
                self._drop()
            return
        kind, number, *rest = answer
        pending = self._pending.get(number)
        if pending is None or pending.future.done():
            return
        if kind == "progress":
            if pending.tell is not None:
                pending.tell(rest[0])
        elif kind == "done":
            pending.future.set_result(rest[0])
        elif kind == "disk":
            pending.future.set_exception(by_disk(OSError(rest[0], rest[1])))
        else:
            pending.future.set_exception(RefusedError(422, rest[0], rest[1]))

    def _drop(self) -> None:
        """Forget the worker, and tell everybody who waits for it."""
        self._connection = None
        process, self._process = self._process, None
        if process is not None:
            process.kill()
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(WorkerEndedError())

    async def ask(
        self, name: str, arguments: dict[str, Any], limit: float, tell: Callable[[float], None] | None = None
    ) -> Any:
        """Have a task done.

        Args:
            limit: seconds that it may take once it is its turn; the worker is then killed, and what others had there is
                done again.
            tell: told of the share that is done.

        Raises:
            RefusedError: it cannot be done, took too long, or the worker ended with it twice.
        """
        async with self._free:
            for again in (True, False):
                try:
                    return await self._once(name, arguments, limit, tell)
                except WorkerEndedError:
                    if not again:
                        break
        raise RefusedError(*KILLED)

    async def _once(
        self, name: str, arguments: dict[str, Any], limit: float, tell: Callable[[float], None] | None
    ) -> Any:
        connection = await self.ready()
        self._number += 1
        number = self._number
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = Pending(future, tell)
        try:
            await asyncio.to_thread(self._send, connection, (number, name, arguments))
            return await asyncio.wait_for(future, limit)
        except TimeoutError:
            self._drop()
            raise RefusedError(504, f"this took longer than {limit:g} seconds", "try a smaller image") from None
        except OSError:
            raise WorkerEndedError from None
        finally:
            del self._pending[number]

    def _send(self, connection: Connection, message: tuple[Any, ...]) -> None:
        with self._sending:
            connection.send(message)

    def end(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.join(5)
