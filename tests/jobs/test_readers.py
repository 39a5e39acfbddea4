"""Cases that several readers drew: scored against each, their agreement as the ceiling, one drawn anew every epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from segkit.config import Layer
from segkit.data.case import Case, Sample
from segkit.data.joint import JointReader
from segkit.data.sampling import OneReading
from segkit.discovery import Registry
from segkit.engine.distributed import Ranks
from segkit.engine.predictions import read_prediction
from segkit.engine.progress import Progress
from segkit.engine.stop import StopRequest
from segkit.errors import SegkitError, UsageError
from segkit.jobs.run import run_job, start_job
from segkit.jobs.stores import open_stores
from segkit.jobs.train import make_batches, make_preprocessing
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


@pytest.fixture
def averaged(drawn: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The same, of whose drawings the mean is trained on."""
    import segkit_toy

    monkeypatch.setattr(segkit_toy.Squares, "averages_readings", True, raising=False)
    return drawn


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


def test_the_mean_of_the_readers_is_the_target(averaged: Registry) -> None:
    """Of every image once an epoch, unchanged by augmentation here: at each pixel how many of the three drew it."""
    plan = plan_of(averaged, augment__warp=0.0, augment__flip=0.0, run__workers=0, train__batch_size=2)
    job = start_job(plan, Ranks.from_environment(), Progress(), StopRequest(print), None)
    store = open_stores(job)["train"]
    batches = make_batches(job, store, make_preprocessing(plan, store), 2, plan.config.augment)
    shown = list(batches.epoch(1))
    assert [batch.masks.shape for batch in shown] == [(2, 1, 24, 32)] * 3
    masks = store.masks(range(18)).reshape(6, 3, 24, 32)
    expected = (masks == 1).mean(axis=1)
    found = torch.cat([batch.masks for batch in shown])[:, 0].numpy()
    images = {image.tobytes(): place for place, image in enumerate(store.images(range(0, 18, 3)))}
    assert len(images) == 6
    assert sorted(map(np.ndarray.tobytes, found)) == sorted(map(np.ndarray.tobytes, expected.astype(np.float32)))
    assert np.sum((found > 0) & (found < 1)) > 0
    validated = make_batches(job, open_stores(job)["val"], make_preprocessing(plan, store), 1, None)
    assert next(iter(validated.epoch(0))).masks.dtype == torch.int64


@pytest.mark.parametrize(
    ("mode", "size"), [("slices", (16, 16)), ("slab", (16, 16)), ("patches", (8, 8, 8)), ("patches", (16, 40, 40))]
)
def test_the_mean_of_parts_of_volumes(
    toy_registry: Registry, monkeypatch: pytest.MonkeyPatch, mode: str, size: tuple[int, ...]
) -> None:
    """All drawings are cut at one place, ignored outside; a share of the parts lies on a label, as without readers."""
    import segkit_toy_volumes

    blocks: Any = segkit_toy_volumes.Blocks
    cases_of, read_of = blocks.cases, blocks.read

    def cases(self: Any, split: str) -> list[Case]:
        own = cases_of(self, split)
        if split != "train":
            return list(own)
        return [replace(case, id=f"{case.id}@{name}", reading_of=case.id) for case in own for name in MOVED]

    def read(self: Any, case: Case) -> Sample:
        sample = read_of(self, replace(case, id=case.reading_of or case.id))
        moved = MOVED[case.id.partition("@")[2]] if case.reading_of else 0
        return replace(sample, mask=np.roll(sample.mask, moved, axis=2))

    monkeypatch.setattr(blocks, "cases", cases)
    monkeypatch.setattr(blocks, "read", read)
    monkeypatch.setattr(blocks, "averages_readings", True, raising=False)
    said = {"augment.warp": 0.0, "augment.flip": 0.0, "data.foreground": 1.0, "data.patches": 2, "data.size": size}
    plan = make_plan(
        [Layer("flag", {"components.arch": "solid", "components.data": "blocks", "data.mode": mode, **said})],
        toy_registry,
        {},
    )
    job = start_job(plan, Ranks.from_environment(), Progress(), StopRequest(print), None)
    store: Any = open_stores(job)["train"]
    batches = make_batches(job, store, make_preprocessing(plan, store), 4, plan.config.augment)
    assert batches.source.volumes
    sampler = batches.sampler
    assert isinstance(sampler, OneReading)
    chosen = sampler.epoch([], batches.samples, plan.config.run.seed, 1)
    found = torch.cat([batch.masks for batch in batches.epoch(1)])
    for index, (place, target) in enumerate(zip(chosen, found, strict=True)):
        part = batches.source.take(plan.config.run.seed, 1, index, place)
        assert ((part.mask > 0) & (part.mask < 255)).any()
        first = part.case - part.case % len(MOVED)
        drawings = np.stack([store.mask(first + reader)[part.place] for reader in range(len(MOVED))])
        inside = part.inside or (slice(None),) * target[0].ndim
        for label in range(3):
            assert np.allclose(target[label][inside], (drawings == label).mean(0))
        outside = torch.ones(target.shape[1:], dtype=torch.bool)
        outside[inside] = False
        assert bool((target[:, outside] == 255).all())


def test_a_run_on_the_mean_resumes_to_the_same_model(
    averaged: Registry, monkeypatch: pytest.MonkeyPatch, same_when_resumed: Callable[..., object]
) -> None:
    """Stopped within an epoch; another model than that of readers at random; scored on what it was scored on."""
    monkeypatch.setattr("segkit.jobs.run.write_report", lambda *_, **__: None)

    whole, _ = same_when_resumed(partial(plan_of, averaged), averaged)

    assert sorted(whole.summary["readers"]["against"]) == ["one", "three", "two"]


def test_a_loss_that_takes_masks_alone_is_refused(averaged: Registry) -> None:
    """With those that take shares; a sum needs all of its terms to."""
    for loss in ("wide", "bernoulli + 0.5*wide"):
        with pytest.raises(UsageError, match=r"loss wide does not say that it takes soft targets") as caught:
            plan_of(averaged, components__loss=loss)
        assert "take others (bernoulli), or train on one reader at a time" in caught.value.hint


def test_two_datasets_that_differ_in_it_are_refused(averaged: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of the one and one at random of the other; one without readers is anybody's."""
    joint = plan_of(averaged, components__data="squares + more=squares").reader
    assert isinstance(joint, JointReader)
    assert joint.averages_readings is True
    monkeypatch.setattr(joint.parts["more"].reader, "averages_readings", False, raising=False)
    with pytest.raises(SegkitError, match="of squares the mean of its readers would be trained on, of more one drawn"):
        replace_joint(joint)
    monkeypatch.setattr(joint.parts["more"].reader, "cases", lambda split: [])
    assert replace_joint(joint) is True


def replace_joint(joint: JointReader) -> bool:
    """Ask the parts of several datasets anew."""
    return JointReader([*joint.parts.values()], ["images"]).averages_readings
