"""What every component has to pass, of whatever kind."""

from __future__ import annotations

from segkit.errors import SegkitError
from segkit.params import check as check_param
from segkit.params import check_params_type, describe, show
from segkit.testing.check import check, fail
from segkit.testing.subjects import ComponentSubject


@check("component", "resolves")
def resolves(subject: ComponentSubject) -> None:
    """What the declaration's strings name can be imported."""
    for attribute in ("factory", *(["measure"] if subject.kind == "metric" else [])):
        try:
            subject.found.load(attribute)
        except SegkitError as error:
            fail(error.message, f"mend {attribute}=, or what its module imports")


@check("component", "params")
def params(subject: ComponentSubject) -> None:
    """Every param has a help text of its own, limits in order, and a default that can be typed as it is shown."""
    try:
        check_params_type(subject.component.params)
    except TypeError as error:
        fail(str(error), "declare params as a frozen dataclass of segkit.param(default, help)")
    for name, info in describe(subject.component.params).items():
        if len(info.help.split()) < 2:
            fail(f"the help of {name} is {info.help!r}", "say in a few words what the param does")
        if info.min is not None and info.max is not None and info.min > info.max:
            fail(f"{name} has min {info.min} above max {info.max}", "swap them")
        text = show(info.default)
        try:
            typed = check_param(info, text, name)
        except SegkitError as error:
            fail(f"{name}={text}, as `segkit info` shows the default, is refused: {error.message}", "take another type")
        if typed != info.default:
            fail(f"{name}={text} is read as {typed!r}, the default is {info.default!r}", "take another type or default")
