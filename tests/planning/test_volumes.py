"""What a run on volumes takes from the training cases' headers."""

from types import SimpleNamespace

import numpy as np
import pytest

from segkit.config import Kind, Layer, resolve
from segkit.data.case import Case
from segkit.errors import SegkitError
from segkit.planning.volumes import LOOKED_AT, fit_to_volumes, smaller


class Headers:
    """A reader that knows shape and spacing of each case."""

    def __init__(self, *headers: tuple[tuple[int, ...], tuple[float, ...] | None]) -> None:
        self.headers = headers
        self.read: list[int] = []

    def read_geometry(self, case: Case) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
        self.read.append(int(case.id))
        return self.headers[int(case.id) % len(self.headers)]


def fitted(reader: object, count: int, kind: Kind = Kind.RECIPE, **values: object):
    """Fit settings of section data, which a layer of some kind said."""
    config = resolve([Layer("recipe of x", {f"data.{name}": value for name, value in values.items()}, kind)], [])
    return fit_to_volumes(config, reader, [Case(str(number)) for number in range(count)])


def test_patches_take_the_median_spacing_and_no_more_than_the_median_volume() -> None:
    """Three cases at 1, 2 and 4 mm: 2 mm; at that their shapes are 10, 20 and 40 slices, 24 is a multiple of 8."""
    reader = Headers(*(((20, 40, 40), (spacing, 0.5, 0.5)) for spacing in (1.0, 2.0, 4.0)))
    config = fitted(reader, 3, mode="patches", size=(64, 64, 32))
    assert config.data.spacing == (2.0, 0.5, 0.5)
    assert config.data.size == (24, 40, 32)
    assert config.origins["data.spacing"].kind is Kind.DERIVED
    assert config.origins["data.size"].kind is Kind.RECIPE
    assert config.sources["data.size"] == "recipe of x, no larger than the median training case"


def test_a_spacing_that_was_said_is_kept_and_sizes_are_taken_at_it() -> None:
    """At 1 mm volumes of 20 slices of 2 mm have 40."""
    config = fitted(Headers(((20, 40, 40), (2.0, 1.0, 1.0))), 2, mode="patches", size=(64,), spacing=(1.0, 1.0, 1.0))
    assert config.data.spacing == (1.0, 1.0, 1.0)
    assert config.data.size == (40, 40, 40)


@pytest.mark.parametrize(("size", "expected"), [((64,), (24, 40)), ((16, 64), (16, 40)), ((8, 16), (8, 16))])
def test_slices_are_no_larger_than_the_median_slice(size: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """As stored: their spacing does not count, and none is resolved."""
    config = fitted(Headers(((7, 20, 40), (5.0, 2.0, 1.0))), 2, mode="slices", size=size)
    assert config.data.spacing is None
    assert config.data.size == (expected if expected != size else size)
    assert ("no larger" in config.sources["data.size"]) == (expected != size)


@pytest.mark.parametrize("kind", [Kind.DERIVED, Kind.FILE, Kind.FLAG])
def test_a_size_that_somebody_said_is_kept(kind: Kind) -> None:
    """Only a recipe's gives way."""
    config = fitted(Headers(((7, 20, 40), (5.0, 2.0, 1.0))), 2, kind, mode="slices", size=(64, 64))
    assert config.data.size == (64, 64)


def test_without_headers_or_a_spacing_nothing_is_resolved() -> None:
    """A reader that cannot read them alone is not asked; one case without a spacing leaves each its own."""
    config = fitted(SimpleNamespace(), 2, mode="patches", size=(64, 64, 64))
    assert (config.data.size, config.data.spacing) == ((64, 64, 64), None)
    assert fitted(Headers(((9, 9, 9), None)), 1, mode="patches").data.spacing is None


def test_few_headers_are_read_and_spread_over_all_cases() -> None:
    """Of a thousand cases two hundred, up to the last ones; of few cases every one."""
    reader = Headers(((7, 20, 40), (1.0, 1.0, 1.0)))
    fitted(reader, 5 * LOOKED_AT, mode="slices", size=(64, 64))
    assert reader.read == list(range(0, 5 * LOOKED_AT, 5))
    reader.read.clear()
    fitted(reader, 3, mode="slices", size=(64, 64))
    assert reader.read == [0, 1, 2]


def test_a_volume_that_would_be_too_large_is_named() -> None:
    """The case, before anything is read of it."""
    reader = Headers(((2000, 4000, 4000), (1.0, 1.0, 1.0)))
    with pytest.raises(SegkitError, match="case 0"):
        fitted(reader, 1, mode="patches", size=(64, 64, 64), spacing=(1e-3, 1e-3, 1e-3))


def test_sides_are_rounded_up_to_multiples_of_eight() -> None:
    """Exactly one stays, one more is the next; the last axes count."""
    assert smaller((64, 64, 64), np.array([16.0, 17.0, 23.5])) == (16, 24, 24)
    assert smaller((64, 64), np.array([16.0, 17.0, 64.5])) == (24, 64)
