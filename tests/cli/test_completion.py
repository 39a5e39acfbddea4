"""Completion of component names in the shell."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from segkit.cli.completion import ComponentName, KindName


def completed(kind_of_name, incomplete):
    """What the shell is offered."""
    return [item.value for item in kind_of_name.shell_complete(click.Context(click.Command("c")), None, incomplete)]


@pytest.mark.parametrize(
    ("kind_of_name", "incomplete", "offered"),
    [
        (ComponentName("arch"), "", ["net", "n-net"]),
        (ComponentName("arch"), "ne", ["net"]),
        (ComponentName("arch"), "segkit-net:", ["segkit-net:net"]),
        (ComponentName("arch"), "zz", []),
        (ComponentName("metric"), "", ["distance", "overlap"]),
        (ComponentName("explainer", words=("none",)), "", ["none"]),
        (ComponentName(), "o", ["overlap", "onnx"]),
        (ComponentName("loss", terms=True), "ov", ["overlap"]),
        (ComponentName("loss", terms=True), "other + 0.5*ov", ["other + 0.5*overlap"]),
        (ComponentName("loss", terms=True), "other+o", ["other+overlap"]),
    ],
)
def test_names_are_offered(plugins, kind_of_name, incomplete, offered):
    """Names and aliases of the kind that begin like what is typed; full names after a colon; a sum's last term."""
    assert completed(kind_of_name, incomplete) == offered


def test_help_is_the_summary(plugins):
    """Shells that show help show the component's summary."""
    (item,) = ComponentName("arch").shell_complete(click.Context(click.Command("c")), None, "net")
    assert item.help == "A net."


def test_kinds_are_offered():
    """The kinds complete as well, the five of a run first."""
    assert completed(KindName(), "")[:6] == ["arch", "data", "loss", "metric", "explainer", "optimizer"]


def test_the_shell_gets_them():
    """The command answers a real completion request of bash with real components."""
    done = subprocess.run([sys.executable, "-m", "segkit", "list"], capture_output=True, text=True, check=True)
    names = {line.split("\t")[1] for line in done.stdout.splitlines()}
    environ = {"_SEGKIT_COMPLETE": "bash_complete", "COMP_WORDS": "segkit info ", "COMP_CWORD": "2"}
    code = "from segkit.cli import main; main(prog_name='segkit')"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environ}, check=False
    )
    assert names
    assert names <= {line.partition(",")[2] for line in answer.stdout.splitlines()}
