import pytest

from segkit.rundir.privacy import pseudonyms, renamed, without_paths


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/home/someone/data", "data"),
        ("/home/some one/my data", "my data"),
        ("~/data/isic", "isic"),
        (r"C:\Users\someone\data", "data"),
        (r"\\server\share\data", "data"),
        ("read from /home/someone/data, then stopped", "read from data, then stopped"),
        ("read from D:/someone/data.csv", "read from data.csv"),
        ("https://example.org/some/page", "https://example.org/some/page"),
        ("bce + dice, mm/px, n/a", "bce + dice, mm/px, n/a"),
        ("a relative/folder stays", "a relative/folder stays"),
        (["/a/b", {"root": "/c/d"}, 3], ["b", {"root": "d"}, 3]),
    ],
)
def test_only_the_last_name_of_a_path_is_shown(value, shown):
    """Absolute paths lose their folders; everything else stays as it is."""
    assert without_paths(value) == shown


def test_pseudonyms_number_distinct_names_in_order():
    """Equal names get one number."""
    assert pseudonyms(["x", "a", "x"], "case") == {"x": "case 001", "a": "case 002"}


def test_names_in_sentences_are_replaced():
    """Each name as a whole, the longer one first where one begins like another."""
    names = {"c-1": "case 001", "c-10": "case 002"}
    assert renamed("case c-10 differs, c-1 too", names) == "case case 002 differs, case 001 too"
    assert renamed("nothing known", {}) == "nothing known"
