"""The run's config: typed settings, layered by precedence, TOML in and out."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segkit import params
from segkit.declarations.parts import PARTS
from segkit.errors import SegkitError, UsageError, did_you_mean
from segkit.files import parse_toml, read_text
from segkit.settings import SECTIONS, Augment, Components, Data, Evaluate, Explain, Run, Start, Train

FORMAT = 1
SETTINGS_OF_PARTS = {kind: part.setting for kind, part in PARTS.items() if part.setting}
"""The fields that name parts, by the section of their params."""
PARAM_SECTIONS = ("arch", "data", "loss", "metric", "explainer", *SETTINGS_OF_PARTS)
"""Sections that hold the params of components; `data` holds the core's own fields beside them."""
NAMED_SECTIONS = ("loss", "metric", "explainer", *SETTINGS_OF_PARTS)
"""Param sections with several components: [loss.dice]."""
OTHER_NAMES = {
    **dict.fromkeys(("lr", "rate", "base_lr", "max_lr"), "learning_rate"),
    **dict.fromkeys(("wd", "decay"), "weight_decay"),
    **dict.fromkeys(("bs", "batch", "batchsize"), "batch_size"),
    **dict.fromkeys(("num_epochs", "max_epochs", "n_epochs"), "epochs"),
    **dict.fromkeys(("num_workers", "n_workers"), "workers"),
    **dict.fromkeys(("img_size", "image_size", "input_size", "patch_size", "crop_size"), "size"),
    **dict.fromkeys(("optim", "opt"), "optimizer"),
    **dict.fromkeys(("scheduler", "lr_schedule", "lr_scheduler"), "schedule"),
    **dict.fromkeys(("amp", "mixed_precision"), "autocast"),
    **dict.fromkeys(("clip", "grad_clip", "clip_grad"), "gradient_clip"),
    **dict.fromkeys(("ema", "ema_decay"), "average"),
    **dict.fromkeys(("tta",), "mirror"),
    **dict.fromkeys(("hflip", "flips", "horizontal_flip"), "flip"),
}
"""What other tools call the core's fields; a wrong name that is one of these is told the right one."""
RATES = "train.rates."
"""What begins the rate of one part, whose name the architecture gives."""
ORIGINS = "origins"
"""The table of a written config that says where its values came from."""
ORIGINS_NOTE = """\
# Where each value came from. What nobody said (default, recipe, derived, source) gives way when what it follows from is
# changed; a value above that differs from the one here was changed by hand and counts as said."""


class Kind(enum.IntEnum):
    """What kind of source a setting is from, the weakest first."""

    DEFAULT = 0
    RECIPE = 1
    DERIVED = 2
    SOURCE = 3
    CHECKPOINT = 4
    FILE = 5
    ENVIRONMENT = 6
    FLAG = 7

    @property
    def said(self) -> bool:
        """Whether somebody said it; the rest was resolved, and would be so anew."""
        return self > Kind.SOURCE


@dataclass(frozen=True)
class Origin:
    """Where a value came from.

    Attributes:
        kind: what decides.
        source: the same in words, for people alone.
    """

    kind: Kind
    source: str


CORE_DEFAULT = Origin(Kind.DEFAULT, "core default")


@dataclass(frozen=True)
class Layer:
    """Settings from one source.

    Attributes:
        source: in words, as messages and config name it.
        values: by dotted name: {"train.epochs": 20, "loss.dice.smooth": 1.0}.
        unsaid: of the values that a run wrote down, those that nobody had said, with where they were from.
        of_stranger: whether it is of a run directory or a checkpoint, which anybody may have made.
    """

    source: str
    values: Mapping[str, Any]
    kind: Kind = Kind.FLAG
    unsaid: Mapping[str, Origin] = field(default_factory=dict)
    of_stranger: bool = False

    def origin(self, dotted: str) -> Origin:
        """Where one of the values came from."""
        return self.unsaid.get(dotted) or Origin(self.kind, self.source)

    def without(self, names: Iterable[str]) -> Layer:
        """Return the layer without some of its values."""
        left_out = set(names)
        return replace(self, values={name: value for name, value in self.values.items() if name not in left_out})


@dataclass(frozen=True)
class ChosenParams:
    """The params of one chosen component.

    Attributes:
        section: "arch", "data", "loss", ...
        name: plain component name, used in the dotted path where a section holds several.
        type: the params dataclass that the component declares.
    """

    section: str
    name: str
    type: type

    @property
    def prefix(self) -> str:
        """What stands before the param's name: "arch." or "loss.dice."."""
        return f"{self.section}.{self.name}." if self.section in NAMED_SECTIONS else f"{self.section}."


@dataclass(frozen=True)
class Config:
    """A resolved config: every value typed and checked, with where it came from.

    Attributes:
        component_params: by (section, component name).
        origins: by dotted name; a value that is not there is the core's or the component's default.
    """

    components: Components
    run: Run
    start: Start
    data: Data
    train: Train
    augment: Augment
    evaluate: Evaluate
    explain: Explain
    component_params: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def sources(self) -> dict[str, str]:
        """Where values came from, in words."""
        return {name: origin.source for name, origin in self.origins.items()}

    def origin(self, dotted: str) -> Origin:
        """Where one value came from."""
        return self.origins.get(dotted, CORE_DEFAULT)

    def params_of(self, section: str, name: str) -> Any:
        """The params of one chosen component."""
        return self.component_params[section, name]

    def flat(self) -> dict[str, Any]:
        """Every value by dotted name, as TOML and JSON can hold it."""
        values: dict[str, Any] = {}
        for section in SECTIONS:
            for name, value in params.plain(getattr(self, section)).items():
                values[f"{section}.{name}"] = value
        for (section, component), instance in self.component_params.items():
            prefix = ChosenParams(section, component, type(instance)).prefix
            for name, value in params.plain(instance).items():
                values[prefix + name] = value
        return values

    def to_toml(self) -> str:
        """Write the config as TOML: each value with its source as a comment, and at the end where each came from."""
        tables: dict[str, list[str]] = {}
        groups: dict[Origin, list[str]] = {}
        for dotted, value in self.flat().items():
            table, _, key = dotted.rpartition(".")
            line, origin = f"{key} = {toml_value(value)}", self.origin(dotted)
            tables.setdefault(table, []).append(f"{line:<40}  # {origin.source}")
            groups.setdefault(origin, []).append(f"{dotted} = {toml_value(value)}")
        blocks = [f"format = {FORMAT}"]
        blocks += [f"[{table}]\n" + "\n".join(lines) for table, lines in tables.items()]
        blocks.append(ORIGINS_NOTE)
        for origin, lines in sorted(groups.items(), key=lambda group: group[0].kind):
            head = f'[[{ORIGINS}]]\nkind = "{origin.kind.name.lower()}"\nsource = {toml_value(origin.source)}'
            blocks.append(f"{head}\n[{ORIGINS}.values]\n" + "\n".join(lines))
        return "\n\n".join(blocks) + "\n"


def toml_value(value: Any) -> str:
    """Write one value; JSON's form of text and whole numbers is also TOML's."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, float):
        return repr(value)
    # TOML wants the one control character escaped that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_written(path: Path) -> Layer:
    """Read the config file of a run directory, as `read_file` does."""
    return replace(read_file(path), of_stranger=True)


def read_file(path: Path) -> Layer:
    """Read a TOML config file; raises SegkitError that names the file and what is wrong with it."""
    called = f"config file {path}"
    text = read_text(path, hint="give a TOML file", file=called)
    try:
        tables = parse_toml(text)
    except ValueError as error:
        raise SegkitError(f"{called} is damaged: {error}", "mend that line") from None
    found = tables.pop("format", FORMAT)
    if found != FORMAT:
        raise SegkitError(
            f"config file {path} has format {found!r}, this segkit reads {FORMAT}",
            "use the segkit version that wrote it",
        )
    groups = tables.pop(ORIGINS, [])
    values = flatten(tables)
    try:
        unsaid = read_unsaid(groups, values)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise SegkitError(
            f"config file {path}: its table [[{ORIGINS}]] is damaged", "delete that table: then all counts as said"
        ) from None
    return Layer(f"config file {path.name}", values, Kind.FILE, unsaid)


def read_unsaid(groups: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, Origin]:
    """Return which of a written config's values nobody said; a file without the table, as of old, said everything.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: the table is not as it was written.
    """
    unsaid: dict[str, Origin] = {}
    for group in groups:
        origin = Origin(Kind[group["kind"].upper()], str(group["source"]))
        for dotted, value in flatten(group["values"]).items():
            # Compared as written, for nan is not itself; and what was changed by hand since is said by that hand.
            if not origin.kind.said and dotted in values and toml_value(values[dotted]) == toml_value(value):
                unsaid[dotted] = origin
    return unsaid


def flatten(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested tables into dotted names."""
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def read_assignments(texts: Iterable[str]) -> Layer:
    """Read `--set KIND.PARAM=VALUE` options."""
    values = {}
    for text in texts:
        dotted, equals, value = text.partition("=")
        if not equals or "." not in dotted:
            raise UsageError(f"--set {text!r} is not KIND.PARAM=VALUE", "write for instance --set arch.width=24")
        values[dotted.strip()] = value.strip()
    return Layer("--set", values)


def section_values(layers: Iterable[Layer], section: str) -> dict[str, Any]:
    """What the layers, weakest first, say of one of the core's sections; raises UsageError for a value of no use."""
    values: dict[str, Any] = {}
    known = params.describe(SECTIONS[section])
    for layer in layers:
        for dotted, value in layer.values.items():
            name = dotted.removeprefix(f"{section}.")
            if name != dotted:
                where = f"{layer.source}, section {section}"
                values[name] = params.check(known[name], value, where) if name in known else value
    return values


def resolve(layers: Iterable[Layer], chosen: Iterable[ChosenParams]) -> Config:
    """Merge layers, weakest first, into a checked config.

    A param of a section that holds several components ("metric.both_empty") goes to every chosen one that has it;
    in one layer "metric.iou.both_empty" goes before it, whichever comes first.

    Raises:
        UsageError: an unknown section, field or param, a value of the wrong type or outside its limits.
    """
    chosen = list(chosen)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for layer in layers:
        for dotted, value in sorted(layer.values.items(), key=lambda said: said[0].count(".")):
            if dotted.startswith(RATES):
                values[RATES[:-1]] = with_rate(values.get(RATES[:-1], ()), dotted.removeprefix(RATES), value)
                origins[RATES[:-1]] = layer.origin(dotted)
                continue
            for target in targets(dotted, chosen, layer.source):
                values[target] = value
                origins[target] = layer.origin(dotted)
    sources = {name: origin.source for name, origin in origins.items()}
    built = {section: build_section(kind, section, values, sources) for section, kind in SECTIONS.items()}
    component_params = {}
    for component in chosen:
        taken = [name for name in params.describe(component.type) if not is_core(component.section, name)]
        own = {name: values[component.prefix + name] for name in taken if component.prefix + name in values}
        component_params[component.section, component.name] = build_named(component, own, sources)
    return Config(**built, component_params=component_params, origins=origins)


def with_rate(before: Any, part: str, factor: Any) -> list[str]:
    """Return rates with that of one part: `train.rates.encoder=0.1` is one entry of `train.rates`."""
    listed = before.split(",") if isinstance(before, str) else list(before)
    kept = [text for text in listed if str(text).rpartition("=")[0] != part]
    return [*kept, f"{part}={factor}"]


def build_section(kind: type, section: str, values: Mapping[str, Any], sources: Mapping[str, str]) -> Any:
    """Build one of the core's sections, naming the source of a bad value."""
    built = {}
    for name, info in params.describe(kind).items():
        dotted = f"{section}.{name}"
        if dotted in values:
            built[name] = params.check(info, values[dotted], f"{sources[dotted]}, section {section}")
    return kind(**built)


def build_named(component: ChosenParams, own: Mapping[str, Any], sources: Mapping[str, str]) -> Any:
    """Build the params of one component, naming the source of a bad value."""
    built = {}
    for name, value in own.items():
        info = params.describe(component.type)[name]
        built[name] = params.check(
            info, value, f"{sources[component.prefix + name]}, {component.section} {component.name}"
        )
    return params.make(component.type, built, f"{component.section} {component.name}")


def targets(dotted: str, chosen: list[ChosenParams], source: str) -> list[str]:
    """The full dotted names that a setting reaches; raises UsageError where there is none."""
    section, _, rest = dotted.partition(".")
    if not rest or (section not in SECTIONS and section not in PARAM_SECTIONS):
        known = sorted({*SECTIONS, *PARAM_SECTIONS})
        raise UsageError(
            f"{source}: {dotted!r} names no section{did_you_mean(section, known)}", f"sections: {', '.join(known)}"
        )
    if is_core(section, rest):
        return [dotted]
    components = [component for component in chosen if component.section == section]
    reached = [
        component.prefix + name
        for component in components
        for name in params.describe(component.type)
        if dotted == component.prefix + name or (section in NAMED_SECTIONS and rest == name)
    ]
    if reached:
        return reached
    core = list(params.describe(SECTIONS[section])) if section in SECTIONS else []
    known = core + [name for component in components for name in params.describe(component.type)]
    owner = " and ".join(component.name for component in components)
    place = f"{section} ({owner})" if owner else section
    meant = f" (did you mean {other!r}?)" if (other := called_otherwise(rest)) else None
    raise UsageError(
        f"{source}: {place} has no {rest!r}{meant or did_you_mean(rest.rpartition('.')[2], known)}",
        f"it takes: {', '.join(dict.fromkeys(known)) or 'nothing'}",
    )


def called_otherwise(name: str) -> str:
    """Return the core's field that other tools, or another section, call so; empty where there is none."""
    name = OTHER_NAMES.get(name, name)
    return next((f"{section}.{name}" for section in SECTIONS if is_core(section, name)), "")


def is_core(section: str, name: str) -> bool:
    """Whether a field is the core's own, not a component's param."""
    return section in SECTIONS and name in params.describe(SECTIONS[section])
