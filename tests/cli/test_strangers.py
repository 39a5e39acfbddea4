"""Subcommands of plugins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from segkit.cli import strangers
from segkit.cli.main import main
from segkit.discovery import Registry


@pytest.fixture(autouse=True)
def installed(parts_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy plugins alone are installed."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, **_: parts_registry))
    strangers.registry.cache_clear()
    yield
    strangers.registry.cache_clear()


def test_a_subcommand_runs() -> None:
    """With its own arguments, help and usage errors."""
    assert CliRunner().invoke(main, ["greet", "you"]).output == "hello you\n"
    assert "Greet WHOM." in CliRunner().invoke(main, ["greet", "--help"]).output
    assert CliRunner().invoke(main, ["greet"]).exit_code == 2


def test_an_unknown_one_is_a_usage_error() -> None:
    """Nobody provides it."""
    result = CliRunner().invoke(main, ["greeet"])
    assert result.exit_code == 2
    assert "No such command 'greeet'" in result.stderr


def test_one_that_does_not_import_names_its_plugin() -> None:
    """The plugin, the command and the string that does not resolve."""
    result = CliRunner().invoke(main, ["broken"])
    assert result.exit_code == 1
    assert "plugin segkit-toy-parts, command broken: 'segkit_toy_commands:gone' does not resolve" in result.stderr


def test_segkit_s_own_cannot_be_replaced(parts_registry: Registry) -> None:
    """A stranger's `doctor` is never called."""
    parts_registry.plugins[-1].commands["runs"] = "segkit_toy_commands:greet"
    assert "Greet" not in CliRunner().invoke(main, ["runs", "--help"]).output


def test_two_of_one_name_are_an_error(parts_registry: Registry) -> None:
    """Neither wins silently."""
    parts_registry.plugins[0].commands["greet"] = "segkit_toy_commands:greet"
    result = CliRunner().invoke(main, ["greet", "you"])
    assert result.exit_code == 2
    assert "command 'greet' is provided by segkit-toy and segkit-toy-parts" in result.stderr


def test_plugins_shows_them() -> None:
    """`segkit plugins` says whose they are."""
    assert "command greet" in CliRunner().invoke(main, ["plugins"]).output
