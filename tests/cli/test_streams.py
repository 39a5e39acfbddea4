"""Any terminal: closed streams, readers that go away, encodings of few signs, homes in paths, narrow windows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from segkit.cli import main
from segkit.cli.paths import PATH, PathText, expand_homes
from segkit.cli.streams import LIKE, like

PROGRAM = (
    "import click, sys\nfrom pathlib import Path\nfrom segkit.cli import output\nfrom segkit.cli.groups import Group\n"
    "@click.group(cls=Group)\ndef group(): pass\n"
    "@group.command()\ndef act():\n"
    "    for number in range(3000):\n"
    "        output.say(f'Lovász – {number} Ωx', err=bool(number % 2))\n"
    "    output.warn('café')\n"
    "    output.print_table(('a',), [('Lovász',)])\n"
    "    Path('done').write_text('kept')\n"
    "group()\n"
)
"""A command that writes more than a pipe holds, of signs that few encodings have, and then finishes its work."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The file of that command."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return path


def in_shell(program: Path, redirected: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in its folder with its streams redirected as a shell does it."""
    line = f'"{sys.executable}" {program.name} act {redirected}'
    return subprocess.run(
        ["bash", "-c", line], cwd=program.parent, env={**os.environ, **variables}, capture_output=True, check=False
    )


@pytest.mark.parametrize(
    "redirected",
    [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "| true", "2>&1 >/dev/null | head -1", "2>&1 | head -1 >/dev/null"],
)
def test_work_is_done_whoever_listens(program: Path, redirected: str) -> None:
    """With streams closed or their reader gone the command ends well, and its files hold none of its words."""
    done = in_shell(program, f"{redirected}; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, (program.parent / "done").read_text()) == (0, "kept")
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "ascii:strict", "utf-8"])
@pytest.mark.parametrize("colour", ["", "1"])
def test_signs_that_an_encoding_lacks(program: Path, encoding: str, colour: str) -> None:
    """What cannot be shown becomes its nearest or a question mark, in tables too, and the command ends well."""
    done = in_shell(program, "", PYTHONIOENCODING=encoding, FORCE_COLOR=colour)
    assert done.returncode == 0, done.stderr
    shown = (done.stdout + done.stderr).decode(encoding.partition(":")[0])
    kept = encoding != "ascii" and encoding != "ascii:strict"
    assert ("Lovász" in shown, "Lovasz" in shown) == (kept, not kept)
    assert ("café" in shown) == kept


def test_a_locale_without_signs(program: Path) -> None:
    """LC_ALL=C, where Python is not let off it, is ASCII."""
    done = in_shell(program, "", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stdout.isascii(), b"Lovasz" in done.stdout) == (0, True, True)


def test_a_full_disk_under_the_output(program: Path) -> None:
    """What else fails is told of the stream by its name."""
    done = in_shell(program, ">/dev/full")
    assert done.returncode == 1
    assert b"error: standard output: No space left on device" in done.stderr


def test_likenesses() -> None:
    """Each sign's nearest is ASCII, and one is found for each in the table."""
    assert "".join(map(like, "áÑüΩ…")) == "aNu?."
    assert all(like(chr(sign)).isascii() and like(chr(sign)) != "?" for sign in LIKE)


def commands(group: click.Group = main, path: str = "") -> dict[str, click.Command]:
    """Every command by the words that call it."""
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = isinstance(command, click.Group)
        found |= commands(command, f"{path}{name} ") if inner else {f"{path}{name}": command}  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(("name", "command"), commands().items(), ids=str)
def test_every_path_may_begin_with_a_tilde(name: str, command: click.Command) -> None:
    """Each option and argument that is shown as a path is of the type that expands it."""
    for param in command.params:
        words = str(param.metavar or "").strip("[].").split("|")
        paths = {"DIR", "FILE", "RUN", "CSV", "IMAGE", "FOLDER", "FILE.html", "MODEL... INPUT"}
        assert isinstance(param.type, PathText) == bool(paths & set(words)), (name, param.name)


@pytest.mark.parametrize("width", [50, 60, 80, 120])
@pytest.mark.parametrize("name", commands())
def test_help_fits_the_window(name: str, width: int) -> None:
    """Every help is shown at every width, in plain ASCII: click writes it past the mending of signs."""
    shown = CliRunner().invoke(main, [*name.split(), "--help"], terminal_width=width)
    assert shown.exit_code == 0
    assert shown.output.isascii()


def test_a_home_in_a_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """~ is the home folder, wherever the option stands; a user that is not known is an error in words."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PATH.convert("~/runs", None, None) == str(tmp_path / "runs")
    assert [PATH.convert(text, None, None) for text in ("a~b", "isic:report", "")] == ["a~b", "isic:report", ""]
    gone = CliRunner().invoke(main, ["runs", "~nobody-of-that-name/runs"])
    assert (gone.exit_code, "home folder that is not known" in gone.stderr) == (1, True)
    (tmp_path / "runs").mkdir()
    asked = [CliRunner().invoke(main, ["runs", folder]) for folder in ("~/runs", str(tmp_path / "runs"))]
    assert asked[0].output == asked[1].output


def test_a_home_in_a_path_of_a_plugin_s_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """~ is expanded for click's own types too, in a command and below it; what they check they check of that folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "runs").mkdir()

    @click.group()
    def group() -> None:
        pass

    @group.command()
    @click.argument("run", type=click.Path(exists=True, path_type=Path))
    @click.option("--out", type=click.Path(file_okay=False), default="~/other")
    @click.option("--number", type=int, default=1)
    def act(run: Path, out: str, number: int) -> None:
        click.echo(f"{run} {out} {number}")

    expand_homes(group)
    expand_homes(group)
    done = CliRunner().invoke(group, ["act", "~/runs", "--out=~/new"])
    assert done.output == f"{tmp_path}/runs {tmp_path}/new 1\n"
    assert CliRunner().invoke(group, ["act", "~/gone"]).exit_code == 2
    shown = [command for name, command in commands().items() if name in ("isic-submission", "sizes")]
    assert not any(type(param.type) is click.Path for command in shown for param in command.params)
