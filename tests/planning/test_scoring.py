"""From a trained model to what it is scored on, without a model being loaded."""

import json
from pathlib import Path

import pytest

from segkit.config import Kind, Layer, read_file
from segkit.discovery import Registry
from segkit.engine.postprocess import postprocess_record
from segkit.errors import SegkitError, UsageError
from segkit.planning.plan import Plan, make_plan
from segkit.planning.scoring import plan_scoring
from segkit.planning.trained import TrainedModel, from_header, recorded
from segkit.rundir.write import component_versions, params_record


def trained(registry: Registry, *, in_run: bool, **values: object) -> TrainedModel:
    """What scoring is told of a model, as a run writes it down."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    plan = make_plan([Layer("flag", {"components.arch": "net", "components.data": "squares", **flags})], registry, {})
    config = Path("config.toml")
    config.write_text(plan.config.to_toml(), encoding="utf-8")
    components = [
        version | params_record(plan.config, item.component.kind, item.component.name)
        for version, item in zip(component_versions(plan), plan.chosen, strict=True)
    ]
    header = {
        "components": components,
        "loss": plan.config.components.loss,
        "training": {"epochs": plan.config.train.epochs},
        "postprocess": postprocess_record(plan.config.evaluate),
        "preprocessing": {
            "mode": plan.config.data.mode,
            "mirror": plan.config.evaluate.mirror,
            "overlap": plan.config.evaluate.overlap,
        },
        "generated_sample": plan.root.generated,
        "selected_on": "val",
    }
    header = json.loads(json.dumps(header))
    task = plan.reader.task
    return TrainedModel(Path("best.safetensors"), header, plan.task, task, plan.size, config if in_run else None)


def score(
    registry: Registry, model: TrainedModel, data: str | None = None, environ: dict | None = None, **values
) -> Plan:
    """Plan scoring with flags written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    return plan_scoring(model, data, [Layer("--set", flags)], registry, environ or {})


@pytest.mark.parametrize("in_run", [True, False])
def test_a_model_is_scored_as_its_run_was(toy_registry: Registry, in_run: bool) -> None:
    """Overlap, mirroring, post-processing, metrics and their params come from the run, or from the checkpoint alone."""
    model = trained(
        toy_registry,
        in_run=in_run,
        evaluate__overlap=0.25,
        evaluate__mirror=True,
        evaluate__minimum_size=5,
        evaluate__keep_largest="class-1",
        metric__miss__offset=2,
        train__epochs=7,
    )
    config = score(toy_registry, model).config
    assert (config.evaluate.overlap, config.evaluate.mirror, config.evaluate.minimum_size) == (0.25, True, 5)
    assert config.evaluate.keep_largest == ("class-1",)
    assert config.params_of("metric", "miss").offset == 2
    assert config.components.metrics == ("segkit-toy:overlap", "segkit-toy:miss")
    assert config.train.epochs == 7, "the config of scores is true to the model"
    kind = Kind.FILE if in_run else Kind.CHECKPOINT
    assert config.origins["metric.miss.offset"].kind is kind
    assert config.origins["metric.miss.offset"].source == ("config file config.toml" if in_run else "best.safetensors")


@pytest.mark.parametrize("in_run", [True, False])
def test_flags_are_stronger_than_variables_and_these_than_the_model(toy_registry: Registry, in_run: bool) -> None:
    """Model < variable < flag, each with its own name."""
    model = trained(toy_registry, in_run=in_run, evaluate__overlap=0.25)
    environ = {"SEGKIT_EVALUATE_OVERLAP": "0.3", "SEGKIT_TRAIN_EPOCHS": "99"}
    config = score(toy_registry, model, environ=environ).config
    assert (config.evaluate.overlap, config.sources["evaluate.overlap"]) == (0.3, "SEGKIT_EVALUATE_OVERLAP")
    assert config.train.epochs == 3, "what the model is no variable changes"
    config = score(toy_registry, model, environ=environ, evaluate__overlap=0.4).config
    assert (config.evaluate.overlap, config.sources["evaluate.overlap"]) == (0.4, "--set")


@pytest.mark.parametrize("in_run", [True, False])
def test_other_metrics_take_what_the_recipe_says_of_them(toy_registry: Registry, in_run: bool, monkeypatch) -> None:
    """A metric that the run was not scored with is wished for by the recipe; one that it was is as it was."""
    import segkit_toy

    model = trained(toy_registry, in_run=in_run, components__metrics="overlap")
    monkeypatch.setattr(segkit_toy.Squares, "recipe", {**segkit_toy.Squares.recipe, "metric.preset": "ten"})
    config = score(toy_registry, model, components__metrics="overlap,miss").config
    assert (config.params_of("metric", "overlap").offset, config.params_of("metric", "miss").offset) == (0, 10)
    assert config.sources["metric.miss.preset"] == "recipe of squares"


def test_a_checkpoint_of_old_is_read_as_all_said(toy_registry: Registry) -> None:
    """Before a checkpoint said which params were said, all counts; what chose its epoch is not known."""
    model = trained(toy_registry, in_run=False)
    for item in model.header["components"]:
        del item["said"]
    del model.header["selected_on"]
    assert from_header(model).unsaid == {}
    plan = score(toy_registry, model, metric__miss__preset="ten", evaluate__split="val")
    assert plan.config.params_of("metric", "miss").offset == 0
    assert plan.scored.selected_on is None
    assert "not known" in plan.split_note
    assert score(toy_registry, model).scored.selected_on is False


def test_a_field_of_an_earlier_version_leaves_no_model_unscored(toy_registry: Registry) -> None:
    """A run's config may hold what this version does not know of training; of scoring it is an error."""
    model = trained(toy_registry, in_run=True)
    text = Path("config.toml").read_text()
    Path("config.toml").write_text(text.replace("[train]", "[train]\nmomentum_of_old = 3", 1))
    assert "train.momentum_of_old" in read_file(Path("config.toml")).values
    arch = toy_registry.find("arch", "net")
    assert "train.momentum_of_old" not in recorded(model, [arch], is_own=True).values
    assert score(toy_registry, model).split == "test"


def test_losses_need_not_be_at_hand(toy_registry: Registry) -> None:
    """They were needed for training, and their params say nothing of scores."""
    model = trained(toy_registry, in_run=False)
    model.header["loss"] = "somebody:gone"
    plan = score(toy_registry, model)
    assert (plan.losses, plan.config.components.loss) == ((), "somebody:gone")


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"data": "blocks"}, UsageError, "dataset blocks has classes"),
        ({"train__epochs": 3}, UsageError, "train.epochs was decided when the model was trained; scoring takes"),
        ({"components__arch": "net"}, UsageError, "components.arch was decided"),
        ({"explain__layer": "0"}, UsageError, "explain.layer was decided"),
        ({"evaluate__keep_largest": "lesion"}, UsageError, "there is no class 'lesion'"),
        ({"evaluate__split": "all"}, UsageError, "would score training cases"),
        ({"data__root": "nowhere"}, SegkitError, "--set: folder nowhere does not exist"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(toy_registry: Registry, values: dict, error: type, said: str) -> None:
    """Other classes, settings of training, classes that are not there."""
    model = trained(toy_registry, in_run=True)
    with pytest.raises(error, match=said):
        score(toy_registry, model, **values)
