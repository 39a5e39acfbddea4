"""From settings to a plan, with a toy plugin."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from segkit.config import Kind, Layer, Origin
from segkit.discovery import Registry
from segkit.errors import SegkitError, UsageError
from segkit.planning.plan import Plan, choose_mode, make_plan, read_config


def plan_of(registry: Registry, environ: dict[str, str] | None = None, **values: object) -> Plan:
    """Make a plan of flags, written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    chosen = {"components.arch": "net", "components.data": "squares"}
    return make_plan([Layer("flag", chosen | flags)], registry, environ or {})


def test_sample_is_made_named_and_marked(toy_registry: Registry) -> None:
    """Without a root the sample is made, and the run's name says so; its cached folder is not pinned in the config."""
    plan = plan_of(toy_registry)
    assert plan.root.generated
    assert plan.config.run.name == "net-squares-generated-sample"
    assert plan.config.data.root is None
    assert {split: len(cases) for split, cases in plan.cases.items()} == {"train": 6, "val": 3, "test": 3}


def test_precedence_is_defaults_recipe_file_environment_flags(toy_registry: Registry) -> None:
    """Core < architecture < recipe < file < environment < flag, and the config says who won."""
    file = Layer("config file a.toml", {"train.epochs": 7, "train.weight_decay": 0.5, "arch.width": 9}, Kind.FILE)
    flags = Layer("flag", {"components.arch": "net", "components.data": "squares", "arch.width": "11"})
    environ = {"SEGKIT_TRAIN_EPOCHS": "8", "SEGKIT_ARCH_WIDTH": "10"}
    config = make_plan([file, flags], toy_registry, environ).config
    assert (config.train.epochs, config.sources["train.epochs"]) == (8, "SEGKIT_TRAIN_EPOCHS")
    assert (config.train.weight_decay, config.sources["train.weight_decay"]) == (0.5, "config file a.toml")
    assert (config.params_of("arch", "net").width, config.sources["arch.width"]) == (11, "flag")
    assert (config.train.batch_size, config.sources["train.batch_size"]) == (4, "recipe of squares")
    assert (config.train.learning_rate, config.sources["train.learning_rate"]) == (0.05, "default of net")
    assert "train.accumulate" not in config.sources


def test_settings_follow_from_params(toy_registry: Registry) -> None:
    """What an architecture's params ask for is stronger than a recipe and weaker than what is said."""
    assert plan_of(toy_registry).config.data.normalization == "unit"
    config = plan_of(toy_registry, arch__centred=True, data__std="0.5").config
    assert (config.data.normalization, config.data.mean, config.data.std) == ("fixed", (0.5, 0.5, 0.5), (0.5,))
    assert (config.sources["data.mean"], config.sources["data.std"]) == ("params of net", "flag")
    assert (config.train.batch_size, config.sources["train.batch_size"]) == (4, "recipe of squares")


def test_an_impossible_pair_names_what_can(toy_registry: Registry) -> None:
    """The way out is an installed architecture of the right dims."""
    net, cubes = (toy_registry.find(kind, name).component for kind, name in [("arch", "net"), ("data", "cubes")])
    for registry, hint in [
        (Registry(), "install an architecture for it"),
        (toy_registry, "architectures for it: solid$"),
        (Registry.discover(), r"architectures for it: (.*, )?unet(, .*)?$"),
    ]:
        with pytest.raises(UsageError) as raised:
            choose_mode(net, cubes, None, registry)
        assert re.match(hint, raised.value.hint)
        assert "pspnet" not in raised.value.hint


def test_full_names_are_written_down(toy_registry: Registry) -> None:
    """The config names every component by distribution and name."""
    components = plan_of(toy_registry, components__loss="2*bernoulli", components__explainers="glow").config.components
    assert components.arch == "segkit-toy:net"
    assert components.loss == "2*segkit-toy:bernoulli"
    assert components.metrics == ("segkit-toy:overlap", "segkit-toy:miss")
    assert components.explainers == ("segkit-toy:glow",)


def test_what_was_found_is_written_down_with_where_it_came_from(
    toy_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mode follows from the architecture; a folder is pinned, whether a flag or a variable named it."""
    drawn = plan_of(toy_registry)
    assert drawn.config.data.mode == "images"
    assert drawn.config.origins["data.mode"] == Origin(Kind.DERIVED, "first mode that net supports")
    assert drawn.config.origins["data.root"].kind is Kind.DEFAULT
    folder = tmp_path / "mine" / "squares"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "a.npy").touch()
    said = plan_of(toy_registry, data__root=str(folder)).config
    assert (said.data.root, said.origins["data.root"]) == (str(folder), Origin(Kind.FLAG, "flag"))
    monkeypatch.setenv("SEGKIT_DATA", str(folder.parent))
    found = plan_of(toy_registry).config
    assert found.data.root == str(folder)
    assert found.origins["data.root"].kind is Kind.ENVIRONMENT
    assert found.run.name == "net-squares"


def test_scored_split_is_never_the_one_that_selects(toy_registry: Registry) -> None:
    """With a test split validation may select; without one the validation split is scored and nothing is selected."""
    with_test = plan_of(toy_registry)
    assert (with_test.split, with_test.selects) == ("test", True)
    without = plan_of(toy_registry, data__test="false")
    assert (without.split, without.selects) == ("val", False)
    assert "last epoch" in without.split_note
    asked = plan_of(toy_registry, evaluate__split="val")
    assert (asked.split, asked.selects) == ("val", False)
    bare = plan_of(toy_registry, data__test="false", data__val="false")
    assert (bare.split, bare.selects) == ("train", False)
    assert "training cases" in bare.split_note
    overfitted = plan_of(toy_registry, evaluate__split="train")
    assert (overfitted.split, overfitted.split_note) == ("train", "as asked: " + bare.split_note.partition(": ")[2])


def test_no_torch_is_needed_for_a_plan() -> None:
    """A plan, and so every usage error of it, comes before torch."""
    code = "import sys, segkit.planning.plan, segkit.cli.run; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"components.arch": "nett"}, "did you mean 'net'"),
        ({"components.data": "square"}, "did you mean 'squares'"),
        ({"components.loss": "bernouli"}, "did you mean 'bernoulli'"),
        ({"components.metrics": ("overlap", "overlap")}, "named twice"),
        ({"components.metrics": ("dice",)}, "no metric named 'dice'"),
        ({"components.explainers": ("grad-cam",)}, "no explainer named"),
        ({"components.data": "cubes"}, "built for 2D, dataset cubes offers patches"),
        ({"data.mode": "slices"}, "no mode 'slices'"),
        ({"data.size": "16,16,16"}, "3 numbers"),
        ({"data.cases": "0"}, "out of range"),
        ({"data.sise": "9"}, "did you mean 'size'"),
        ({"arch.depth": "3"}, "it takes: width"),
        ({"evaluate.split": "tset"}, "did you mean 'test'"),
        ({"metric.ofset": "1"}, "did you mean 'offset'"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(toy_registry: Registry, values: dict[str, object], said: str) -> None:
    """Unknown names, impossible pairs and values out of range exit with 2 and say what there is."""
    with pytest.raises(UsageError, match=said):
        make_plan([Layer("flag", {"components.arch": "net", "components.data": "squares", **values})], toy_registry, {})


def test_nothing_named_lists_what_is_installed(toy_registry: Registry) -> None:
    """Without --arch the error lists the architectures."""
    with pytest.raises(UsageError, match="no arch was named; say --arch NAME; installed: net"):
        make_plan([], toy_registry, {})


def test_a_root_that_is_wrong_is_an_error(toy_registry: Registry, tmp_path: Path) -> None:
    """A root that was given is never replaced by the sample."""
    with pytest.raises(SegkitError, match="nowhere"):
        plan_of(toy_registry, data__root=str(tmp_path / "nowhere"))
    with pytest.raises(SegkitError, match="no folder train"):
        plan_of(toy_registry, data__root=str(tmp_path))


def test_a_shipped_config_is_found_by_name(toy_registry: Registry) -> None:
    """squares:quick is the file the plugin ships; another name is a usage error that lists it."""
    assert read_config("squares:quick", toy_registry).values["train.epochs"] == 1
    with pytest.raises(UsageError, match="it ships: squares:quick"):
        read_config("squares:slow", toy_registry)
