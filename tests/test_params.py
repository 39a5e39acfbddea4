"""Params: declared once, read from text and TOML, checked against type and limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segkit import UsageError, param
from segkit.discovery import Registry
from segkit.params import build, check_params_type, describe, plain, show
from segkit.settings import SECTIONS

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True)
class Params:
    width: int = param(64, "Channels.", min=1, max=1024)
    rate: float = param(0.5, "A share.", min=0, max=1)
    norm: Literal["none", "batch"] = param("none", "Normalisation.")
    size: tuple[int, ...] | None = param(None, "Grid.", min=8)
    pair: tuple[float, float] = param((0.0, 1.0), "A window.")
    mirror: bool = param(False, "Mirror.")
    note: str | None = param(None, "Text.")
    file: Path = param(Path("a.txt"), "A file.")


def read(**settings):
    """Build Params from settings."""
    return build(Params, settings, "arch net")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("width", "24", 24),
        ("width", 24.0, 24),
        ("rate", "1e-1", 0.1),
        ("rate", 1, 1.0),
        ("norm", "batch", "batch"),
        ("size", "64x48", (64, 48)),
        ("size", "64,48", (64, 48)),
        ("size", "[64, 48]", (64, 48)),
        ("size", 64, (64,)),
        ("size", "none", None),
        ("pair", [-1, 2], (-1.0, 2.0)),
        ("mirror", "yes", True),
        ("mirror", "0", False),
        ("note", "none", None),
        ("note", "x and y", "x and y"),
        ("file", "b.txt", Path("b.txt")),
    ],
)
def test_text_and_toml_become_the_declared_type(name, text, value):
    """What people write in a shell or a TOML file arrives in the param's own type."""
    found = getattr(read(**{name: text}), name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("width", "0", "width=0 is out of range"),
        ("width", "1025", "give 1 to 1024"),
        ("width", "2.5", "expected a whole number"),
        ("width", True, "expected a whole number"),
        ("width", 10**400, "out of range"),
        ("rate", "nan", "out of range"),
        ("rate", "inf", "out of range"),
        ("rate", 10**400, "expected a number"),
        ("rate", "much", "expected a number"),
        ("norm", "bach", "expected one of none, batch (did you mean 'batch'?)"),
        ("size", "64x4", "out of range; give >= 8"),
        ("pair", "1", "expected 2 values"),
        ("mirror", "maybe", "expected true or false"),
        ("file", 3, "file=3"),
        ("withd", "3", "did you mean 'width'?"),
    ],
)
def test_bad_values_name_the_param_and_the_way_out(name, text, message):
    """A wrong type, a value outside the limits and an unknown name are usage errors that say what would do."""
    with pytest.raises(UsageError) as raised:
        read(**{name: text})
    assert "arch net" in str(raised.value)
    assert message in str(raised.value)


values = st.fixed_dictionaries(
    {
        "width": st.integers(1, 1024),
        "rate": st.floats(0, 1),
        "norm": st.sampled_from(["none", "batch"]),
        "size": st.none() | st.lists(st.integers(8, 4096), min_size=1, max_size=3).map(tuple),
        "pair": st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2),
        "mirror": st.booleans(),
    }
)


@given(values)
def test_shown_values_can_be_typed_back(given_values):
    """Whatever `segkit info` shows of a value, `--set` reads as the same value."""
    params = Params(**given_values)
    assert read(**{name: show(getattr(params, name)) for name in given_values}) == params


def test_description_tells_type_default_and_limits():
    """`describe` gives what `segkit info` prints, in the order of declaration."""
    found = describe(Params)
    assert list(found) == ["width", "rate", "norm", "size", "pair", "mirror", "note", "file"]
    assert (found["width"].type, found["width"].default, found["width"].limits) == ("int", 64, "1 to 1024")
    assert (found["norm"].type, found["norm"].limits) == ("none | batch", "")
    assert (found["size"].type, found["size"].limits) == ("list of int | none", ">= 8")


def frozen(**fields):
    """A frozen params dataclass made of fields (type, default)."""
    return make_dataclass("Made", [(name, kind, default) for name, (kind, default) in fields.items()], frozen=True)


def unfrozen():
    """A params dataclass that can be changed."""
    return make_dataclass("Made", [("width", int, param(1, "Width."))])


@dataclass(frozen=True)
class Unreadable:
    size: Decimal = param(1, "Of a type that is not imported when the plugin runs.")


@pytest.mark.parametrize(
    ("params_type", "message"),
    [
        (dict, "must be a dataclass"),
        (unfrozen(), "must be frozen"),
        (make_dataclass("Made", [("width", int)], frozen=True), "has no default"),
        (make_dataclass("Made", [("width", int, 3)], frozen=True), "has no help"),
        (frozen(width=(int, param(None, "Width."))), "width=None: expected a whole number"),
        (frozen(width=(int, param(0, "Width.", min=1))), "width=0 is out of range"),
        (frozen(width=(complex, param(1j, "Width."))), "segkit cannot read a complex"),
        (Unreadable, "annotations cannot be read: name 'Decimal' is not defined"),
    ],
)
def test_bad_params_are_refused_when_declared(params_type, message):
    """A params type that nobody could set, or whose own default breaks its limits, is refused at once."""
    with pytest.raises(TypeError, match=message):
        check_params_type(params_type)


@pytest.mark.parametrize(
    ("stated", "given", "fits"),
    [
        ({}, "inf", False),
        ({}, float("-inf"), False),
        ({"min": 0}, "1e999", False),
        ({"max": math.inf}, "inf", True),
        ({"max": math.inf}, "nan", False),
        ({"min": -math.inf}, "-inf", True),
        ({"min": 0, "max": math.inf}, "-inf", False),
    ],
)
def test_numbers_are_finite_unless_the_param_says_otherwise(stated, given, fits):
    """Infinity is taken where a limit is infinite; NaN never."""
    params_type = frozen(most=(float, param(0.0, "Most.", **stated)))
    if fits:
        assert math.isinf(build(params_type, {"most": given}, "metric m").most)
    else:
        with pytest.raises(UsageError, match=r"metric m: most=.* is out of range; give "):
            build(params_type, {"most": given}, "metric m")


def test_an_infinite_default_says_so_too():
    """A param that is infinite where nobody sets it may be set to infinity."""
    assert math.isinf(build(frozen(most=(float, param(math.inf, "Most."))), {"most": "inf"}, "metric m").most)


def every_param():
    """Every param that holds a float: of the core's sections and of every installed component."""
    homes = [*SECTIONS.items(), *((item.full_name, item.component.params) for item in Registry.discover().components())]
    for home, params_type in homes:
        for name, info in describe(params_type).items():
            if "float" in info.type and not info.unbounded and "|" not in info.type.replace(" | none", ""):
                yield pytest.param(params_type, name, id=f"{home}.{name}")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(("params_type", "name"), list(every_param()))
def test_no_float_of_a_component_takes_what_is_no_number(params_type, name, number):
    """NaN and the infinities are refused with a sentence, as text, as a number, and within a list."""
    for value in (number, float(number), f"1,{number}", [float(number)]):
        with pytest.raises(UsageError, match="give "):
            build(params_type, {name: value}, "here")


@dataclass(frozen=True)
class Nested:
    """Rows of numbers."""

    kernels: tuple[tuple[int, ...], ...] = param(((3, 3), (1, 3)), "Kernels by level.", min=1, max=9)


@pytest.mark.parametrize(
    "value", ["1,2;3,4", "(1,2),(3,4)", "((1, 2), (3, 4))", "[[1,2],[3,4]]", [[1, 2], [3, 4]], "1x2;3x4"]
)
def test_nested_tuples_are_read_as_people_write_them(value):
    """From the shell in rows or brackets, from TOML as lists of lists; shown as the shell takes them."""
    found = build(Nested, {"kernels": value}, "arch x")
    assert found.kernels == ((1, 2), (3, 4))
    assert show(found.kernels) == "1,2;3,4"
    assert build(Nested, {"kernels": show(found.kernels)}, "arch x") == found
    assert plain(found) == {"kernels": [[1, 2], [3, 4]]}


def test_limits_hold_for_every_number_of_a_nested_tuple():
    """One that is out of range is named."""
    with pytest.raises(UsageError, match=r"kernels=1,2;3,99 is out of range; give 1 to 9"):
        build(Nested, {"kernels": "1,2;3,99"}, "arch x")


def test_a_value_error_of_post_init_is_the_sentence():
    """What the author of the params says of values that do not go together reaches the user."""

    @dataclass(frozen=True)
    class Pair:
        low: int = param(0, "Low.")
        high: int = param(1, "High.")

        def __post_init__(self):
            if self.low > self.high:
                raise ValueError("low is above high")

    with pytest.raises(UsageError, match=r"^arch x: low is above high$"):
        build(Pair, {"low": 3}, "arch x")
