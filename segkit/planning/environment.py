"""Settings in environment variables: SEGKIT_TRAIN_EPOCHS=5, SEGKIT_LOSS_DICE_SMOOTH=1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from segkit.config import NAMED_SECTIONS, PARAM_SECTIONS, ChosenParams, Kind, Layer
from segkit.errors import did_you_mean
from segkit.params import describe
from segkit.settings import SECTIONS

EVERY_SECTION = tuple(dict.fromkeys((*SECTIONS, *PARAM_SECTIONS)))


def read_environment(
    environ: Mapping[str, str],
    chosen: Iterable[ChosenParams] = (),
    sections: Sequence[str] = EVERY_SECTION,
    tell: Callable[[str], None] | None = None,
) -> list[Layer]:
    """Return a layer for each variable that names a core field, or a param of a chosen component.

    Other programs have variables that begin alike, such as SEGKIT_RUN_ID in a job script, and a shell's last for many
    commands, whatever they choose: one that names nothing here stops no command, and is told.

    Args:
        sections: which are asked for.
        tell: told a sentence for each variable that names a section and nothing in it.
    """
    known = variables(chosen, sections)
    if tell is not None:
        for stray in sorted(set(environ) - set(known)):
            for head in (variable(f"{section}.") for section in sections if stray.startswith(variable(f"{section}."))):
                alike = did_you_mean(stray.removeprefix(head), [name.removeprefix(head) for name in known])
                tell(f"{stray} is no setting here and was left out{alike}")
    # What is said of one component goes before what is said of all of its kind, as in one layer.
    named = sorted(set(environ) & set(known), key=lambda name: (known[name].count("."), name))
    return [Layer(name, {known[name]: environ[name]}, Kind.ENVIRONMENT) for name in named]


def variables(chosen: Iterable[ChosenParams], sections: Sequence[str]) -> dict[str, str]:
    """The dotted name that each variable sets; where two settings would share one, the longer-named component's."""
    names = [
        f"{section}.{field}" for section in sections if section in SECTIONS for field in describe(SECTIONS[section])
    ]
    for component in chosen:
        if component.section not in sections:
            continue
        params = describe(component.type)
        if component.section in NAMED_SECTIONS:
            names += [f"{component.section}.{param}" for param in params]
        names += [component.prefix + param for param in params]
    core = [name for name in names if name.count(".") == 1]
    return {variable(name): name for name in (*core, *sorted(set(names) - set(core), key=len))}


def variable(dotted: str) -> str:
    """The variable of a setting: SEGKIT_LOSS_GENERALIZED_DICE_SMOOTH of loss.generalized-dice.smooth."""
    return "SEGKIT_" + dotted.replace(".", "_").replace("-", "_").upper()
