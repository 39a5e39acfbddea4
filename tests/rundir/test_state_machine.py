"""A run whose life is drawn by chance: started, stopped, killed, robbed of a file, gone on with in every way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from interrupted import INTERRUPTION, SEEN, segkit
from run_oracle import (
    ALLOWED,
    FILES,
    HARMLESS,
    RUN,
    SCORING,
    STATE,
    Facts,
    contents,
    expected_code,
    header,
    look_at,
    summary_says_finished,
)

from segkit.discovery import Registry
from segkit.engine.sealed import read_sealed

EPOCHS = 2
PHASES = [Phase.explicit, Phase.generate] + ([Phase.shrink] if "SEGKIT_SHRINK" in os.environ else [])
"""A life takes a second: what is found is told as it was found, unless it is to be made small."""
JOB = ("--arch", "net", "--data", "squares", "--device", "cpu", "--epochs", str(EPOCHS), "--batch-size", "2")
JOB += ("--workers", "0", "--data-root", "data", "--set", "run.save_minutes=0", "--set", "run.threads=1")
IMPOSSIBLE = [
    (("--output", "elsewhere"), 2),
    (("--allow", "dta"), 2),
    (("--config", "run/config.toml"), 2),
    (("--set", "arch.width=4", "--allow", "arch"), 1),
    (("--epochs", "many"), 2),
]
WISHES = st.none() | st.tuples(
    st.sampled_from(["stop step", "kill step", "stop after rename", "kill before rename", "kill after rename"]),
    st.integers(1, 9),
)


class LifeOfARun(RuleBasedStateMachine):
    """One run directory, the data beside it, and what is known of both from the files alone.

    Attributes:
        trained: the largest number of steps that a whole state of this run was saved with.
        plain: whether its settings are those that the reference was made with.
        lost: contents of the files that were taken away or damaged.
    """

    place: Path
    reference: dict[str, str]

    @initialize(wish=WISHES, command=st.sampled_from(["run", "run", "train"]))
    def begin(self, wish: tuple[str, int] | None, command: str) -> None:
        """A place with the data in it, and a run begun."""
        shutil.rmtree(self.place / "now", ignore_errors=True)
        (self.place / "now").mkdir()
        os.chdir(self.place / "now")
        shutil.copytree(self.place / "data", "data")
        self.trained, self.plain, self.moved = 0, True, False
        self.lost: dict[str, bytes] = {}
        self.start(wish, command)

    def after(self, result: Result | None, *, began: int) -> None:
        """What holds after every command that may train: no step was taken twice unless it was never saved."""
        assert all(step >= began for step in INTERRUPTION.steps), (began, INTERRUPTION.steps)
        found = header()
        if found:
            self.trained = max(self.trained, found["step"])
        if result is not None and result.exit_code == 0 and summary_says_finished():
            self.check_finished()

    def check_finished(self) -> None:
        """A run that says it is finished is whole, and its config is true of its model."""
        assert not STATE.exists()
        trained_with = read_sealed(RUN / "model.safetensors", "segkit")[1]["training"]
        config = tomllib.loads((RUN / "config.toml").read_text())
        assert {name: trained_with[name] for name in config["train"]} == config["train"]
        epochs = [json.loads(line) for line in (RUN / "history.jsonl").read_text().splitlines()]
        assert [record["epoch"] for record in epochs] == list(range(1, config["train"]["epochs"] + 1))
        highest = max(0.05, config["train"]["learning_rate"])
        assert all(0 <= record["learning_rate"] <= highest for record in epochs)
        if self.plain:
            found = contents(RUN)
            assert {name: found[name] for name in self.reference} == self.reference

    @precondition(lambda self: not RUN.exists())
    @rule(wish=WISHES, command=st.sampled_from(["run", "run", "train"]))
    def start(self, wish: tuple[str, int] | None, command: str) -> None:
        """A new run; without its data it leaves nothing."""
        result = segkit(command, *JOB, "--output", "run", wish=wish)
        if self.moved:
            assert result.exit_code == 1
            assert not RUN.exists()
            return
        self.trained, self.plain, self.lost = 0, True, {}
        assert result is None or result.exit_code in (0, 130), result.output
        self.after(result, began=0)

    @precondition(lambda self: RUN.exists() and not self.moved)
    @rule(wish=WISHES)
    def start_again(self, wish: tuple[str, int] | None) -> None:
        """Where there is a run already, another one is refused; what was killed before config.toml is no run."""
        before = contents(RUN)
        result = segkit("run", *JOB, "--output", "run", wish=wish)
        if before:
            assert (result.exit_code, contents(RUN)) == (1, before)
            assert not INTERRUPTION.steps
        else:
            self.trained, self.plain, self.lost = 0, True, {}
            self.after(result, began=0)

    @precondition(lambda self: RUN.exists())
    @rule(
        options=st.sampled_from([*HARMLESS, *HARMLESS, *ALLOWED, SCORING]),
        wish=WISHES,
        granted=st.booleans(),
        told=st.booleans(),
    )
    def resume(self, options: tuple[str, ...], wish: tuple[str, int] | None, granted: bool, told: bool) -> None:
        """Go on, as it was or otherwise; what comes of it is said by the files that are there.

        Args:
            granted: whether the allowance that the options need is given.
            told: whether it is said where the data are.
        """
        if "--allow" in options and not granted:
            options = options[: options.index("--allow")]
        root = ("--data-root", self.data.name) if told else ()
        facts, before = self.facts(), contents(RUN)
        lost = not told and facts.root not in (None, self.data.resolve())
        result = segkit("run", "--resume", "run", *options, *root, wish=wish)
        expected = expected_code(facts, options, plain=self.plain, other_root=told, lost_data=lost)
        if result is None or result.exit_code == 130:
            assert expected in (0, None), (expected, facts, options)
        elif expected is not None:
            assert result.exit_code == expected, (facts, options, result.output)
        if result is not None and result.exit_code in (1, 2):
            assert contents(RUN) == before, result.output
            assert not INTERRUPTION.steps
            return
        if expected == 0 and facts.finished:
            assert contents(RUN) == before
            return
        self.plain = self.plain and options not in (*ALLOWED, SCORING) and facts.config == "whole"
        self.after(result, began=facts.state["step"] if facts.state else 0)

    @property
    def data(self) -> Path:
        """Where the data are now."""
        return Path("moved" if self.moved else "data")

    def facts(self) -> Facts:
        """What is there."""
        return look_at({name for name in self.lost if (RUN / name).is_file() and self.is_harmed(name)})

    @precondition(lambda self: RUN.exists())
    @rule(case=st.sampled_from(IMPOSSIBLE))
    def ask_the_impossible(self, case: tuple[tuple[str, ...], int]) -> None:
        """What cannot be meant is refused in a sentence, and nothing is written."""
        options, code = case
        facts, before = self.facts(), contents(RUN)
        result = segkit("run", "--resume", "run", *options, "--data-root", self.data.name)
        assert contents(RUN) == before or code == 1
        if facts.state is None and code == 1:
            if result.exit_code == 0:  # nothing was trained: another network is as good
                self.plain = False
                self.after(result, began=0)
            return
        assert result.exit_code in ((1, 2) if facts.config != "whole" or code == 1 else (code, 1)), result.output
        assert contents(RUN) == before
        assert not INTERRUPTION.steps

    @precondition(lambda self: RUN.exists() and not self.lost and any((RUN / name).is_file() for name in FILES))
    @rule(name=st.sampled_from([*FILES, *[FILES[-1]] * 4]), how=st.sampled_from(["lost", "empty", "cut", "garbage"]))
    def harm(self, name: str, how: str) -> None:
        """Take one file away, or damage it."""
        if not (RUN / name).is_file():
            return
        path = RUN / name
        self.lost[name] = path.read_bytes()
        harmed = {"empty": b"", "cut": self.lost[name][: len(self.lost[name]) // 2], "garbage": b"\0\xff{["}
        path.unlink() if how == "lost" else path.write_bytes(harmed[how])
        self.harmed = harmed.get(how)

    @precondition(lambda self: self.lost)
    @rule()
    def bring_back(self) -> None:
        """The file comes back from a backup, unless the run has written it anew."""
        for name, data in self.lost.items():
            if self.is_harmed(name):
                (RUN / name).parent.mkdir(exist_ok=True)
                (RUN / name).write_bytes(data)
        self.lost = {}

    def is_harmed(self, name: str) -> bool:
        """Whether a file is as it was left when it was taken or damaged: the run has not written it anew."""
        path = RUN / name
        found = path.read_bytes() if path.is_file() else None
        return found == self.harmed and found != self.lost[name]

    @rule()
    def move_data(self) -> None:
        """The data go to another folder, or come back."""
        self.data.rename("data" if self.moved else "moved")
        self.moved = not self.moved

    @precondition(lambda self: RUN.exists() and not self.moved)
    @rule()
    def train_on_fewer_cases(self) -> None:
        """A case is gone: never gone on with unasked."""
        facts, before = self.facts(), contents(RUN)
        if not facts.state:
            return
        (case,) = Path("data/train").glob("*-0.npy")
        hidden = case.rename("hidden.npy")
        result = segkit("run", "--resume", "run", "--data-root", "data")
        hidden.rename(case)
        assert result.exit_code in (1, 2), result.output
        assert contents(RUN) == before
        assert not INTERRUPTION.steps

    @precondition(lambda self: RUN.exists())
    @rule(command=st.sampled_from(["report", "evaluate", "compare", "runs"]))
    def look(self, command: str) -> None:
        """What reads a run takes nothing from it, and says in a sentence what is not there."""
        before, whole = contents(RUN), self.facts().whole and not self.lost and not self.moved
        others = (str(self.place / "reference"),) if command == "compare" else ()
        result = segkit(command, "run", *others)
        assert result.exit_code in ((0,) if whole or command == "runs" else (0, 1, 2)), result.output
        after = contents(RUN)
        assert {name: after.get(name) for name in before if name != "report.html"} == {
            name: digest for name, digest in before.items() if name != "report.html"
        }
        shutil.rmtree(RUN / "scores", ignore_errors=True)

    @invariant()
    def the_list_tells_the_truth(self) -> None:
        """`runs` lists it, as resume would see it."""
        if not any((RUN / name).is_file() for name in ("config.toml", "summary.json", "model.safetensors")):
            return
        (told,) = json.loads(segkit("runs", "run", "--json").stdout)
        facts = self.facts()
        assert not told["running"]
        if facts.whole and not facts.broken:
            assert told["state"] == "finished", told
        if facts.state is None and not facts.finished and self.trained:
            assert told["state"] != "unfinished", told
        if told["state"] == "finished":
            assert facts.finished, told

    def teardown(self) -> None:
        """Leave the place."""
        os.chdir(self.place)


@pytest.fixture
def place(toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Data, and a run that nothing has disturbed; pages and the disk's own time are left out."""

    def page(folder: Path, *_: object, **__: object) -> Path:
        (folder / "report.html").write_text("page")
        return folder / "report.html"

    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: toy_registry))
    for owner in ("segkit.jobs.run.write_report", "segkit.report.writer.write_report"):
        monkeypatch.setattr(owner, page)
    monkeypatch.setattr("segkit.jobs.compare.compose.write_page", lambda *_, **__: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    squares: Callable[..., Any] = toy_registry.find("data", "squares").load("factory")
    params = toy_registry.find("data", "squares").component.params
    (tmp_path / "data").mkdir()
    squares.make_sample(tmp_path / "data", params(cases=5))
    (tmp_path / "now").mkdir()
    monkeypatch.chdir(tmp_path / "now")
    shutil.copytree(tmp_path / "data", "data")
    made = segkit("run", *JOB, "--output", str(tmp_path / "reference"))
    assert made.exit_code == 0, made.output
    INTERRUPTION.install(monkeypatch)
    LifeOfARun.place = tmp_path
    kept = re.compile(r"model\.safetensors|cases\.csv|predictions/.*")
    LifeOfARun.reference = {
        name: digest for name, digest in contents(tmp_path / "reference").items() if kept.fullmatch(name)
    }
    yield tmp_path
    os.chdir(tmp_path)
    signal.signal(signal.SIGINT, before)


def lives(count: int, steps: int = 7) -> settings:
    """How many lives of how many events."""
    checks = list(HealthCheck)
    return settings(
        max_examples=count,
        stateful_step_count=steps,
        deadline=None,
        phases=PHASES,
        suppress_health_check=checks,
        database=None,
    )


def test_a_few_lives_keep_every_promise(place: Path) -> None:
    """Twenty drawn sequences in every change."""
    run_state_machine_as_test(LifeOfARun, settings=lives(20))


@pytest.mark.full
def test_two_thousand_lives_keep_every_promise(place: Path) -> None:
    """As many as SEGKIT_LIVES says, 2,000 where it says nothing."""
    SEEN.clear()
    run_state_machine_as_test(LifeOfARun, settings=lives(int(os.environ.get("SEGKIT_LIVES", "2000"))))
    print(dict(sorted(SEEN.items())))
    outcomes = {f"{command} {end}" for command in ("run", "train") for end in ("0", "130", "killed")}
    assert {*outcomes, "run 1", "run 2", "report 0", "report 1", "evaluate 0", "compare 0", "compare 1"} <= set(SEEN)
