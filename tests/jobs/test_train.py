"""What training decides before its first step, and when it is gone on with."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from torch import nn

from segkit.config import Layer
from segkit.discovery import Registry
from segkit.errors import UsageError
from segkit.jobs.train import identity, lighter, selection, shared_settings, synchronised
from segkit.planning.build import build_metrics
from segkit.planning.plan import Plan, make_plan
from segkit.settings import Train


def plan_of(registry: Registry, **values: object) -> Plan:
    """Make a plan of flags, written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    return make_plan([Layer("flag", {"components.arch": "net", "components.data": "squares", **flags})], registry, {})


@pytest.mark.parametrize(
    ("batch", "accumulate", "said"),
    [
        (8, 1, "give --batch-size 4, or --set train.accumulate=2 (steps in more parts), or a smaller --size; "),
        (2, 3, "give --batch-size 1, or --set train.accumulate=6 (steps in more parts), or a smaller --size; "),
        (1, 1, "give --set train.accumulate=2 (steps in more parts), or a smaller --size; "),
    ],
)
def test_what_takes_less_memory_is_named(batch: int, accumulate: int, said: str) -> None:
    """A batch of one cannot be halved; the command that finds what fits is named."""
    settings = SimpleNamespace(batch_size=batch, accumulate=accumulate)
    data = SimpleNamespace(component=SimpleNamespace(name="squares"))
    plan = SimpleNamespace(config=SimpleNamespace(train=settings), data=data)
    assert lighter(SimpleNamespace(plan=plan)) == f"{said}segkit plan --data squares finds what fits"


def test_a_step_grows_with_the_processes_only_where_that_was_asked_for() -> None:
    """Batch size and learning rate together."""
    settings, ranks = Train(batch_size=6, learning_rate=0.5), SimpleNamespace(count=4)
    assert shared_settings(settings, ranks) == settings
    grown = shared_settings(replace(settings, scale_with_ranks=True), ranks)
    assert (grown.batch_size, grown.learning_rate) == (24, 2.0)


def test_the_epoch_is_chosen_by_the_main_metric_unless_another_is_named(toy_registry: Registry) -> None:
    """With the metric's direction; never on the split that is scored; a metric that is not the run's is refused."""

    def selected(**values: object) -> tuple[str, bool] | None:
        plan = plan_of(toy_registry, **values)
        return selection(plan, build_metrics(plan))

    assert selected() == ("overlap@store", True)
    assert selected(train__selection="miss") == ("miss@store", False)
    assert selected(evaluate__split="val") is None
    assert selected(data__test=False) is None
    assert selected(data__val=False) is None
    with pytest.raises(UsageError, match=r"train\.selection=distance is not among the run's metrics"):
        selected(train__selection="distance")


def test_a_state_is_of_its_settings_and_of_the_cases_of_every_split(toy_registry: Registry) -> None:
    """Of what was trained on its contents, of other splits which cases they are."""
    plan = plan_of(toy_registry, run__seed=5)
    stores = {split: SimpleNamespace(fingerprint=split * 8) for split in ("train", "val")}
    told = identity(plan, stores)
    assert told["settings"]["run.seed"] == 5
    assert told["data of split train"] == "6 cases (traintraintraint)"
    assert told["data of split test"].startswith("3 cases (")
    fewer = plan_of(toy_registry, data__cases=5)
    assert identity(fewer, stores)["data of split test"] == told["data of split test"]
    renamed = replace(plan, cases={**plan.cases, "test": plan.cases["val"]})
    assert identity(renamed, stores)["data of split test"] != told["data of split test"]
    assert identity(plan, {**stores, "train": stores["val"]})["data of split train"] != told["data of split train"]


def test_batch_normalisation_over_processes_needs_cuda() -> None:
    """On the CPU it is refused."""
    job = SimpleNamespace(device=SimpleNamespace(type="cpu"), ranks=SimpleNamespace(count=2))
    with pytest.raises(UsageError, match="CUDA only"):
        synchronised(None, job, 8, 4)


@pytest.mark.parametrize(("samples", "batch", "ranks", "fits"), [(10, 4, 2, True), (9, 4, 2, False), (8, 2, 3, False)])
def test_the_last_step_has_a_sample_for_every_process(samples, batch, ranks, fits):
    """As many samples as processes are enough; fewer are refused before training."""
    job = SimpleNamespace(device=SimpleNamespace(type="cuda"), ranks=SimpleNamespace(count=ranks))
    if fits:
        assert isinstance(synchronised(nn.Sequential(nn.BatchNorm2d(2)), job, samples, batch)[0], nn.SyncBatchNorm)
    else:
        with pytest.raises(UsageError, match="the last step of an epoch has"):
            synchronised(nn.Sequential(nn.BatchNorm2d(2)), job, samples, batch)
