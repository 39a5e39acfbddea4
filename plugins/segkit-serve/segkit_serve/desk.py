"""Where requests become work: a bounded queue, lanes for photographs and volumes, jobs to be asked about."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segkit_serve.cases import Cases, HeldCase
from segkit_serve.lane import Lane
from segkit_serve.limits import Limits
from segkit_serve.refusal import RefusedError, by_disk

MOST_JOBS = 256
"""Jobs that are remembered; of those that have ended the oldest go first."""
PHOTOGRAPH = 2


@dataclass
class Job:
    """Something that takes its time.

    Attributes:
        state: "waiting", "running", "done" or "failed".
        progress: share that is done.
        result: once it is done.
        error: once it has failed.
    """

    id: str
    case: str
    state: str = "waiting"
    progress: float = 0.0
    result: Any = None
    error: RefusedError | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def told(self) -> dict[str, Any]:
        """What a client is told of it."""
        found = {"job": self.id, "case": self.case, "state": self.state, "progress": round(self.progress, 3)}
        if self.error is not None:
            return {**found, "error": self.error.message, "hint": self.error.hint}
        return {**found, **({"result": self.result} if self.state == "done" else {})}


class Desk:
    """All that a server works with.

    Attributes:
        models: what each one is, as `segkit_serve.worker.describe` tells it.
        quick: predicts photographs; slow: volumes, and explains.
    """

    def __init__(self, quick: Lane, slow: Lane, cases: Cases, limits: Limits) -> None:
        self.quick, self.slow = quick, slow
        self.cases = cases
        self.limits = limits
        self.models = quick.models
        self.jobs: dict[str, Job] = {}
        self._busy = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take one of the places that there are; raises RefusedError where all are taken."""
        if self._busy >= self.limits.waiting:
            raise RefusedError(503, f"{self._busy} images wait already", "try again in a moment")
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    def model(self, number: int) -> dict[str, Any]:
        """Return what a model is; raises RefusedError where there is none of that number."""
        if not 0 <= number < len(self.models):
            raise RefusedError(
                404, f"there is no model {number}", f"they are numbered from 0 to {len(self.models) - 1}"
            )
        return self.models[number]

    def chosen(self, text: str) -> list[int]:
        """Return the models that a client names, "0,2" or "all"."""
        if text == "all":
            return list(range(len(self.models)))
        try:
            numbers = [int(part) for part in text.split(",")]
        except ValueError:
            raise RefusedError(400, f"model={text[:40]} is no number", "say model=0, model=0,1 or model=all") from None
        for number in numbers:
            self.model(number)
        return list(dict.fromkeys(numbers))

    def suffixes(self, numbers: Sequence[int]) -> list[str]:
        """The endings of files that some models read."""
        return sorted({suffix for number in numbers for suffix in self.models[number]["suffixes"]})

    def lane(self, number: int) -> Lane:
        """Where a model's images are worked at."""
        return self.quick if self.models[number]["dims"] == PHOTOGRAPH else self.slow

    def limit(self, number: int) -> float:
        """Seconds that one of a model's images may take."""
        return self.limits.photograph if self.models[number]["dims"] == PHOTOGRAPH else self.limits.volume

    async def predict(self, case: HeldCase, number: int, tell: Callable[[float], None] | None = None) -> dict[str, Any]:
        """Have a model predict a case."""
        arguments = {**self.about(case, number), "name": f"{case.stem}-mask"}
        found = await self.ask(case, number, "predict", arguments, tell)
        case.results[number] = {"model": number, **found}
        return case.results[number]

    def about(self, case: HeldCase, number: int) -> dict[str, Any]:
        """What a worker is told of a case."""
        return {"model": number, "files": [str(path) for path in case.files], "folder": str(case.folder)}

    async def ask(
        self,
        case: HeldCase,
        number: int,
        name: str,
        arguments: dict[str, Any],
        tell: Callable[[float], None] | None = None,
    ) -> Any:
        """Have a worker do something with a case, which stays as long; messages have the client's name of the file."""
        slow = name == "explain"
        lane, limit = (self.slow, self.limits.volume) if slow else (self.lane(number), self.limit(number))
        case.used += 1
        try:
            return await lane.ask(name, arguments, limit, tell)
        except RefusedError as refusal:
            raise in_words(refusal, case) from None
        finally:
            case.used -= 1

    def submit(self, case: HeldCase, work: Callable[[Callable[[float], None]], Awaitable[Any]]) -> Job:
        """Begin something that is asked about later; raises RefusedError where all places are taken."""
        place = self.place()
        place.__enter__()
        job = Job(secrets.token_hex(8), case.id)
        self.jobs[job.id] = job
        ended = [id for id, other in self.jobs.items() if other.state in ("done", "failed")]
        for id in ended[: max(0, len(self.jobs) - MOST_JOBS)]:
            del self.jobs[id]

        def tell(share: float) -> None:
            job.state, job.progress = "running", share

        async def run() -> None:
            try:
                job.result = await work(tell)
                job.state, job.progress = "done", 1.0
            except RefusedError as refusal:
                job.state, job.error = "failed", refusal
            except OSError as error:
                job.state, job.error = "failed", by_disk(error)
            except Exception as error:
                job.state, job.error = "failed", RefusedError(500, f"the server has failed ({type(error).__name__})")
                raise
            finally:
                place.__exit__(None, None, None)

        job.task = asyncio.create_task(run())
        return job

    def job(self, id: str) -> Job:
        """Return a job; raises RefusedError where there is none."""
        if id not in self.jobs:
            raise RefusedError(404, "there is no such job here any more", "ask anew")
        return self.jobs[id]

    def end(self) -> None:
        """End the workers."""
        for lane in {id(lane): lane for lane in (self.quick, self.slow)}.values():
            lane.end()


def in_words(refusal: RefusedError, case: HeldCase) -> RefusedError:
    """Return a refusal that calls the file what the client called it, and never what the server stored it as."""
    message, hint = refusal.message, refusal.hint
    for path in case.files:
        message, hint = message.replace(str(path), case.name), hint.replace(str(path), case.name)
        message, hint = message.replace(path.name, case.name), hint.replace(path.name, case.name)
    folder = Path(case.folder)
    return RefusedError(refusal.status, message.replace(str(folder), ""), hint.replace(str(folder), ""))
