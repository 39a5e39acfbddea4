"""The command group: exit codes, one line per error, options anywhere."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import click
import pytest
import torch  # noqa: F401  # whoever raises an error of PyTorch's has imported it
from click.testing import CliRunner

from segkit import SegkitError, UsageError, __version__
from segkit.cli.main import SPINS, Group, main, share_cores


def invoke(*args):
    """Run the real command."""
    return CliRunner().invoke(main, args)


def group_that(action):
    """A command group with one subcommand, `act`, which runs `action`."""

    @click.group(cls=Group)
    @click.option("--traceback", is_flag=True)
    @click.option("--no-plugins", is_flag=True)
    def group(traceback, no_plugins):
        pass

    @group.command("act")
    @click.argument("words", nargs=-1)
    def act(words):
        action(words)

    return group


def raising(error):
    """An action that raises."""

    def action(words):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (SegkitError("file a.png is empty", "remove it"), 1, "error: file a.png is empty; remove it\n"),
        (UsageError("no arch named 'x'"), 2, "error: no arch named 'x'\n"),
        (SegkitError("two\nlines"), 1, "error: two lines\n"),
        (
            ZeroDivisionError("by zero"),
            1,
            "internal error: ZeroDivisionError: by zero; run with --traceback to see where, and report it\n",
        ),
        (
            MemoryError(),
            1,
            "error: memory does not suffice (MemoryError); free some, work on smaller images or with --workers 0, or "
            "use a machine with more\n",
        ),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
            1,
            "error: memory does not suffice (RuntimeError); free some, work on smaller images or with --workers 0, or "
            "use a machine with more\n",
        ),
        # click ends the line that it thinks somebody was typing.
        (
            EOFError("no data left"),
            1,
            "\ninternal error: EOFError: no data left; run with --traceback to see where, and report it\n",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "masks/a.png"),
            1,
            "error: masks/a.png: No space left on device; "
            "free some space, check its permissions, or name another --output\n",
        ),
        (KeyError(), 1, "internal error: KeyError; run with --traceback to see where, and report it\n"),
    ],
)
def test_errors_are_one_line_on_stderr(error, code, line):
    """What the user can mend is one sentence; a bug is one line too, and says how to see more."""
    result = CliRunner().invoke(group_that(raising(error)), ["act"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", line)


@pytest.mark.parametrize("error", [SegkitError("bad"), ZeroDivisionError("by zero")])
@pytest.mark.parametrize("args", [["--traceback", "act"], ["act", "--traceback"]])
def test_traceback_shows_where(error, args):
    """With --traceback, before or behind the subcommand, the exception is let through."""
    result = CliRunner().invoke(group_that(raising(error)), args)
    assert result.exception is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_exits_with_130(error):
    """Ctrl-C, also at a prompt, ends with the shell's own exit code."""
    result = CliRunner().invoke(group_that(raising(error)), ["act"])
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


def test_ctrl_c_in_a_real_process():
    """SIGINT during a command exits with 130 and shows no traceback."""
    code = (
        "import click, signal, time\n"
        # A shell without job control starts its background jobs with SIGINT ignored, and so these tests.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from segkit.cli.main import main\n"
        "@main.command()\n"
        "def wait():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "main(['wait'])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert b"Traceback" not in stderr


def test_broken_pipe_is_quiet():
    """A reader that goes away, as `head` does, causes no complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "segkit", "list"], stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["lst"], "No such command 'lst' (did you mean 'list'?)."),
        (["list", "--jsn"], "'--jsn'"),
        (["list", "lss"], "'lss' is none of arch, data, loss, metric, explainer, "),
        (["list", "explainr"], "(did you mean 'explainer'?)"),
        (["info"], "Missing argument 'NAME'"),
        (["--nope"], "'--nope'"),
    ],
)
def test_usage_errors_exit_with_2(args, message):
    """What cannot be meant is a usage error that names it and the nearest that can."""
    result = invoke(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_version():
    """--version prints the core's version."""
    assert invoke("--version").stdout == f"segkit, version {__version__}\n"


def test_help_lists_every_command():
    """--help and -h name each subcommand with one line."""
    result = invoke("--help")
    assert result.exit_code == 0
    assert result.stdout == invoke("-h").stdout
    for name, command in main.commands.items():
        assert f"  {name} " in result.stdout
        assert command.help


def test_options_behind_two_dashes_are_left_alone():
    """What stands behind -- belongs to the subcommand."""
    seen = []
    group = group_that(seen.append)
    assert CliRunner().invoke(group, ["act", "--no-plugins", "a", "--", "--traceback"]).exit_code == 0
    assert seen == [("a", "--traceback")]


def test_result_is_returned_to_callers():
    """Other programs may call the command without leaving the interpreter."""
    assert group_that(lambda words: None).main(["act"], standalone_mode=False) is None
    with pytest.raises(SegkitError):
        group_that(raising(SegkitError("bad"))).main(["act"], standalone_mode=False)


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_waiting_threads_leave_their_core(said, expected):
    """What the user has said of it stays as it is."""
    share_cores(said)
    assert said.get("GOMP_SPINCOUNT") == expected


def test_torch_is_not_imported_before_threads_are_told():
    """PyTorch's threads read the setting when it is imported, which no part of the command's start does."""
    program = "import sys, segkit.cli; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_help_is_grouped_and_nothing_is_cut_off():
    """Every command stands once, under what one does with it, with its whole sentence."""
    text = invoke("--help").stdout
    assert [line for line in text.splitlines() if line.endswith(":") and line[0].isupper()][:5] == [
        "Options:",
        "Start:",
        "Look:",
        "Data and weights:",
        "Plugins and installation:",
    ]
    assert "..." not in text.partition("\n")[2].replace("NAME,...", "")
    placed = [name for names in main.sections.values() for name in names]
    assert sorted(placed) == sorted(set(placed) & set(main.list_commands(None)))


def test_garbage_is_looked_for_again_once_the_command_runs() -> None:
    """Not while it is imported, which takes time; used from Python, nothing is switched."""
    asked = "import gc, sys; sys.argv = [{name!r}, '--version']; import segkit; print(gc.isenabled())"
    run = "; from segkit.cli import main\ntry: main()\nexcept SystemExit: print(gc.isenabled())"
    for name, states in (("segkit", ["False", "True"]), ("script.py", ["True", "True"])):
        command = [sys.executable, "-c", asked.format(name=name) + run]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert [line for line in done.stdout.splitlines() if line in ("False", "True")] == states
