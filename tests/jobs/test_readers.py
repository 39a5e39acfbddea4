"""Cases that several readers drew: scored against each, their agreement as the ceiling, one drawn anew every epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from segkit.config import Layer
from segkit.data.case import Case, Sample
from segkit.data.sampling import OneReading
from segkit.discovery import Registry
from segkit.engine.predictions import read_prediction
from segkit.engine.progress import Progress
from segkit.errors import UsageError
from segkit.jobs.run import run_job
from segkit.planning.build import build_sampler
from segkit.planning.plan import Plan, make_plan
from segkit.rundir.read import read_record

MOVED = {"one": 0, "two": 1, "three": 3}


@pytest.fixture
def drawn(toy_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The toy squares, whose masks three readers drew, two of them a little to the side; training has all drawings."""
    import segkit_toy

    squares: Any = segkit_toy.Squares
    cases_of, read_of = squares.cases, squares.read

    def cases(self: Any, split: str) -> list[Case]:
        listed = cases_of(self, split)
        if split != "train":
            return listed
        return [replace(case, id=f"{case.id}@{name}", reading_of=case.id) for case in listed for name in MOVED]

    def read(self: Any, case: Case) -> Sample:
        sample = read_of(self, case)
        moved = MOVED[case.id.partition("@")[2]] if case.reading_of else 0
        return replace(sample, mask=np.roll(sample.mask, moved, axis=1))

    def samples_of_readers(self: Any, case: Case) -> Mapping[str, Sample]:
        sample = read_of(self, case)
        return {name: replace(sample, mask=np.roll(sample.mask, moved, axis=1)) for name, moved in MOVED.items()}

    monkeypatch.setattr(squares, "cases", cases)
    monkeypatch.setattr(squares, "read", read)
    monkeypatch.setattr(squares, "samples_of_readers", samples_of_readers, raising=False)
    return toy_registry


def plan_of(registry: Registry, **values: object) -> Plan:
    """Plan a run with settings written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    chosen = {"components.arch": "net", "components.data": "squares", "run.device": "cpu", "run.threads": 1}
    return make_plan([Layer("flag", chosen | flags)], registry, {})


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """The plain formula."""
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_each_reader_and_their_agreement(drawn: Registry) -> None:
    """By plain formulas on the files: n is of cases, the agreement the mean over every two readers."""
    plan = plan_of(drawn, train__epochs=20, augment__warp=0.0)
    result = run_job(plan, None, Progress())
    found = result.summary["readers"]
    assert (found["metric"], found["cases"], sorted(found["against"])) == ("overlap", 3, ["one", "three", "two"])
    pairs, third = [], []
    for case in plan.cases["test"]:
        drawings = plan.reader.samples_of_readers(case)  # type: ignore[attr-defined]
        masks = [sample.mask == 1 for sample in drawings.values()]
        third.append(dice(read_prediction(plan.reader, result.folder / "predictions", case) == 1, masks[2]))
        pairs.append(np.mean([dice(masks[a], masks[b]) for a, b in ((0, 1), (0, 2), (1, 2))]))
    assert found["agreement"][0]["mean"] == pytest.approx(np.mean(pairs))
    assert found["agreement"][0]["n"] == 3
    [main] = [row for row in result.summary["scores"] if row["metric"] == "overlap"]
    assert found["against"]["one"][0]["mean"] == main["mean"]
    assert 0 < found["against"]["three"][0]["mean"] == pytest.approx(np.mean(third)) != main["mean"]
    assert read_record(result.folder).summary["readers"] == found
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "of every two readers" in page
    assert "against three" in page


def test_an_epoch_shows_each_image_once(drawn: Registry) -> None:
    """As one of its drawings, and over epochs as any of them; from seed and epoch alone."""
    plan = plan_of(drawn)
    sampler = build_sampler(plan)
    assert isinstance(sampler, OneReading)
    assert len(plan.cases["train"]) == 18
    assert sampler.samples(18) == 6
    seen = set()
    for epoch in range(30):
        shown = [case for case, _ in sampler.epoch([], 6, 1, epoch)]
        assert sorted(case // 3 for case in shown) == list(range(6))
        assert shown == [case for case, _ in sampler.epoch([], 6, 1, epoch)]
        seen.update(shown)
    assert seen == set(range(18))


def test_parts_of_volumes_keep_their_number() -> None:
    """Of twelve parts of two images by three readers four are shown, two of each."""
    sampler = OneReading(("a", "a", "a", "b", "b", "b"))
    assert sampler.samples(12) == 4
    assert sorted(case // 3 for case, _ in sampler.epoch([], 4, 0, 0)) == [0, 0, 1, 1]


def test_a_stopped_run_resumes_to_the_same_model(
    drawn: Registry, monkeypatch: pytest.MonkeyPatch, same_when_resumed: Callable[..., object]
) -> None:
    """With readers drawn at random, stopped within an epoch."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)

    same_when_resumed(partial(plan_of, drawn), drawn)


def test_two_that_choose_the_cases_are_a_sentence(drawn: Registry) -> None:
    """Drawings at random and datasets dealt evenly."""
    plan = plan_of(drawn, components__data="squares + more=squares", data__deal="evenly")
    with pytest.raises(UsageError, match=r"data\.deal=evenly and data\.readers=random both say which cases"):
        build_sampler(plan)
