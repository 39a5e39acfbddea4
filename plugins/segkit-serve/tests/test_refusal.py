"""What a client is told of a full disk, wherever it was met: the server's disk, and not the command line's way out."""

from __future__ import annotations

import asyncio
import errno
import json

import pytest

from segkit import SegkitError
from segkit_serve import refusal, tasks, worker


def refused(number: int, *, cause: bool) -> SegkitError:
    """An error that segkit made of a disk's."""
    disk = OSError(number, "as the system says it")
    try:
        try:
            raise disk
        except OSError as error:
            raise SegkitError("cannot write mask.png", "choose another --output") from (error if cause else None)
    except SegkitError as found:
        return found


@pytest.mark.parametrize("cause", [True, False])
@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EILSEQ, 422)])
def test_a_full_disk_is_told_as_such(number, status, cause):
    """By what the error was made of, never by its words."""
    answer = asyncio.run(refusal.told(None, refused(number, cause=cause)))
    assert answer.status_code == status
    assert ("--output" in json.loads(answer.body)["hint"]) == (status == 422)


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, "disk"), (errno.EILSEQ, "refused")])
def test_a_worker_tells_its_server_so(monkeypatch, number, kind):
    """What is written in the worker's process meets the same disk."""

    def write(*_):
        raise refused(number, cause=False)

    sent = []
    monkeypatch.setitem(tasks.TASKS, "write", write)
    worker.do([], 7, "write", {}, lambda *answer: sent.append(answer))
    assert sent[0][:2] == (kind, 7)


def test_causes_that_turn_in_a_circle():
    """Errors that are each other's context, as those that are raised again are, come to an end."""
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert refusal.disk_of(one) is None
