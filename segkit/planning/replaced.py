"""What goes with a component that was replaced, and what a run wrote down for as long as it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from segkit.config import NAMED_SECTIONS, SETTINGS_OF_PARTS, ChosenParams, Kind, Layer, is_core
from segkit.discovery import Found, matches
from segkit.params import describe

NAMED_BY = {
    "arch": "components.arch",
    "data": "components.data",
    "loss": "components.loss",
    "metric": "components.metrics",
    "explainer": "components.explainers",
    **SETTINGS_OF_PARTS,
}
"""The field that names the components of a section."""
BELONGS = {
    "arch": ("explain.layer",),
    "data": ("data.root", "data.mode", "evaluate.keep_largest", "evaluate.fill_holes"),
}
"""Core fields that mean something for one architecture or dataset alone: its modules, folder, modes and classes."""


@dataclass(frozen=True)
class Choice:
    """The components that were chosen so far.

    Attributes:
        found: by section, in the order in which the config shows them.
        sections: those in which everything is chosen, also where that is nothing.
    """

    found: Sequence[tuple[str, Found]]
    sections: Sequence[str] = tuple(NAMED_BY)

    @property
    def params(self) -> list[ChosenParams]:
        """Which params the config holds, in the order it shows them."""
        return [ChosenParams(section, item.component.name, item.component.params) for section, item in self.found]

    def of(self, section: str) -> list[Found]:
        """The components of one section."""
        return [item for found_section, item in self.found if found_section == section]


def in_order(layers: Iterable[Layer]) -> list[Layer]:
    """Return layers weakest first; of one kind as they were given."""
    return sorted(layers, key=lambda layer: layer.kind)


def without_replaced(layers: Sequence[Layer], choice: Choice) -> list[Layer]:
    """Leave out what layers say of components in whose place a stronger layer chose others.

    What is said beside the choice itself, a typo or a flag for something that was not chosen, stays and is an error.

    Args:
        layers: weakest first.
    """
    left = [layer.without(belongings(layer, layers, choice)) for layer in layers]
    return [replaced_params(layer, left[place + 1 :], choice) for place, layer in enumerate(left)]


def belongings(layer: Layer, layers: Sequence[Layer], choice: Choice) -> Iterator[str]:
    """Yield the names that go with what was replaced."""
    for section in ("arch", "data"):
        if section in choice.sections and names_another(layer, layers, section, choice):
            yield from (name for name in layer.values if name in BELONGS[section] or is_param_of(section, name))
    for section in NAMED_SECTIONS:
        if section not in choice.sections:
            continue
        overruled = layer.kind < strongest(layers, NAMED_BY[section])
        yield from (name for name in layer.values if is_idle(name, section, choice, layer, overruled=overruled))
        selected_by = layer.values.get("train.selection", "none")
        if (
            section == "metric"
            and overruled
            and not any(matches(item, str(selected_by)) for item in choice.of(section))
        ):
            yield "train.selection"


def names_another(layer: Layer, layers: Sequence[Layer], section: str, choice: Choice) -> bool:
    """Whether layers of the same kind as `layer` name another architecture or dataset than was chosen."""
    named = [
        one.values[NAMED_BY[section]] for one in layers if one.kind == layer.kind and NAMED_BY[section] in one.values
    ]
    return bool(named) and not any(matches(item, str(named[-1])) for item in choice.of(section))


def strongest(layers: Iterable[Layer], name: str) -> Kind:
    """The kind of the strongest layer that says something."""
    return max((layer.kind for layer in layers if name in layer.values), default=Kind.DEFAULT)


def is_param_of(section: str, name: str) -> bool:
    """Whether a dotted name is a component's param of section arch or data."""
    head, _, rest = name.partition(".")
    return head == section and not is_core(section, rest)


def is_idle(name: str, section: str, choice: Choice, layer: Layer, *, overruled: bool) -> bool:
    """Whether a name is a param of what was not chosen, of which the layer may speak all the same."""
    head, _, rest = name.partition(".")
    if head != section:
        return False
    owner, dot, _ = rest.rpartition(".")
    if dot:
        # Recipes and defaults may say how any loss is wished, also where they name none of them themselves.
        return (overruled or not layer.kind.said) and owner not in [item.component.name for item in choice.of(section)]
    return overruled and not any(reaches(name, params) for params in choice.params)


def reaches(name: str, component: ChosenParams) -> bool:
    """Whether a dotted name sets a param of a component."""
    head, _, rest = name.partition(".")
    if head != component.section or is_core(head, rest):
        return False
    own = rest.removeprefix(f"{component.name}.") if component.section in NAMED_SECTIONS else rest
    return own in describe(component.type)


def replaced_params(layer: Layer, stronger: Sequence[Layer], choice: Choice) -> Layer:
    """Leave out what nobody said of the params of a loss, metric or explainer of which a stronger layer says others.

    A preset decides the params that nobody said: read back as said, they would outrank the next preset (issue 16).
    """
    if not layer.unsaid:
        return layer
    told = [name for one in stronger for name in one.values]
    anew = [
        params.prefix
        for params in choice.params
        if params.section in NAMED_SECTIONS and any(reaches(name, params) for name in told)
    ]
    return layer.without(name for name in layer.unsaid if name.startswith(tuple(anew)))


def while_it_holds(layers: Sequence[Layer], choice: Choice, *, sampled: bool | None = None) -> list[Layer]:
    """Leave out what nobody said where what it follows from has changed since it was written down.

    Recipes and architectures' wishes follow from architecture, dataset, their params, folder and mode. While these are
    what they were, a run's config repeats it to the letter, whatever later versions of the plugins wish.

    Args:
        layers: what was said, weakest first.
        sampled: whether a sample was drawn because no data were found; None before that is known.
    """
    left = []
    for place, layer in enumerate(layers):
        was_sampled = layer.values.get("data.root", "none") == "none"
        changed = any(names_another(layer, layers, section, choice) for section in ("arch", "data"))
        changed = changed or sampled not in (None, was_sampled)
        changed = changed or any(decides(name) for one in layers[place + 1 :] for name in one.values)
        left.append(layer.without(layer.unsaid) if changed and layer.unsaid else layer)
    return left


def decides(name: str) -> bool:
    """Whether recipes and wishes follow from a setting."""
    return name in ("data.root", "data.mode") or is_param_of("arch", name) or is_param_of("data", name)


def of_sections(layer: Layer, sections: Sequence[str]) -> Layer:
    """Return what a layer says of some sections, or of single fields."""
    kept = {name: value for name, value in layer.values.items() if name in sections or name.split(".")[0] in sections}
    return replace(layer, values=kept)
