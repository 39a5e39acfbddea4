"""Small changes made to the glue, one at a time: whether a test notices each (issue 16).

    python tests/mutation --count 350 --seed 0 --results changes.jsonl

First every test runs once, and it is noted which functions of the rooms it enters. Then, for each change that is
drawn, a process that has all libraries imported already forks: the module is compiled with the change, and the tests
that enter the changed function run until one fails, those that mirror the module first. Nothing is written into the
tree. Tests that start processes of their own see the unchanged code there.

Not drawn is what decides nothing while a job runs: decorators, annotations, docstrings, texts, assertions, `strict=`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from changes import PROJECT, Change, changes_of
from watched import ROOMS, Changed, Chosen, import_libraries, in_child, look_on, run_tests

TESTS = (
    "tests/test_config.py",
    "tests/planning",
    "tests/rundir",
    "tests/jobs",
    "tests/cli",
    "tests/test_api.py",
    "tests/report",
)
CONTROLS = 3
"""Modules that are tried without a change."""
KILLED, SURVIVED, UNTESTED = "killed", "survived", "entered by no test"


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
