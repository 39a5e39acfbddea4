"""Several commands at once on one folder: whole results, a sentence for those that are refused, and nothing mixed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from commands import COMMANDS, RESUME, TRAIN, Command, fingerprint, left_over, prepared
from forked import Done, begin, learn, run

SEEDS = 8
ON_A_RUN = ("report", "predict", "probabilities", "evaluate", "explain", "export", "compare", "data show")
"""Commands that take the finished run; besides those that go on with another one, or change the cache."""
EVERY = (*ON_A_RUN, "resume", "data verify", "data cache clear", "run", "grid", "data download")


def at_once(place: Path, lines: Sequence[tuple[str, ...]]) -> list[Done]:
    """Carry out commands at once in one folder."""
    children = [begin(line, place, name=f"-{number}") for number, line in enumerate(lines)]
    return [child.end() for child in children]


def unsaid(done: Done) -> list[str]:
    """What a command that is not alone must not do."""
    if "Traceback" in done.stderr or "internal error" in done.stderr or done.code not in (0, 1):
        return [f"code {done.code}: {done.stderr[-500:]}"]
    if done.code and not any(line.startswith("error") for line in done.stderr.splitlines()):
        return [f"nothing said: {done.stderr[-300:]}"]
    return []


class Wanted:
    """What each command gives alone, found out once."""

    def __init__(self, base: Path, places: Path) -> None:
        self.base, self.places = base, places
        self.found: dict[str, dict[str, str]] = {}

    def of(self, name: str) -> dict[str, str]:
        """What must be there when a command has ended."""
        if name not in self.found:
            command = COMMANDS[name]
            place = prepared(self.base, command, self.places / f"alone-{name}")
            done = run(command.args, place)
            assert done.code == 0, done.stderr
            learn(place)
            self.found[name] = fingerprint(place, command)
        return self.found[name]

    def faults(self, names: Sequence[str], place: Path) -> list[str]:
        """Carry out commands at once; returns what went wrong, then and when those that were refused are repeated."""
        prepared(self.base, Command((), lambda place: (), ()), place)
        faults = []
        together = at_once(place, [COMMANDS[name].args for name in names])
        for number, (name, done) in enumerate(zip(names, together, strict=True)):
            faults += [f"{number} {name}: {fault}" for fault in unsaid(done)]
            done = done if done.code == 0 else run(COMMANDS[name].again(place), place)
            if done.code and "already" not in done.stderr:
                faults.append(f"{name}, repeated: code {done.code}: {done.stderr[-300:]}")
            if done.code == 0 and fingerprint(place, COMMANDS[name]) != self.of(name):
                faults.append(f"{number} {name}: another result")
        if len(set(names)) == 1 and all(done.code for done in together):
            faults.append(f"none of them came through: {together[0].stderr[-300:]}")
        return faults + [f"left {left}" for left in left_over(place)]


@pytest.fixture(scope="module")
def wanted(base, tmp_path_factory) -> Wanted:
    """What commands give alone."""
    return Wanted(base, tmp_path_factory.mktemp("alone"))


def test_eight_predict_into_one_folder(wanted, tmp_path):
    """One predicts, the others are told."""
    assert not wanted.faults(["predict"] * 8, tmp_path / "place")


def test_eight_explain_into_one_folder(wanted, tmp_path):
    """All of them do, one image after the other, and no entry of the index is lost."""
    assert not wanted.faults(["explain"] * 8, tmp_path / "place")


@pytest.mark.full
@pytest.mark.parametrize("name", EVERY)
def test_eight_equal_ones(name, wanted, tmp_path):
    """Eight times the same command at once."""
    faults = wanted.faults([name] * 8, tmp_path / "place")
    assert not faults, "\n".join(faults)


@pytest.mark.full
def test_eight_different_ones(wanted, tmp_path):
    """Whatever can be done with a run, at once."""
    names = ["report", "predict", "evaluate", "explain", "export", "data show", "data verify", "resume"]
    faults = wanted.faults(names, tmp_path / "place")
    assert not faults, "\n".join(faults)


@pytest.mark.full
@pytest.mark.parametrize("first", EVERY)
def test_every_pair(first, wanted, tmp_path):
    """A command beside each other one."""
    wrong = []
    for second in EVERY[EVERY.index(first) :]:
        wrong += [f"{first} + {second}: {fault}" for fault in wanted.faults([first, second], tmp_path / second)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.full
@pytest.mark.parametrize("name", ON_A_RUN)
def test_beside_a_run_that_goes_on(name, base, wanted, tmp_path):
    """A command on the very run that another process goes on with: whole, refused, or told that it is not finished."""
    place = prepared(base, COMMANDS[name], tmp_path / "place")
    line = tuple("trained" if part == "run" else part for part in COMMANDS[name].args)
    faults = [fault for done in at_once(place, [RESUME, line]) for fault in unsaid(done)]
    assert run(RESUME, place).code == 0
    assert run(("report", "trained"), place).code == 0
    assert fingerprint(place, COMMANDS["resume"]) == wanted.of("resume")
    assert not faults, "\n".join(faults)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["named", "unnamed"])
def test_eight_runs_of_several_seeds(kind, base, tmp_path):
    """Each run has a directory of its own, and is what it is alone; with one directory for all one of them trains."""
    lines = [("run", *TRAIN, "--seed", str(seed)) for seed in range(SEEDS)]
    if kind == "named":
        lines = [(*line, "--output", "out") for line in lines]
    done = at_once(tmp_path, lines)
    assert not [fault for one in done for fault in unsaid(one)]
    assert sum(one.code == 0 for one in done) == (1 if kind == "named" else SEEDS)
    folders = [path.parent for path in tmp_path.glob("**/model.safetensors")]
    assert len(folders) == (1 if kind == "named" else SEEDS)
    models = {folder: (folder / "model.safetensors").read_bytes() for folder in folders}
    assert len(set(models.values())) == len(folders)
    for folder, seed in itertools.product(folders, (0, 1)):
        if f"seed = {seed}\n" in (folder / "config.toml").read_text():
            assert models[folder] == (base / ("run", "second")[seed] / "model.safetensors").read_bytes()
