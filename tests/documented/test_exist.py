"""Every segkit command that README and docs name exists, with the options it is shown with."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from segkit.cli import main
from segkit.discovery import Registry
from segkit.planning.components import find_metric

INVENTED = re.compile(r"\$|tinynet|mynet|softshape|segkit-my|my[-_]|\bNAME\b|\b[A-Z]+\b|smp-|monai-")
"""Components that a page invents, or that stand for any; bridges need not be installed."""


@pytest.fixture(scope="module")
def registry() -> Registry:
    """What is installed."""
    return Registry.discover()


def test_a_command_that_is_shown_exists(mentioned, registry):
    """Subcommand and options are there, and components named by --arch and the like are installed."""
    words = shlex.split(re.sub(r"^.*torchrun .* -m ", "", mentioned.text))[1:]
    command: click.Command = main
    # A command keeps the help option of the first context that asks for it: this one has to be like the real one.
    context = click.Context(main, info_name="segkit", **main.context_settings)
    while isinstance(command, click.Group):
        words = behind_options(command, context, words)
        if not words:
            return
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"{mentioned.text}: there is no command {name!r}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    given, _, _ = command.make_parser(context).parse_args(list(words))
    for option, kind in {"arch": "arch", "data": "data", "metric": "metric", "explain": "explainer"}.items():
        values = given.get(option) or ()
        for value in [values] if isinstance(values, str) else values:
            if value == "none" or INVENTED.search(value):
                continue
            if kind == "metric":  # "concordance=volume-correlation" is a metric once more, under a name of its own
                find_metric(registry, value)
            else:
                registry.find(kind, value.rpartition("=")[2])  # "sample=isic" is a dataset once more


def behind_options(group: click.Group, context: click.Context, words: list[str]) -> list[str]:
    """Return what follows a group's own options: subcommand and its words."""
    parser = group.make_parser(context)
    parser.allow_interspersed_args = False
    return parser.parse_args(list(words))[1]


def test_commands_are_found_in_the_readme(shown):
    """The search itself works: the main job and the tests' command are shown there."""
    texts = {one.text for one in shown if any(place.startswith("README.md") for place in one.places)}
    assert {"segkit run --arch unet --data isic", "python -m pip install -r requirements-dev.txt", "pytest"} <= texts
