"""Reading that does not come back stops its own case alone."""

import ast
import os
from pathlib import Path

import numpy as np
import pytest

import segkit
from segkit.data import in_time
from segkit.data.case import Case, Sample
from segkit.data.facts import facts_of
from segkit.data.opening import Opener
from segkit.errors import SegkitError


@pytest.fixture
def stalled(monkeypatch):
    """A descriptor that is never written to, as a file of a server that has gone; half a second is too long."""
    monkeypatch.setattr(in_time, "SECONDS", 0.5)
    ends = os.pipe()
    yield ends[0]
    os.write(ends[1], b"x")  # the thread that was left behind ends
    for end in ends:
        os.close(end)


class Reader:
    """Reads all cases but those that are called "stalled"."""

    task = segkit.Task(1, ("a",))

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def read(self, case):
        if case.id == "stalled":
            os.read(self.descriptor, 1)
        return Sample(np.zeros((1, 4, 4), np.uint8), np.ones((4, 4), np.uint8))


def test_what_is_read_comes_back_and_so_does_what_is_raised():
    """An error of the reader's own is raised as it is, one about time too."""
    assert in_time.in_time(lambda: 3, "a") == 3
    for error in (ValueError("x"), TimeoutError("the server's"), KeyboardInterrupt()):

        def read(error=error):
            raise error

        with pytest.raises(type(error)) as raised:
            in_time.in_time(read, "a")
        assert raised.value is error


def test_a_case_that_stalls_stops_alone(stalled):
    """The sentence names it and the seconds; the next one is read."""
    reader = Reader(stalled)
    cases = [Case("stalled", ()), Case("right", ())]
    first, second = (facts_of(reader, "train", case, "toy") for case in cases)
    assert first.reason == "case stalled was not read within 0.5 seconds"
    assert second.id == "right"


def test_a_picture_that_stalls_stops_alone(stalled, tmp_path, monkeypatch):
    """A file that predict was given: the format's reader is left behind, the file is named."""
    path = tmp_path / "a.slow"
    path.write_bytes(b"x")

    class Format:
        suffixes = (".slow",)

        def open_file(self, path):
            os.read(stalled, 1)

    opener = Opener(None, None)
    monkeypatch.setattr(Opener, "format_of", lambda self, path: Format())
    with pytest.raises(SegkitError, match=r"a\.slow was not read within 0\.5 seconds"):
        opener.open(path, Reader.task)


def test_everything_reads_by_it():
    """No module of the core but this one calls a reader's `read` or `read_resized` itself."""
    core = Path(segkit.__file__).parent
    found = []
    for path in core.rglob("*.py"):
        # joint.py is a reader itself, made of others.
        if path.name in ("in_time.py", "joint.py") or "testing" in path.relative_to(core).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "read":
                continue
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name == "reader" and path.name != "reading.py":
                found.append(f"{path.relative_to(core)}:{node.lineno}")
    assert not found
