"""Small files of strangers: right ones are read, all others are refused in a sentence, within bounds."""

import json
import os
from pathlib import Path

import pytest

from segkit.errors import SegkitError
from segkit.files import read_bytes, read_end, read_json, read_lines, read_rows, read_text, read_toml
from segkit.files.reading import open_regular

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": 1' + b"0" * 30 + b"}", "more than 64 bits"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "integer string conversion"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"a": {"b": 1, "b": 2}}', "'b' twice"),
        (b'{"a": "\\ud800"}', "half of a character"),
        (b'{"\\udfff": 1}', "half of a character"),
        (b'{"a": "\\u0000"}', "zero byte"),
        (b'{"a": "\xff"}', "not text in UTF-8 from byte 7"),
        ('{"a": 1}'.encode("utf-16"), "not text in UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}", "nested too deeply"),
        (b"[]", "not a table"),
        (b'{"a": "x"}', "a is 'x', not a whole number"),
    ],
)
def test_json_that_is_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """The message is one line, names the file and what is wrong, and ends with the way out."""
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(SegkitError, match=said) as caught:
        read_json(path, {"a": int}, hint="make it again")
    assert "x.json" in str(caught.value)
    assert str(caught.value).endswith("; make it again")
    assert "\n" not in str(caught.value)


def test_right_files_are_read(tmp_path: Path) -> None:
    """JSON, TOML, lines and tables, with a byte order mark or not, with line ends of any system."""
    path = tmp_path / "x"
    for before in (b"", BOM):
        path.write_bytes(before + b'{"a": [1, 2.5, null, true, "\xc3\xa4"]}')
        assert read_json(path) == {"a": [1, 2.5, None, True, "ä"]}
        path.write_bytes(before + b"[a]\r\nb = inf\r\n")
        assert read_toml(path) == {"a": {"b": float("inf")}}
        path.write_bytes(before + b'{"e": 1}\n{"e": 2}\n')
        assert read_lines(path) == [{"e": 1}, {"e": 2}]
        path.write_bytes(before + b'id;n\r\n"a;b";1\r\n\r\n"two\r\nlines";2\r\n')
        rows = [row for _, row in read_rows(path, ["id"], delimiters=",;")]
        assert rows == [{"id": "a;b", "n": "1"}, {"id": "two\r\nlines", "n": "2"}]


def test_line_ends_that_only_unicode_knows_are_text(tmp_path: Path) -> None:
    """A case id may hold U+2028 or U+0085, which `splitlines` takes for line ends and no CSV does."""
    (tmp_path / "x").write_text("id,n\na\u2028b\x85c,1\n", encoding="utf-8")
    assert [row["id"] for _, row in read_rows(tmp_path / "x")] == ["a\u2028b\x85c"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column 'id'"),
        (b"n\n1\n", "no column 'id'"),
        (b"id,id\n1,2\n", "column 'id' twice"),
        (b"id,n\n1\n", "line 2 has 1 cells for 2 columns"),
        (b"id,n\n1,2,3\n", "line 2 has 3 cells for 2 columns"),
        (b"id,n\na\x00,2\n", "zero bytes"),
        (b"id,n\n" + b"x" * 200_000 + b",1\n", "field larger than field limit"),
        (b"id" + b"," * 20_000 + b"\n", "too many columns"),
        (b"\xff\xfei\x00d\x00", "not text in UTF-8"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """A missing or doubled column, a ragged row, cells of any size, another encoding."""
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(SegkitError, match=said):
        list(read_rows(tmp_path / "x.csv", ["id"]))


def test_short_rows_can_be_allowed(tmp_path: Path) -> None:
    """Missing cells are empty where people write such tables by hand."""
    (tmp_path / "x.csv").write_text("id,n\na\n")
    assert list(read_rows(tmp_path / "x.csv", ragged=True)) == [(2, {"id": "a", "n": ""})]


@pytest.mark.parametrize("content", [b"a = ", b"a = 1\na = 2", b"a = 1" + b"0" * 30, b"a = 1" + b"0" * 5000, b"\xff"])
def test_toml_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    """As JSON is."""
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(SegkitError, match=r"x\.toml is damaged: .*; mend that line"):
        read_toml(tmp_path / "x.toml")


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    """Of a file with a value on each line."""
    (tmp_path / "x.jsonl").write_text('{"e": 1}\nnull\n')
    with pytest.raises(SegkitError, match=r"x\.jsonl, line 2 is damaged: it is None, not a table"):
        read_lines(tmp_path / "x.jsonl")


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A folder, a named pipe, a device, a circle of links and a link to nothing are refused, and nothing hangs."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "nothing").symlink_to(tmp_path / "not there")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / "circle", tmp_path / "nothing"):
        with pytest.raises(SegkitError):
            read_text(path, absent="")
        with pytest.raises(OSError, match=r"."):
            open_regular(path)
    (tmp_path / "file").write_bytes(b"content")
    with open_regular(tmp_path / "file") as stream:
        assert stream.read() == b"content"
        assert Path(stream.name) == tmp_path / "file"


def test_no_more_is_read_than_such_a_file_has(tmp_path: Path) -> None:
    """A file of 100 MB under the name of a small one is refused before it is parsed."""
    with (tmp_path / "x.json").open("wb") as stream:
        stream.truncate(100_000_000)
    with pytest.raises(SegkitError, match=r"larger than the 33\.6 MB"):
        read_json(tmp_path / "x.json")
    with pytest.raises(SegkitError, match="larger than the 10 bytes"):
        read_bytes(tmp_path / "x.json", most=10)


def test_what_is_not_there(tmp_path: Path) -> None:
    """A missing file is an error, or what the caller says it stands for."""
    with pytest.raises(SegkitError, match="does not exist; make it"):
        read_json(tmp_path / "x", hint="make it")
    assert read_json(tmp_path / "x", {"a": int}, absent="{}") == {}
    assert read_toml(tmp_path / "x", absent="") == {}
    assert read_lines(tmp_path / "x", absent="") == []
    assert json.loads(read_bytes(tmp_path / "x", absent=b"1")) == 1


def test_the_end_of_a_log(tmp_path: Path) -> None:
    """So many bytes of it, whatever lies before; a letter that was cut is shown as such; nothing of no file."""
    log = tmp_path / "job.log"
    assert read_end(log, 10) == ""
    log.write_bytes("é".encode() * 1000 + b"\nerror")
    assert read_end(log, 6) == "\nerror"
    assert read_end(log, 7) == "\N{REPLACEMENT CHARACTER}\nerror"
    assert read_end(log, 10**6) == "é" * 1000 + "\nerror"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SegkitError, match="is a pipe or a device, not a file"):
        read_end(tmp_path / "pipe", 10)
