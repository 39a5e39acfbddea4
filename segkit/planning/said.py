"""What is said of a run and what its components wish, in the order in which it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segkit.config import Config, Kind, Layer
from segkit.data.dataset import DatasetReader
from segkit.declarations import Architecture, Dataset, Task
from segkit.discovery import Found
from segkit.errors import SegkitError, UsageError
from segkit.planning.dataset import recipe_of
from segkit.planning.environment import EVERY_SECTION, read_environment
from segkit.planning.replaced import Choice, in_order, without_replaced

NOTHING = Choice((), ())


@dataclass(frozen=True)
class Said:
    """Files, flags and the environment.

    Attributes:
        given: files and flags.
        sections: what is asked of the environment.
    """

    given: Sequence[Layer]
    environ: Mapping[str, str]
    sections: Sequence[str] = EVERY_SECTION

    def layers(self, choice: Choice = NOTHING, wishes: Sequence[Layer] = ()) -> list[Layer]:
        """Return all layers, weakest first, without what went with components that were replaced."""
        environment = read_environment(self.environ, choice.params, self.sections)
        return without_replaced(in_order([*wishes, *self.given, *environment]), choice)

    def tell_strays(self, choice: Choice, tell: Callable[[str], None] | None) -> None:
        """Name the variables that look like settings and are none of what was chosen."""
        if tell is not None:
            read_environment(self.environ, choice.params, self.sections, tell)


def check_asked(flags: Sequence[Layer], taken: Sequence[str], but: Sequence[str], hint: str) -> None:
    """Raise UsageError where a flag sets what a trained model is, which a command that applies it cannot change.

    Args:
        taken: sections and single fields that the command takes, `but` fields in them that it does not.
    """
    for layer in flags:
        for name in layer.values:
            section = name.partition(".")[0]
            takes = (section in taken or name in taken) and name not in but
            if not takes and section in EVERY_SECTION:
                raise UsageError(f"{layer.source}: {name} was decided when the model was trained", hint)


def wishes_of(arch: Found, data: Found, reader: DatasetReader, mode: str) -> list[Layer]:
    """What the architecture and the dataset's recipe ask for in a mode."""
    assert isinstance(arch.component, Architecture)
    assert isinstance(data.component, Dataset)
    # A model may be scored on data that have no such mode.
    dims = data.component.offered.get(mode, 0)
    defaults = arch.component.defaults.get(dims, {})
    recipe = recipe_of(reader, data.component, mode)
    return [
        Layer(f"default of {arch.component.name}", defaults, Kind.DEFAULT),
        Layer(f"recipe of {data.component.name}", recipe, Kind.RECIPE),
    ]


def settings_of_params(arch: Found, task: Task, config: Config) -> Layer:
    """Return what follows from an architecture's params for the rest of the config; nothing where it declares none.

    Raises:
        SegkitError: the declared function gives something else than config fields outside of its own params.
    """
    assert isinstance(arch.component, Architecture)
    values: Mapping[str, Any] = {}
    if arch.component.settings:
        values = arch.load("settings")(task, config.params_of("arch", arch.component.name))
        if not isinstance(values, Mapping) or any(str(name).startswith("arch.") for name in values):
            raise SegkitError(
                f"{arch.full_name}: settings gave {values!r}, not config fields", "report it to its author"
            )
    return Layer(f"params of {arch.component.name}", values, Kind.DERIVED)
