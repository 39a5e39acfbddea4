"""Settings of what was replaced go with it; what nobody said holds for as long as what it follows from."""

from pathlib import Path

import pytest

from segkit.config import Kind, Layer, read_file
from segkit.discovery import Registry
from segkit.errors import UsageError
from segkit.planning.plan import Plan, make_plan

NAMED = {"components.arch": "net", "components.data": "squares"}


@pytest.fixture
def plan_of(toy_registry: Registry):
    """Make a plan of layers and variables."""

    def make(*layers: Layer, **environ: str) -> Plan:
        return make_plan(layers, toy_registry, environ)

    return make


def written(plan: Plan) -> Layer:
    """The plan's config, written to a file and read again."""
    path = Path("config.toml")
    path.write_text(plan.config.to_toml(), encoding="utf-8")
    return read_file(path)


def file(**values: object) -> Layer:
    """A config file that somebody wrote by hand; "__" stands for a dot."""
    return Layer("config file a.toml", {name.replace("__", "."): value for name, value in values.items()}, Kind.FILE)


def flag(**values: object) -> Layer:
    """Flags."""
    return Layer("flag", {name.replace("__", "."): value for name, value in values.items()})


def test_a_written_config_says_the_same_again(plan_of) -> None:
    """Values and their kinds are as they were, but that what was said is now said by the file."""
    plan = plan_of(Layer("flag", NAMED | {"train.epochs": 9, "metric.miss.preset": "ten"}))
    again = plan_of(written(plan))
    assert again.config.flat() == plan.config.flat()
    before, after = plan.config.origins, again.config.origins
    assert after["train.epochs"].kind is Kind.FILE
    assert after["train.batch_size"] == before["train.batch_size"]
    assert after["train.learning_rate"] == before["train.learning_rate"]
    assert plan_of(written(again)).config.to_toml() == again.config.to_toml()


def test_a_config_of_old_is_read_as_all_said(plan_of) -> None:
    """Before values had kinds there was no table [[origins]]: every value counts, as it did."""
    text = plan_of(Layer("flag", NAMED)).config.to_toml().split("# Where each value came from")[0]
    Path("old.toml").write_text(text, encoding="utf-8")
    layer = read_file(Path("old.toml"))
    assert layer.unsaid == {}
    plan = plan_of(layer, flag(metric__miss__preset="ten"))
    assert plan.config.params_of("metric", "miss").offset == 0
    assert plan.config.origins["train.batch_size"].kind is Kind.FILE


def test_a_preset_decides_what_the_preset_before_decided(plan_of) -> None:
    """`--config RUN/config.toml --set metric.miss.preset=ten` is that convention, and said params stay said."""
    base = written(plan_of(Layer("flag", NAMED)))
    assert base.values["metric.miss.offset"] == 0
    plan = plan_of(base, flag(metric__miss__preset="ten"))
    assert [plan.config.params_of("metric", name).offset for name in ("overlap", "miss")] == [0, 10]
    assert plan_of(base, SEGKIT_METRIC_PRESET="ten").config.params_of("metric", "overlap").offset == 10
    base = written(plan_of(Layer("flag", NAMED | {"metric.miss.offset": 3})))
    plan = plan_of(base, flag(metric__preset="ten"))
    assert [plan.config.params_of("metric", name).offset for name in ("overlap", "miss")] == [10, 3]


def test_what_follows_from_params_follows_again(plan_of) -> None:
    """What centred weights wished goes with them, and comes with them."""
    base = written(plan_of(Layer("flag", NAMED | {"arch.centred": True})))
    config = plan_of(base, flag(arch__centred=False)).config
    assert (config.data.normalization, config.data.mean) == ("unit", ())
    base = written(plan_of(Layer("flag", NAMED)))
    config = plan_of(base, flag(arch__centred=True)).config
    assert (config.data.normalization, config.sources["data.normalization"]) == ("fixed", "params of net")
    base = written(plan_of(Layer("flag", NAMED | {"data.normalization": "image"})))
    assert plan_of(base, flag(arch__centred=True)).config.data.normalization == "image"


def test_a_value_changed_by_hand_is_said(plan_of) -> None:
    """Whoever edits a run's config.toml says what they write."""
    text = plan_of(Layer("flag", NAMED)).config.to_toml()
    Path("edited.toml").write_text(text.replace("batch_size = 4 ", "batch_size = 2 ", 1), encoding="utf-8")
    config = plan_of(read_file(Path("edited.toml")), flag(arch__width=3)).config
    assert (config.train.batch_size, config.origins["train.batch_size"].kind) == (2, Kind.FILE)


def test_a_repeated_run_does_not_follow_later_versions_of_a_recipe(plan_of, monkeypatch) -> None:
    """What the recipe wished then holds while nothing is changed, and is asked for again where the dataset is."""
    base = written(plan_of(Layer("flag", NAMED)))
    import segkit_toy

    monkeypatch.setattr(segkit_toy.Squares, "recipe", {**segkit_toy.Squares.recipe, "train.batch_size": 3})
    assert plan_of(base, flag(train__epochs=5)).config.train.batch_size == 4
    assert plan_of(base, flag(data__cases=5)).config.train.batch_size == 3


@pytest.mark.parametrize("kept", ["by hand", "written"])
def test_params_of_what_was_replaced_go_with_it(plan_of, kept: str) -> None:
    """Another architecture, loss, metric or dataset, or no explainer: the file's params of the one before are gone."""
    values = {
        **NAMED,
        "components.loss": "bernoulli",
        "components.metrics": ("overlap", "miss"),
        "components.explainers": ("glow",),
        "arch.width": 9,
        "data.cases": 5,
        "metric.miss.offset": 2.0,
        "explainer.glow.power": 2.0,
        "explain.layer": "0",
        "train.selection": "miss",
        "evaluate.keep_largest": ("class-1",),
    }
    base = Layer("config file a.toml", values, Kind.FILE)
    base = base if kept == "by hand" else written(plan_of(base))
    assert plan_of(base).config.params_of("data", "squares").cases == 5
    config = plan_of(base, flag(components__arch="supervised")).config
    assert "arch.width" not in config.flat()
    assert config.explain.layer is None
    config = plan_of(base, flag(components__metrics="overlap")).config
    assert config.train.selection is None
    assert not [name for name in config.flat() if "miss" in name]
    assert plan_of(base, flag(components__explainers="none")).config.component_params.keys() == {
        ("arch", "net"), ("data", "squares"), ("loss", "bernoulli"), ("metric", "overlap"), ("metric", "miss"),
    }  # fmt: skip
    config = plan_of(base, flag(components__data="blocks"), flag(components__arch="solid")).config
    assert (config.data.root, config.evaluate.keep_largest, "data.coarse" in config.flat()) == (None, (), True)
    assert plan_of(base, SEGKIT_COMPONENTS_METRICS="overlap").config.train.selection is None
    assert plan_of(base, flag(components__metrics="miss")).config.train.selection == "miss"


def test_a_loss_s_params_of_a_file_go_where_another_is_chosen(plan_of) -> None:
    """One common file for losses that are compared: each takes its own part."""
    base = file(loss__wide__nothing=1, **{name.replace(".", "__"): value for name, value in NAMED.items()})
    assert plan_of(base, flag(components__loss="bernoulli")).config.components.loss == "segkit-toy:bernoulli"
    with pytest.raises(UsageError, match=r"config file a.toml: loss \(bernoulli\) has no 'wide.nothing'"):
        plan_of(base, file(components__loss="bernoulli"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"metric.miss.offset": "1", "components.metrics": "overlap"}, "flag: metric .overlap. has no 'miss.offset'"),
        ({"arch.width": "1", "components.arch": "supervised"}, "flag: arch .supervised. has no 'width'"),
        ({"explainer.glow.power": "2"}, "flag: explainer has no 'glow.power'"),
    ],
)
def test_a_flag_for_what_was_not_chosen_is_an_error(plan_of, values: dict[str, str], said: str) -> None:
    """Nothing that was asked for is dropped."""
    with pytest.raises(UsageError, match=said):
        plan_of(Layer("flag", NAMED | values))


def test_params_beside_no_choice_are_for_whatever_is_chosen(plan_of) -> None:
    """A file that names no architecture speaks of the one that the flag names; what that lacks is an error."""
    assert plan_of(file(arch__width=7), Layer("flag", NAMED)).config.params_of("arch", "net").width == 7
    with pytest.raises(UsageError, match=r"config file a\.toml: arch"):
        plan_of(file(arch__depth=7), Layer("flag", NAMED))


def test_a_sample_s_recipe_does_not_outlive_the_sample(plan_of, monkeypatch) -> None:
    """Where a run was on a generated sample and data are found now, their recipe is asked for."""
    base = written(plan_of(Layer("flag", NAMED)))
    import segkit_toy

    segkit_toy.Squares.make_sample(Path("found/squares"), segkit_toy.DataParams())
    monkeypatch.setattr(segkit_toy.Squares, "recipe", {**segkit_toy.Squares.recipe, "train.batch_size": 3})
    assert plan_of(base).config.train.batch_size == 4
    monkeypatch.setenv("SEGKIT_DATA", "found")
    assert plan_of(base).config.train.batch_size == 3


def test_one_number_for_all_sides_stays_one(plan_of) -> None:
    """A size that was said of squares is one of cubes, too, where an architecture of volumes takes the place."""
    plan = plan_of(Layer("flag", NAMED | {"data.size": "16"}))
    assert (plan.size, plan.config.data.size) == ((16, 16), (16,))
    plan = plan_of(written(plan), flag(components__data="blocks", components__arch="solid", data__mode="patches"))
    assert plan.size == (16, 16, 16)


def test_a_run_is_named_after_what_it_is_made_of(plan_of) -> None:
    """A name that nobody said does not stay with the next architecture; one that was said does."""
    base = written(plan_of(Layer("flag", NAMED)))
    assert plan_of(base, flag(components__arch="supervised")).config.run.name == "supervised-squares-generated-sample"
    base = written(plan_of(Layer("flag", NAMED | {"run.name": "mine"})))
    assert plan_of(base, flag(components__arch="supervised")).config.run.name == "mine-generated-sample"
