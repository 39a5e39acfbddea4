"""A shape names the first place where a value is another one."""

import pytest

from segkit.files import Either, Limited, check_shape

SHAPE = {
    "name": str,
    "rows": [{"mean": Either(None, float), "n": Limited(int, 0), "note?": str}],
    "by_name?": {str: bool},
    "pair?": Limited([float], 2, 2),
}
RIGHT = {"name": "x", "rows": [{"mean": None, "n": 0}, {"mean": 1, "n": 3, "note": ""}], "more": object()}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 3}, r"^name is 3, not text"),
        ({"rows": {}}, r"^rows is a table, not a list"),
        ({"rows": [None]}, r"^rows\[0\] is None, not a table"),
        ({"rows": [{"mean": None}]}, r"^rows\[0\]\.n is missing"),
        ({"rows": [{"mean": "1", "n": 1}]}, r"^rows\[0\]\.mean is '1', not a number"),
        ({"rows": [{"mean": float("inf"), "n": 1}]}, r"^rows\[0\]\.mean is inf, not a number"),
        ({"rows": [{"mean": True, "n": 1}]}, r"mean is True, not a number"),
        ({"rows": [{"mean": 0, "n": True}]}, r"n is True, not a whole number"),
        ({"rows": [{"mean": 0, "n": 1.0}]}, r"n is 1.0, not a whole number"),
        ({"rows": [{"mean": 0, "n": -1}]}, r"n is -1, not from 0 on"),
        ({"by_name": {"a": 1}}, r"^by_name\.'a' is 1, not true or false"),
        ({"pair": [1]}, r"^pair is a list, not from 2 to 2"),
        ({"name": ["x" * 1000]}, r"^name is a list, not text$"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: dict, said: str) -> None:
    """The place, what is there and what is wanted, however long the value is."""
    check_shape(RIGHT, SHAPE)
    with pytest.raises(ValueError, match=said) as caught:
        check_shape({**RIGHT, **change}, SHAPE)
    assert len(str(caught.value)) < 200
