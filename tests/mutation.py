"""Small changes made to the glue, one at a time: whether a test notices each (issue 16).

    python tests/mutation.py --count 350 --seed 0 --results changes.jsonl

First every test runs once, and it is noted which functions of the rooms it enters. Then, for each change that is
drawn, a process that has all libraries imported already forks: the module is compiled with the change, and the tests
that enter the changed function run until one fails, those that mirror the module first. Nothing is written into the
tree. Tests that start processes of their own see the unchanged code there.

Not drawn is what decides nothing while a job runs: decorators, annotations, docstrings, texts, assertions, `strict=`.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("segkit/config.py", "segkit/planning", "segkit/rundir", "segkit/jobs")
TESTS = (
    "tests/test_config.py",
    "tests/planning",
    "tests/rundir",
    "tests/jobs",
    "tests/cli",
    "tests/test_api.py",
    "tests/report",
)
FLIPPED = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
EXCHANGED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult}
NOT_EXCHANGED = ("isinstance", "SegkitError", "UsageError", "suppress")
CONTROLS = 3
"""Modules that are tried without a change."""
KILLED, SURVIVED, UNTESTED = "killed", "survived", "entered by no test"


@dataclass
class Change:
    """One change that can be made to a parsed module.

    Attributes:
        function: the first line of the innermost function around it, as code objects have it; 0 outside of any.
        make: makes it, in the tree that it was found in.
    """

    path: str
    number: int
    line: int
    function: int
    what: str
    make: Callable[[], None]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@dataclass
class Finder:
    """Lists the changes that a module can have, always in the same order."""

    path: str
    found: list[Change] = field(default_factory=list)

    def look(self, tree: ast.Module) -> list[Change]:
        """List them."""
        self.block(tree.body, 0)
        return self.found

    def add(self, node: ast.AST, function: int, what: str, make: Callable[[], None]) -> None:
        """Note one."""
        self.found.append(Change(self.path, len(self.found), node.lineno, function, what, make))

    def block(self, body: list[ast.stmt], function: int) -> None:
        """Look at the statements of a block."""
        for place, statement in enumerate(body):
            self.removal(body, place, function)
            self.visit(statement, function)

    def removal(self, body: list[ast.stmt], place: int, function: int) -> None:
        """A call, a raise, a continuation or an addition that is left out."""
        statement = body[place]
        called = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call | ast.Yield | ast.YieldFrom)
        if function and (called or isinstance(statement, ast.Raise | ast.AugAssign | ast.Continue | ast.Break)):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield):
                return  # a context manager without its yield says nothing of the block
            empty = ast.copy_location(ast.Pass(), statement)
            self.add(statement, function, f"left out: {shown(statement)}", lambda: body.__setitem__(place, empty))

    def visit(self, node: ast.AST, function: int) -> None:
        """Look at a node and what is below it."""
        if isinstance(node, ast.Assert):
            return
        if isinstance(node, ast.FunctionDef):
            self.body(node, min([node.lineno, *(one.lineno for one in node.decorator_list)]))
            return
        if isinstance(node, ast.ClassDef):
            self.block(node.body, function)
            return
        self.of_node(node, function)
        for name, value in ast.iter_fields(node):
            if name == "annotation":
                continue
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self.block(value, function)
            elif isinstance(value, list):
                for one in value:
                    if isinstance(one, ast.AST):
                        self.visit(one, function)
            elif isinstance(value, ast.AST):
                self.visit(value, function)

    def body(self, node: ast.FunctionDef, function: int) -> None:
        """Look at a function: its defaults and its statements."""
        for default in (*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)):
            self.visit(default, function)
        self.block(node.body, function)

    def of_node(self, node: ast.AST, function: int) -> None:
        """The changes that a node itself can have."""
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            self.condition(node, function)
        elif isinstance(node, ast.comprehension):
            for place, test in enumerate(node.ifs):
                self.add(test, function, f"filter turned: {shown(test)}", lambda p=place: turn_filter(node, p))
        elif isinstance(node, ast.Compare):
            for place, operator in enumerate(node.ops):
                other = FLIPPED[type(operator)]
                said = f"{type(operator).__name__} is {other.__name__}: {shown(node)}"
                self.add(node, function, said, lambda p=place, o=other: node.ops.__setitem__(p, o()))
        elif isinstance(node, ast.BoolOp):
            other = ast.Or if isinstance(node.op, ast.And) else ast.And
            self.add(node, function, f"{other.__name__}: {shown(node)}", lambda: setattr(node, "op", other()))
        elif isinstance(node, ast.BinOp) and type(node.op) in EXCHANGED:
            other = EXCHANGED[type(node.op)]
            self.add(node, function, f"{other.__name__}: {shown(node)}", lambda: setattr(node, "op", other()))
        elif isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
            other = not node.value if isinstance(node.value, bool) else node.value + 1
            self.add(node, function, f"{node.value} is {other}", lambda: setattr(node, "value", other))
        elif isinstance(node, ast.Return) and node.value is not None and shown(node.value) != "None":
            none = ast.copy_location(ast.Constant(None), node.value)
            self.add(node, function, f"None: {shown(node)}", lambda: setattr(node, "value", none))
        elif isinstance(node, ast.Call):
            self.of_call(node, function)

    def condition(self, node: ast.If | ast.While | ast.IfExp, function: int) -> None:
        """A condition that is turned around."""

        def turn() -> None:
            node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)

        self.add(node.test, function, f"condition turned: {shown(node.test)}", turn)

    def of_call(self, node: ast.Call, function: int) -> None:
        """The first two arguments exchanged; a keyword left out."""
        places = [place for place, one in enumerate(node.args) if not isinstance(one, ast.Starred)]
        name = shown(node.func)
        # One call in four: there are more of them than of all else, and most end as a TypeError.
        if (
            places[:2] == [0, 1]
            and node.lineno % 4 == 0
            and name not in ("isinstance", "SegkitError", "UsageError", "suppress")
        ):
            self.add(node, function, f"arguments exchanged: {shown(node)}", lambda: exchange(node.args))
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in (None, "strict", "key", "encoding") and function:
                said = f"{keyword.arg}= left out: {shown(node)}"
                self.add(node, function, said, lambda p=place: node.keywords.pop(p))
        node.keywords[:] = [one for one in node.keywords if one.arg != "strict"]


def turn_filter(node: ast.comprehension, place: int) -> None:
    """Turn one condition of a comprehension around."""
    node.ifs[place] = ast.copy_location(ast.UnaryOp(ast.Not(), node.ifs[place]), node.ifs[place])


def exchange(arguments: list[ast.expr]) -> None:
    """Exchange the first two."""
    arguments[0], arguments[1] = arguments[1], arguments[0]


def shown(node: ast.AST) -> str:
    """A node in one short line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."


def changes_of(path: str) -> tuple[ast.Module, list[Change]]:
    """Parse a module and list its changes."""
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    return tree, Finder(path).look(tree)


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


ROOM_FOLDERS = tuple(str(PROJECT / room) for room in ROOMS)


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


def mirror_of(path: str) -> str:
    """The test file that mirrors a module: tests/planning/test_plan.py of segkit/planning/plan.py."""
    folder, _, name = path.removeprefix("segkit/").rpartition("/")
    return "/".join(filter(None, ("tests", folder, f"test_{name}")))


def tests_for(change: Change, tests: dict[str, dict], budget: float) -> list[str]:
    """The tests that enter the changed function, those that mirror the module first, then the quick ones."""

    def enters(test: dict) -> bool:
        return any(path == change.path and change.function in (0, line) for path, line in test["entered"])

    mirror = mirror_of(change.path)
    entering = [name for name, test in tests.items() if test["passed"] and enters(test)]
    if not change.function and not entering:  # a module of constants has nothing to enter
        entering = [name for name in tests if name.startswith(mirror.rpartition("/")[0]) and tests[name]["passed"]]
    entering.sort(key=lambda name: (not name.startswith(mirror), tests[name]["seconds"]))
    left, taken = budget, []
    for name in entering:
        if tests[name]["seconds"] <= left or not taken:
            left -= tests[name]["seconds"]
            taken.append(name)
    return taken


def try_change(change: Change, tests: dict[str, dict], budget: float) -> dict:
    """Make one change and run its tests."""
    names = tests_for(change, tests, budget)
    record = {"path": change.path, "number": change.number, "line": change.line, "what": change.what}
    if not names:
        return {**record, "result": UNTESTED}

    def work(place: str) -> dict:
        sys.meta_path.insert(0, Changed(change))
        plugin = Chosen(names)
        code = run_tests(plugin, sorted({name.partition("::")[0] for name in names}), place, "-x")
        return {"code": code, "by": plugin.failed}

    done = in_child(work, 20 + 5 * sum(tests[name]["seconds"] for name in names))
    if done is None:
        return {**record, "result": KILLED, "by": "it does not come to an end"}
    if done["code"] and not done["by"]:
        raise RuntimeError(f"{change}: pytest ended with {done['code']} and no test failed")
    return {**record, "result": SURVIVED if done["code"] == 0 else KILLED, "by": done["by"], "tests": len(names)}


def check_control(changes: Sequence[Change], tests: dict[str, dict], budget: float) -> None:
    """Raise where a module that is compiled anew without a change fails its tests, so that nothing here means anything.

    One that is entered by no test is no control.
    """
    for change in {change.path: change for change in changes}.values():
        unchanged = replace(change, number=-1, what="no change")
        record = try_change(unchanged, tests, budget)
        if record["result"] == KILLED:
            raise RuntimeError(f"{change.path} fails {record['by']} without any change")


def drawn(rooms: Sequence[str], count: int, seed: int) -> list[Change]:
    """Draw changes of all modules together."""
    modules = [
        str(path.relative_to(PROJECT))
        for room in rooms
        for path in ([PROJECT / room] if room.endswith(".py") else sorted((PROJECT / room).rglob("*.py")))
        if path.name != "__init__.py"
    ]
    everything = [change for module in modules for change in changes_of(module)[1]]
    print(f"{len(everything)} changes can be made in {len(modules)} modules", flush=True)
    taken = random.Random(seed).sample(everything, min(count, len(everything)))
    return sorted(taken, key=lambda change: (change.path, change.number))


def read_results(path: Path | None) -> dict[tuple[str, int], dict]:
    """What was tried before, by module and number."""
    listed = map(json.loads, path.read_text().splitlines()) if path and path.exists() else ()
    return {(record["path"], record["number"]): record for record in listed}


def in_worker(changes: Sequence[Change], tests: dict[str, dict], budget: float, results: Path) -> int:
    """Fork a process that tries changes one after the other, a line of the results for each."""
    worker = os.fork()
    if worker:
        return worker
    try:
        for change in changes:
            record = try_change(change, tests, budget)
            with results.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def room_of(path: str) -> str:
    """The room of a module."""
    return next(room for room in ROOMS if path.startswith(room))


def table(records: Sequence[dict]) -> Iterator[str]:
    """What came of it, by room, and what survived."""
    counted: dict[str, Counter] = {}
    for record in records:
        for room in (room_of(record["path"]), "all"):
            counted.setdefault(room, Counter())[record["result"]] += 1
    yield "| room | changes | noticed | share |"
    yield "| --- | --- | --- | --- |"
    for room, count in counted.items():
        yield f"| {room} | {count.total()} | {count[KILLED]} | {100 * count[KILLED] / count.total():.1f} % |"
    for record in records:
        if record["result"] != KILLED:
            yield f"{record['path']}:{record['line']} #{record['number']}: {record['what']} ({record['result']})"


def main() -> None:
    """Draw changes, try each, print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", default=ROOMS, help="modules or folders")
    parser.add_argument("--count", type=int, default=350)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=(), help="changes by name, path#number, instead of drawn ones")
    parser.add_argument("--tests", nargs="*", default=TESTS)
    parser.add_argument("--budget", type=float, default=30, help="seconds of tests for one change")
    parser.add_argument("--at-once", type=int, default=1, help="changes that are tried at the same time")
    parser.add_argument("--entered", type=Path, help="where it is kept which functions each test enters")
    parser.add_argument("--results", type=Path, help="a line for each change; what stands there is not tried again")
    options = parser.parse_args()
    os.chdir(PROJECT)
    if options.entered and options.entered.exists():
        found = json.loads(options.entered.read_text())
    else:
        found = look_on(options.tests)
        if options.entered:
            options.entered.write_text(json.dumps(found))
    import_libraries(found["modules"])
    changes = drawn(options.rooms, sys.maxsize if options.only else options.count, options.seed)
    if options.only:
        changes = [change for change in changes if f"{change.path}#{change.number}" in options.only]
    controls = [] if options.only else random.Random(options.seed).sample(changes, min(CONTROLS, len(changes)))
    check_control(controls, found["tests"], options.budget)
    tried = read_results(options.results)
    left = [change for change in changes if (change.path, change.number) not in tried]
    with ExitStack() as held:
        results = options.results or Path(held.enter_context(tempfile.TemporaryDirectory()), "results.jsonl")
        workers = [
            in_worker(left[part :: options.at_once], found["tests"], options.budget, results)
            for part in range(options.at_once)
        ]
        for worker in workers:
            os.waitpid(worker, 0)
        tried = read_results(results)
    records = [tried[change.path, change.number] for change in changes if (change.path, change.number) in tried]
    print("\n".join(table(records)))


if __name__ == "__main__":
    main()
