"""Every command's help and tables at the widths of terminals: whole words, nothing cut off, no line too wide."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from segkit.cli import main
from segkit.jobs.doctor import Finding

WIDTHS = (50, 60, 80, 120)
WIDE = 4000
SPARE = {
    "version",
    "plugin",
    "limits",
    "entry",
    "point",
    "load",
    "type",
    "param",
    "setting",
    "kind",
    "name",
    "a",
    "run",
    ">=",
}
"""Heads that narrow windows may go without: of columns that are left out, and of what a block's first line is."""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command below a group, by what is typed."""
    context = click.Context(group)
    found = [path]
    for name in group.list_commands(context):
        own = group.get_command(context, name)
        found += commands(own, (*path, name)) if isinstance(own, click.Group) else [(*path, name)]
    return found


@pytest.fixture
def shown(monkeypatch):
    """Give the lines that a command prints for people in a window of a width."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def lines(args: tuple[str, ...], width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        # What click takes where nobody, as its test runner does, forces a width on it.
        help_width = max(min(width, 80) - 2, 50)
        result = CliRunner().invoke(main, args, terminal_width=help_width)
        assert result.exit_code == 0, result.output
        return [line.rstrip() for line in result.output.splitlines()]

    return lines


def words(lines: list[str]) -> set[str]:
    """What stands between blanks, without what only says that a line goes on."""
    return {word for line in lines for word in line.split() if word != "\\"}


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_help_is_in_whole_words(path, shown):
    """At every width each line of `--help` fits, and every word of the widest help is there, whole; none was added."""
    everything = words(shown((*path, "--help"), 80))
    for width in WIDTHS:
        lines = shown((*path, "--help"), width)
        assert words(lines) == everything, width
        assert max(map(len, lines)) <= width


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_help_names_what_is_asked_for_in_words(path, shown):
    """No option's value is called by the name of a type of the parser's."""
    text = " ".join(shown((*path, "--help"), 120))
    assert not re.search(r"--[a-z-]+ (INTEGER|FLOAT|PATH|FILENAME|BOOLEAN)\b|RANGE", text)


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_examples_of_help_may_be_copied_at_any_width(path, shown):
    """An example that is broken is what it was once the shell has joined its lines."""

    def examples(width: int) -> list[list[str]]:
        text = "\n".join(shown((*path, "--help"), width)).replace(" \\\n", " ")
        parts = [part for part in text.split("\n\n") if part.startswith("  segkit ")]
        return [line.split() for part in parts for line in part.splitlines()]

    wide = examples(120)
    assert examples(50) == wide
    assert examples(60) == wide


TABLES = [
    *(("list",), ("list", "losses"), ("list", "metrics"), ("plugins",), ("info", "settings")),
    *(("info", "settings", "train"), ("info", "unet"), ("info", "isic"), ("info", "dice"), ("info", "onnx")),
]


@pytest.mark.parametrize("args", TABLES, ids=" ".join)
def test_tables_of_commands_are_in_whole_words(args, shown):
    """At every width each line fits, and all that the widest table says is there but for columns that are spared."""
    everything = words(shown(args, WIDE))
    narrower = {"list": 120, "plugins": 60}.get(args[0], WIDE)  # where the columns that may be left out are
    spared = everything - words(shown(args, narrower))
    for width in WIDTHS:
        lines = shown(args, width)
        # In blocks a column's name is followed by a colon, and a cell by a semicolon.
        told = {word.rstrip(";:") for word in words(lines)}
        lost = {word for word in everything - spared if word.rstrip(";:") not in told}
        assert {word for word in lost if not (word.startswith("segkit-") or re.fullmatch(r"[\d.e-]+", word))} <= SPARE
        assert max(map(len, lines)) <= width


def test_what_doctor_found_is_in_whole_words(shown, monkeypatch):
    """Areas of many columns and of few, at every width; each area's name stands once."""
    found = [
        Finding("versions", "a-distribution-with-a-long-name", "ok", "1.2.3"),
        Finding("versions", "torch", "broken", "2.0; segkit-core wants >=2.4,<3", 'pip install "torch>=2.4,<3"'),
        Finding(
            "data", "isic", "note", "not found; without --data-root a generated sample is used", "say --data-root DIR"
        ),
        Finding("disk", "cache", "ok", "/home/somebody/.cache/segkit: 26.8 GB free, holds 827 MB"),
    ]
    monkeypatch.setattr("segkit.jobs.doctor.examine", lambda registry: found[:1] + found[2:])
    everything = {word for one in found[:1] + found[2:] for text in (one.found, one.mend) for word in text.split()}
    for width in WIDTHS:
        lines = shown(("doctor",), width)
        assert max(map(len, lines)) <= width
        assert {word.rstrip(";:") for word in everything} <= {word.rstrip(";:") for word in words(lines)}
        assert [line for line in lines if line in ("versions", "data", "disk")] == ["versions", "data", "disk"]
