"""Subcommands of a plugin under check."""

from __future__ import annotations

import sys
from types import ModuleType

import click
import pytest

from segkit.testing.check import checks_of


def documented(**options):
    """A command with a help text."""

    @click.command()
    @click.option("--width", **options)
    def command(width):
        """Say how wide."""

    return command


@click.command()
def silent():
    pass


class Counted(click.Command):
    """Reads a file to write its help."""

    def format_help(self, ctx, formatter):
        open("widths.txt").close()  # noqa: PTH123


@click.command(cls=Counted)
def early():
    """Compute before it is called."""


@pytest.fixture
def outcome(suite_of):
    """What the check says of a plugin with one command."""

    def run(command, path="kit_commands:command"):
        module = ModuleType("kit_commands")
        module.command = command
        sys.modules["kit_commands"] = module
        suite = suite_of("kit_commands")
        suite.plugins[0].commands = {"measure": path}
        try:
            found = {item.check.name: suite.outcome(item) for item in suite.items()}
        finally:
            del sys.modules["kit_commands"]
        assert found["loads"].status == "passed", found["loads"].failure
        return found["commands"]

    return run


def test_a_plugin_of_commands_alone_is_one(outcome):
    """Every option has its help, and --help is told."""
    assert outcome(documented(help="In cells.")).status == "passed"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (silent, "say in a docstring what it does"),
        (documented(), 'write help="..."'),
        (len, "name a function under @click.command()"),
        (early, "do nothing before the command is called"),
    ],
)
def test_what_is_no_command_to_use_is_caught(outcome, command, says):
    """In words that lead to the mend."""
    found = outcome(command)
    assert found.status == "failed"
    assert says in str(found.failure)


def test_a_command_that_is_not_there(outcome):
    """Named with the way out."""
    assert "mend the place of command measure" in str(outcome(silent, "kit_commands:missing").failure)


def test_the_check_is_of_every_distribution():
    """It is among those of plugins."""
    assert "commands" in {check.name for check in checks_of("plugin")}
