"""The rule of settings once more, field by field and as plainly as can be: what `segkit.planning` is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from segkit_lattice import DEFAULTS, RECIPES

PARAMS: dict[tuple[str, str], dict[str, Any]] = {
    ("arch", "thin"): {"width": 4, "centred": False},
    ("arch", "deep"): {"width": 8, "depth": 2},
    ("data", "north"): {"shade": 1},
    ("data", "south"): {"shade": 1},
    ("loss", "soft-dice"): {"smooth": 0.0, "gamma": 2.0},
    ("loss", "entropy"): {"smooth": 0.0, "gamma": 2.0},
    ("metric", "hit"): {"preset": None, "offset": None},
    ("metric", "rate"): {"preset": None, "offset": None},
    ("metric", "bare"): {"smooth": 0.0, "gamma": 2.0},
    ("explainer", "glow"): {"power": 1},
    ("explainer", "ray"): {"power": 1},
}
CORE: dict[str, Any] = {
    "train.epochs": 20,
    "train.batch_size": 8,
    "train.weight_decay": 1e-4,
    "train.warmup": 0.1,
    "train.selection": None,
    "data.normalization": "unit",
    "evaluate.overlap": 0.5,
    "evaluate.minimum_size": 0,
    "evaluate.keep_largest": (),
    "explain.layer": None,
}
MODES = {"north": ("images", "montage"), "south": ("images",)}
FIELDS = {"loss": "components.loss", "metric": "components.metrics", "explainer": "components.explainers"}
KINDS = ("default", "recipe", "derived", "checkpoint", "file", "environment", "flag")
OFFSETS = {"one": 1, "ten": 10, None: 0}


class RefusedError(Exception):
    """What was said cannot be meant; its name is the argument."""


@dataclass(frozen=True)
class Value:
    """A value, and where it came from."""

    value: Any
    kind: str = "default"
    source: str = "core default"


@dataclass(frozen=True)
class Source:
    """What one kind of source says: values by dotted name, each with its own label where it has one.

    Attributes:
        unsaid: of a written config, where values that nobody said came from.
    """

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    unsaid: Mapping[str, Value] = field(default_factory=dict)

    def says(self, name: str) -> Value:
        """Its value of a name."""
        return self.unsaid.get(name) or Value(self.values[name], self.kind, self.labels.get(name, self.label))


def short(name: Any) -> str:
    """A component's name without its distribution."""
    return str(name).rpartition(":")[2]


def prefix(section: str, name: str) -> str:
    """What stands before a param."""
    return f"{section}." if section in ("arch", "data") else f"{section}.{name}."


def listed(value: Any) -> tuple[str, ...]:
    """Names of components, as any source writes them."""
    parts = value.replace("+", ",").split(",") if isinstance(value, str) else value or ()
    return tuple(short(part.strip()) for part in parts if part.strip() not in ("", "none"))


@dataclass(frozen=True)
class Chosen:
    """What a run is made of."""

    arch: str
    data: str
    mode: str
    loss: tuple[str, ...]
    metric: tuple[str, ...]
    explainer: tuple[str, ...]

    def components(self) -> Iterator[tuple[str, str]]:
        """Every component, with its section."""
        yield from (("arch", self.arch), ("data", self.data))
        for section in FIELDS:
            yield from ((section, name) for name in getattr(self, section))


def resolve_run(file: Source, environ: Source, flags: Source) -> dict[str, Value]:
    """Every value of a run that the rule comes to; raises RefusedError where what was said cannot be meant."""
    arch, data = (named(f"components.{section}", (flags, environ, file)) for section in ("arch", "data"))
    # Variables that name no param of what was chosen are nobody's.
    environ = heard(environ, {("arch", arch), ("data", data)}, ("arch", "data"))
    another = any(speaks_of_another(file, section, name) for section, name in (("arch", arch), ("data", data)))
    environ = without_belongings(environ, arch, data)
    above = (flags, environ)
    anew = another or any(decides(name) for source in above for name in source.values)
    file = without(without_belongings(file, arch, data), file.unsaid if anew else ())
    mode = next(
        (source.values["data.mode"] for source in (*above, file) if "data.mode" in source.values), MODES[data][0]
    )
    if mode not in MODES[data]:
        raise RefusedError("data.mode")
    recipe = {name: value for name, value in RECIPES[data].items() if name != "montage"}
    recipe |= RECIPES[data].get("montage", {}) if mode == "montage" else {}
    wishes = [
        Source("recipe", recipe, label=f"recipe of {data}"),
        Source("default", DEFAULTS[arch], label=f"default of {arch}"),
    ]
    parts, decided = {}, {}
    for section, name in FIELDS.items():
        found = next((source for source in (*above, file, *wishes) if name in source.values), None)
        parts[section] = listed(found.values[name]) if found else ()
        decided[section] = KINDS.index(found.kind) if found else 0
    if not parts["metric"]:
        raise RefusedError("components.metrics")
    chosen = Chosen(arch, data, mode, **parts)
    environ = heard(environ, set(chosen.components()), ("loss", "metric", "explainer"))
    check_reach(flags, chosen, decided)
    file = check_reach(file, chosen, decided)
    sources = [flags, *(without_selection(source, chosen, decided["metric"]) for source in (environ, file)), *wishes]
    found = {}
    for section, name in chosen.components():
        found |= params_of(section, name, sources)
    derived = {}
    if arch == "thin" and found["arch.centred"].value:
        derived = {"data.normalization": "dataset", "train.warmup": 0.5}
    sources.insert(3, Source("derived", derived, label=f"params of {arch}"))
    for name, default in CORE.items():
        found[name] = next((source.says(name) for source in sources if name in source.values), Value(default))
    return found


def resolve_scoring(
    record: Source, data: str, mode: str, arch: str, environ: Source, flags: Source
) -> dict[str, Value]:
    """The values of scoring that the rule comes to, for a model on its own data."""
    recipe = {name: value for name, value in RECIPES[data].items() if name != "montage"}
    recipe |= RECIPES[data].get("montage", {}) if mode == "montage" else {}
    wishes = [
        Source("recipe", recipe, label=f"recipe of {data}"),
        Source("default", DEFAULTS[arch], label=f"default of {arch}"),
    ]
    sources = [flags, record, *wishes]
    found = next(source for source in sources if "components.metrics" in source.values)
    metrics = listed(found.values["components.metrics"])
    chosen = Chosen(arch, data, mode, (), metrics, ())
    environ = heard(environ, set(chosen.components()), ("metric", "evaluate"))
    check_reach(flags, chosen, {"metric": KINDS.index("flag")})
    values = {}
    for name in metrics:
        values |= params_of("metric", name, [flags, environ, record, *wishes])
    for name in ("evaluate.overlap", "evaluate.minimum_size"):
        said = (source.says(name) for source in (flags, environ, record, *wishes) if name in source.values)
        values[name] = next(said, Value(CORE[name]))
    return values


def params_of(section: str, name: str, sources: Sequence[Source]) -> dict[str, Value]:
    """The params of one component."""
    known, head = PARAMS[section, name], prefix(section, name)
    spoken_of = any(
        reaches(said, section, name)
        for source in sources
        if source.kind in ("flag", "environment")
        for said in source.values
    )
    found = {}
    for param, default in known.items():
        found[head + param] = Value(default)
        for source in sources:
            # What nobody said of a component follows anew once somebody says any of its params.
            stale = source.unsaid if spoken_of and section in FIELDS else ()
            said = next(
                (full for full in (head + param, f"{section}.{param}") if full in source.values and full not in stale),
                None,
            )
            if said:
                found[head + param] = source.says(said)
                break
    if "preset" in known and found[head + "offset"].value is None:
        found[head + "offset"] = Value(OFFSETS[found[head + "preset"].value])
    return found


def reaches(name: str, section: str, component: str) -> bool:
    """Whether a dotted name sets a param of a component."""
    return name in {f"{section}.{param}" for param in PARAMS[section, component]} | {
        prefix(section, component) + param for param in PARAMS[section, component]
    }


def of(name: str, section: str) -> bool:
    """Whether a name is a param of an architecture or dataset."""
    return any(reaches(name, *key) for key in PARAMS if key[0] == section)


def decides(name: str) -> bool:
    """Whether recipes and wishes follow from it."""
    return name == "data.mode" or of(name, "arch") or of(name, "data")


def without(source: Source, names: Iterable[str]) -> Source:
    """A source that does not say some things."""
    left_out = set(names)
    kept = {name: value for name, value in source.values.items() if name not in left_out}
    return Source(source.kind, kept, source.labels, source.label, source.unsaid)


def speaks_of_another(source: Source, section: str, chosen: str) -> bool:
    """Whether a source names another architecture or dataset than was chosen."""
    field_name = f"components.{section}"
    return field_name in source.values and short(source.values[field_name]) != chosen


def without_belongings(source: Source, arch: str, data: str) -> Source:
    """A source without what belongs to the architecture or dataset that it names and that was not chosen."""
    gone: list[str] = []
    if speaks_of_another(source, "arch", arch):
        gone += ["explain.layer", *(name for name in source.values if of(name, "arch"))]
    if speaks_of_another(source, "data", data):
        gone += ["data.mode", "evaluate.keep_largest", *(name for name in source.values if of(name, "data"))]
    return without(source, gone)


def without_selection(source: Source, chosen: Chosen, decided: int) -> Source:
    """A source without a metric to select by that a stronger one left out."""
    gone = decided > KINDS.index(source.kind) and source.values.get("train.selection") not in chosen.metric
    return without(source, ["train.selection"] if gone else [])


def named(name: str, sources: Sequence[Source]) -> str:
    """The architecture or dataset that the strongest source names."""
    return next((short(source.values[name]) for source in sources if name in source.values), "") or refuse(name)


def refuse(name: str) -> str:
    """What cannot be done without."""
    raise RefusedError(name)


def heard(environ: Source, components: set[tuple[str, str]], sections: Sequence[str]) -> Source:
    """The variables that say something here."""
    kept = {
        name: value
        for name, value in environ.values.items()
        if name.split(".")[0] not in sections or name in CORE or name.startswith("components.") or name == "data.mode"
        or any(reaches(name, *component) for component in components)
    }  # fmt: skip
    return Source(environ.kind, kept, environ.labels)


def check_reach(source: Source, chosen: Chosen, decided: Mapping[str, int]) -> Source:
    """Leave out params of what a stronger source replaced; raises RefusedError for those of nothing that is chosen."""
    kept = {}
    for name, value in source.values.items():
        section = name.split(".")[0]
        is_param = any(key[0] == section for key in PARAMS) and name not in CORE and name != "data.mode"
        if not is_param or any(reaches(name, *component) for component in chosen.components()):
            kept[name] = value
        elif section not in FIELDS or decided[section] <= KINDS.index(source.kind):
            raise RefusedError(name)
    return Source(source.kind, kept, source.labels, source.label, source.unsaid)
