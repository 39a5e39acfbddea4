"""Settings of every kind, with components replaced at every level, against a plain model of the rule."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from segkit.config import Config, Kind, Layer, read_file
from segkit.declarations import Task
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry
from segkit.errors import UsageError
from segkit.planning.environment import variable
from segkit.planning.plan import Plan, make_plan
from segkit.planning.scoring import plan_scoring
from segkit.planning.trained import TrainedModel
from segkit.rundir.write import params_record

TOY = Path(__file__).resolve().parents[1] / "toy"
SAID: dict[str, list[Any]] = {
    "components.loss": ["soft-dice", "entropy", "soft-dice + entropy"],
    "components.metrics": ["hit", "rate", "hit,rate", "bare,hit"],
    "components.explainers": ["glow", "ray", "none"],
    "data.mode": ["images", "montage"],
    "train.epochs": [1, 2, 3],
    "train.batch_size": [4, 5],
    "train.weight_decay": [0.5, 0.75],
    "train.warmup": [0.25],
    "train.selection": ["hit", "rate"],
    "data.normalization": ["unit", "image"],
    "evaluate.overlap": [0.1, 0.2],
    "evaluate.minimum_size": [7, 8],
    "explain.layer": ["a", "b"],
    "arch.width": [32, 33],
    "arch.depth": [5],
    "arch.centred": [True, False],
    "data.shade": [2, 3],
    "loss.smooth": [0.125],
    "loss.soft-dice.gamma": [3.5],
    "loss.entropy.smooth": [0.75],
    "metric.preset": ["one", "ten"],
    "metric.hit.preset": ["one", "ten"],
    "metric.rate.offset": [4, 5],
    "metric.hit.offset": [2],
    "metric.bare.gamma": [6.5],
    "explainer.power": [3],
    "explainer.ray.power": [4],
}
FITTING = {"thin": ("arch.width", "arch.centred"), "deep": ("arch.width", "arch.depth")}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The components that say nothing but settings, and two folders that stand for their data."""
    place = tmp_path_factory.mktemp("lattice")
    for name in ("north", "south"):
        (place / "data" / name).mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("SEGKIT_DATA", str(place / "data"))
        patch.setenv("SEGKIT_CACHE", str(place / "cache"))
        patch.chdir(place)
        made = Registry()
        made.add(Plugin("segkit-lattice", "1.0", EntryPoint("lattice", "segkit_lattice", "segkit")))
        assert not made.failed, made.failed[0].reason
        yield made


def drawn(dice: random.Random, *, often: float, names: bool) -> dict[str, Any]:
    """What one source says."""
    arch = dice.choice(["thin", "deep"])
    values: dict[str, Any] = {name: dice.choice(what) for name, what in SAID.items() if dice.random() < often}
    if names or dice.random() < often:
        values["components.arch"] = arch
    if names or dice.random() < often:
        values["components.data"] = dice.choice(["north", "south"])
    if "components.arch" in values and dice.random() < 0.8:
        values = {
            name: value for name, value in values.items() if not name.startswith("arch.") or name in FITTING[arch]
        }
    return values


def text(value: Any) -> str:
    """A value as variables and flags hold it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def layers_of(flags: Mapping[str, Any]) -> list[Layer]:
    """Flags as commands make them: options one by one, the params together."""
    own = {name: text(value) for name, value in flags.items() if name.startswith("components.")}
    rest = {name: text(value) for name, value in flags.items() if name not in own}
    return [*(Layer(f"--{name.split('.')[1]}", {name: value}) for name, value in own.items()), Layer("--set", rest)]


def labels(flags: Mapping[str, Any]) -> dict[str, str]:
    """What flags are called."""
    return {name: f"--{name.split('.')[1]}" if name.startswith("components.") else "--set" for name in flags}


def shown(config: Config) -> dict[str, tuple[Any, str, str]]:
    """Every value with its kind and source, as the model has them."""
    flat = {name: None if value == "none" else value for name, value in config.flat().items()}
    origins = {name: config.origin(name) for name in flat}
    return {name: (value, origins[name].kind.name.lower(), origins[name].source) for name, value in flat.items()}


def compare(config: Config, expected: Mapping[str, Any], seen: str) -> None:
    """Assert that values and sources are the model's, and no param of anything else is there."""
    found = shown(config)
    for name, value in expected.items():
        wanted = [*value.value] if isinstance(value.value, tuple) else value.value
        assert found[name] == (wanted, value.kind, value.source), f"{name}: {seen}"
    heads = ("arch.", "loss.", "metric.", "explainer.")
    assert {name for name in found if name.startswith(heads)} - set(expected) == set(), seen


def resolved(source: Any, environ: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """What the model says of a run."""
    import lattice

    variables = lattice.Source("environment", environ, {name: variable(name) for name in environ})
    return lattice.resolve_run(source, variables, lattice.Source("flag", flags, labels(flags)))


def mend(dice: random.Random, values: dict[str, Any], *given: Any) -> None:
    """Leave out of some values, most of the time, what is refused: else few combinations would be resolved at all."""
    import lattice

    while dice.random() < 0.97:
        try:
            resolved(*given)
            return
        except lattice.RefusedError as error:
            if values.pop(error.args[0], None) is None:
                return


def combination(seed: int, registry: Registry, seen: Counter[str]) -> None:
    """Draw a run and what is made of its config file and of its checkpoint, and hold both against the model."""
    import lattice

    dice = random.Random(seed)
    file = drawn(dice, often=0.25, names=True) if dice.random() < 0.7 else {}
    written, source = None, lattice.Source("file", file, label="config file hand.toml")
    layer = Layer("config file hand.toml", file, Kind.FILE)
    for level in range(3):
        environ = drawn(dice, often=0.06, names=False)
        flags = drawn(dice, often=0.12, names=not file and written is None)
        for values in (flags, file if written is None else {}, environ):
            mend(dice, values, source, environ, flags)
        variables = {variable(name): text(value) for name, value in environ.items()}
        about = f"seed {seed}, level {level}: file {dict(source.values)}, environ {environ}, flags {flags}"
        try:
            expected = resolved(source, environ, flags)
        except lattice.RefusedError:
            seen["refused"] += 1
            with pytest.raises(UsageError):
                make_plan([layer, *layers_of(flags)], registry, variables)
            continue
        plan = make_plan([layer, *layers_of(flags)], registry, variables)
        compare(plan.config, expected, about)
        seen[("a first run", "a run of its config", "a run of that one's config")[level]] += 1
        if dice.random() < 0.5:
            scoring(dice, registry, plan, expected, seen, about)
        path = Path("config.toml")
        path.write_text(plan.config.to_toml(), encoding="utf-8")
        written, layer = path, read_file(path)
        names = {
            "components.arch": plan.arch.component.name,
            "components.data": plan.data.component.name,
            "components.loss": " + ".join(str(term) for term, _ in plan.losses),
            "components.metrics": tuple(found.component.name for found in plan.metrics),
            "components.explainers": tuple(found.component.name for found in plan.explainers),
            "data.mode": plan.config.data.mode,
        }
        every = {
            **{name: lattice.Value(value, *shown(plan.config)[name][1:]) for name, value in names.items()},
            **expected,
        }
        unsaid = {name: value for name, value in every.items() if value.kind in lattice.KINDS[:3]}
        source = lattice.Source(
            "file", {name: value.value for name, value in every.items()}, label="config file config.toml", unsaid=unsaid
        )


def scoring(
    dice: random.Random, registry: Registry, plan: Plan, expected: Mapping[str, Any], seen: Counter[str], about: str
) -> None:
    """Score the run's model from its run and from its checkpoint alone."""
    import lattice

    in_run = dice.random() < 0.5
    path = Path("run.toml")
    path.write_text(plan.config.to_toml(), encoding="utf-8")
    components = [
        {"kind": item.component.kind, "name": item.full_name, "version": "1.0"}
        | params_record(plan.config, item.component.kind, item.component.name)
        for item in plan.chosen
    ]
    header = {
        "components": components,
        "loss": plan.config.components.loss,
        "postprocess": {"minimum_size": plan.config.evaluate.minimum_size},
        "preprocessing": {"mode": plan.config.data.mode, "overlap": plan.config.evaluate.overlap},
        "selected_on": "val",
    }
    task = Task(1, plan.task.classes)
    model = TrainedModel(Path("best.safetensors"), header, task, task, plan.size, path if in_run else None)
    own = ("metric", "evaluate")
    environ = {name: value for name, value in drawn(dice, often=0.1, names=False).items() if name.split(".")[0] in own}
    flags = drawn(dice, often=0.2, names=False)
    flags = {name: value for name, value in flags.items() if name.split(".")[0] in own or name == "components.metrics"}
    names = [found.component.name for found in plan.metrics]
    kept = {name: value for name, value in expected.items() if name.split(".")[0] in own}
    if in_run:
        unsaid = {name: value for name, value in kept.items() if value.kind in lattice.KINDS[:3]}
        kind, label = "file", "config file run.toml"
    else:
        params = [name for name in kept if name.startswith("metric.")]
        unsaid = {name: lattice.Value(kept[name].value) for name in params if kept[name].kind in lattice.KINDS[:3]}
        kind, label = "checkpoint", "best.safetensors"
    values = {"components.metrics": ",".join(names), **{name: value.value for name, value in kept.items()}}
    about += f"; scored {'in its run' if in_run else 'alone'}: environ {environ}, flags {flags}"
    where = (plan.data.component.name, str(plan.config.data.mode), plan.arch.component.name)
    given = (model, None, layers_of(flags), registry, {variable(name): text(value) for name, value in environ.items()})
    try:
        wanted = lattice.resolve_scoring(
            lattice.Source(kind, values, label=label, unsaid=unsaid),
            *where,
            lattice.Source("environment", environ, {name: variable(name) for name in environ}),
            lattice.Source("flag", flags, labels(flags)),
        )
    except lattice.RefusedError:
        seen["refused"] += 1
        with pytest.raises(UsageError):
            plan_scoring(*given)
        return
    config = plan_scoring(*given).config
    found = {name: value for name, value in shown(config).items() if name.split(".")[0] in own}
    for name, value in wanted.items():
        assert found[name] == (value.value, value.kind, value.source), f"{name}: {about}"
    assert {name for name in found if name.startswith("metric.")} - set(wanted) == set(), about
    seen["scored in its run" if in_run else "scored alone"] += 1


@pytest.mark.parametrize("block", range(3))
def test_settings_come_to_what_a_plain_model_says(registry: Registry, block: int, monkeypatch) -> None:
    """Resolved value and named source of every setting, or a refusal, of a hundred combinations."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    seen: Counter[str] = Counter()
    for seed in range(100 * block, 100 * (block + 1)):
        combination(seed, registry, seen)
    assert min(seen[name] for name in ("a first run", "a run of its config", "refused", "scored alone")) >= 15, seen


@pytest.mark.full
def test_settings_of_thousands_of_combinations(registry: Registry, monkeypatch) -> None:
    """The same of 5,000."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    seen: Counter[str] = Counter()
    for seed in range(1_000, 6_000):
        combination(seed, registry, seen)
    print(dict(seen))
