"""Tests run in forked processes: once to see what each enters, then a few against one change."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from changes import PROJECT, Change, changes_of

ROOMS = ("segkit/config.py", "segkit/planning", "segkit/rundir", "segkit/jobs")
ROOM_FOLDERS = tuple(str(PROJECT / room) for room in ROOMS)


class Changed(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Imports one module with a change in it."""

    def __init__(self, change: Change) -> None:
        super().__init__(change.path.removesuffix(".py").replace("/", "."), str(PROJECT / change.path))
        self.change = change

    def find_spec(self, fullname, path=None, target=None):
        """Answer for that module alone."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname):
        """Compile it with the change."""
        tree, changes = changes_of(self.change.path)
        if self.change.number >= 0:
            changes[self.change.number].make()
        return compile(ast.fix_missing_locations(tree), self.path, "exec")


@dataclass(eq=False)
class Entered:
    """A pytest plugin: which functions of the rooms each test enters, and how long it takes."""

    tests: dict[str, dict] = field(default_factory=dict)
    seen: set = field(default_factory=set)

    def trace(self, frame, event, arg):
        """Note the function that is called."""
        code = frame.f_code
        if code.co_filename.startswith(ROOM_FOLDERS):
            self.seen.add((code.co_filename, code.co_firstlineno))

    def pytest_runtest_logstart(self, nodeid, location):
        """A test begins."""
        self.seen.clear()
        self.tests[nodeid] = {"passed": True, "start": time.perf_counter()}
        threading.settrace(self.trace)
        sys.settrace(self.trace)

    def pytest_runtest_logreport(self, report):
        """A part of a test is over; one that is skipped shows nothing."""
        self.tests[report.nodeid]["passed"] &= report.passed

    def pytest_runtest_logfinish(self, nodeid, location):
        """A test is over."""
        sys.settrace(None)
        test = self.tests[nodeid]
        test["seconds"] = time.perf_counter() - test.pop("start")
        test["entered"] = sorted((str(Path(file).relative_to(PROJECT)), line) for file, line in self.seen)


@dataclass(eq=False)
class Chosen:
    """A pytest plugin: runs some tests alone, in a given order."""

    order: Sequence[str]
    failed: str = ""

    def pytest_collection_modifyitems(self, items):
        """Keep those."""
        place = {name: number for number, name in enumerate(self.order)}
        items[:] = sorted((one for one in items if one.nodeid in place), key=lambda one: place[one.nodeid])

    def pytest_runtest_logreport(self, report):
        """Note the one that fails."""
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report):
        """Note that a file cannot even be imported."""
        if report.failed:
            self.failed = self.failed or report.nodeid


def run_tests(plugin: object, paths: Sequence[str], place: str, *options: str) -> int:
    """Run pytest in this process, quietly."""
    import hypothesis
    import pytest

    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, max_examples=25, deadline=None)
    hypothesis.settings.load_profile("mutation")
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:warnings", f"--basetemp={place}/tests", *options)
    return int(pytest.main([*quiet, *paths], plugins=[plugin]))


def in_child(work: Callable[[str], dict], limit: float) -> dict | None:
    """Fork, work there, and return what came of it; None where it took too long or died."""
    place = tempfile.mkdtemp(prefix="mutation-")
    child = os.fork()
    if not child:
        os.setsid()
        nowhere = os.open(os.devnull if "MUTATION_LOUD" not in os.environ else "/dev/stderr", os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        try:
            Path(place, "result.json").write_text(json.dumps(work(place)))
        finally:
            os._exit(0)
    until = time.monotonic() + limit
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.02)
    result = Path(place, "result.json")
    try:
        return json.loads(result.read_text()) if result.exists() else None
    finally:
        shutil.rmtree(place, ignore_errors=True)


def look_on(tests: Sequence[str]) -> dict:
    """Run the tests unchanged: what each enters, and which libraries they import."""

    def work(place: str) -> dict:
        plugin = Entered()
        run_tests(plugin, tests, place)
        own = ("segkit", "test", "conftest", "__")
        return {"tests": plugin.tests, "modules": [name for name in sys.modules if not name.startswith(own)]}

    found = in_child(work, 3600)
    assert found is not None, "the unchanged tests did not come to an end"
    for name, test in found["tests"].items():
        if not test["passed"]:
            print(f"left out, for it does not pass unchanged: {name}", flush=True)
    return found


def import_libraries(names: Sequence[str]) -> None:
    """Import what tests will import, so that no fork has to; what refuses is imported where it is needed."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    assert not any(name.partition(".")[0] == "segkit" for name in sys.modules)
