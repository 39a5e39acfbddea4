"""Tables, lines, JSON and colour."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from segkit.cli import output

ESCAPE = re.compile(rb"\x1b\[[0-9;]*m")


def on_a_terminal(*args, **variables):
    """What `segkit ARGS` writes to a terminal 100 columns wide."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    environ = {**kept, "TERM": "xterm-256color", "COLUMNS": "100", **variables}
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "segkit", *args], stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, env=environ
    ) as process:
        os.close(terminal)
        text = b""
        # Reading fails, or ends, when the process has closed the other side.
        while chunk := read_some(controller):
            text += chunk
    os.close(controller)
    assert process.returncode == 0, text
    return text


def read_some(controller):
    """Read what there is; empty when the terminal is closed."""
    try:
        return os.read(controller, 65536)
    except OSError:
        return b""


def piped(*args, **variables):
    """What `segkit ARGS` writes to a pipe."""
    environ = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-m", "segkit", *args], capture_output=True, check=True, env=environ).stdout


def test_terminal_is_coloured():
    """On a terminal the table has a head and colours."""
    text = on_a_terminal("list")
    assert ESCAPE.search(text)
    assert b"summary" in text


@pytest.mark.parametrize(
    ("args", "variables"), [((), {"NO_COLOR": "1"}), (("--no-color",), {}), (("--no-color",), {"FORCE_COLOR": "1"})]
)
def test_colour_can_be_switched_off(args, variables):
    """NO_COLOR and --no-color leave the table and take the colours, bold included, whatever FORCE_COLOR says."""
    text = on_a_terminal("list", *args, **variables)
    assert not ESCAPE.search(text)
    assert b"summary" in text


def test_pipe_is_plain_unless_forced():
    """A pipe gets bare lines; FORCE_COLOR asks for the terminal's table; NO_COLOR wins over it."""
    assert not ESCAPE.search(piped("list"))
    assert ESCAPE.search(piped("list", FORCE_COLOR="1"))
    assert piped("list", FORCE_COLOR="1", NO_COLOR="1") == piped("list")


def test_json_is_never_coloured():
    """JSON stays JSON on a terminal."""
    assert isinstance(json.loads(on_a_terminal("list", "--json")), list)


def test_cells_stay_on_their_line(capsys):
    """Tabs and line breaks inside a cell do not break the lines of a pipe."""
    output.print_table(("a", "b"), [("one\ttwo", "three\nfour"), ("", "[red]not markup[/red]")])
    assert capsys.readouterr().out == "one two\tthree four\n\t[red]not markup[/red]\n"


def test_brackets_are_not_markup(capsys, monkeypatch):
    """A table for people shows square brackets as they are."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    output.print_table(("a",), [("[red]x[/red]",)])
    assert "[red]x[/red]" in capsys.readouterr().out


def test_remarks_are_one_line_on_stderr(capsys):
    """Warnings and errors go to stderr, each on one line."""
    output.warn("first\nsecond")
    output.complain("third")
    assert capsys.readouterr() == ("", "warning: first second\nerror: third\n")


@pytest.mark.parametrize("module", ["segkit.declarations", "segkit.cli.main", "click", "segkit.cli.list_"])
@pytest.mark.parametrize("started", [["segkit"], ["-m", "segkit"]])
def test_ctrl_c_before_the_command_begins_has_its_sentence(module: str, started: list[str]) -> None:
    """While segkit's own first modules or the command's are imported there is no traceback either."""
    code = (
        "import builtins, importlib, sys\n"
        "real = builtins.__import__\n"
        "def interrupted(name, *rest, **named):\n"
        f"    if name == {module!r}: raise KeyboardInterrupt\n"
        "    return real(name, *rest, **named)\n"
        "builtins.__import__ = interrupted\n"
        f"sys.argv, sys.orig_argv = [{started[0]!r}, 'list'], ['python', *{started}, 'list']\n"
        "loading = importlib.import_module\n"
        "importlib.import_module = lambda name: interrupted(name) and loading(name)\n"
        "from segkit.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.lstrip("\n")) == (130, "interrupted: stopped by Ctrl-C\n")
