"""Every segkit command that README and docs show exists, with the options it is shown with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from segkit.cli import main
from segkit.discovery import Registry

PROJECT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        PROJECT / "README.md",
        PROJECT / "CONTRIBUTING.md",
        *(PROJECT / "docs").rglob("*.md"),
        *PROJECT.glob("plugins/*/README.md"),
    ]
)
INVENTED = re.compile(r"\$|tinynet|mynet|softshape|segkit-my|my[-_]|\bNAME\b|\b[A-Z]+\b|smp-|monai-")
"""Components that a page invents, or that stand for any; bridges need not be installed."""


def shown(page: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every segkit command in a page's code blocks."""
    fenced, pending = False, ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if not fenced and not line.startswith("    "):
            continue
        text = pending + line.strip().removeprefix("$ ")
        if text.endswith("\\"):
            pending = text.removesuffix("\\")
            continue
        pending = ""
        for part in re.split(r"&&|\||;", text):
            # Output of a command may begin with the word too: "segkit 0.1.0", "segkit-unet ...".
            if re.match(r"(torchrun .* -m )?segkit( -{1,2}[a-z-]+)* [a-z]+( |$)", part.strip()):
                yield number, re.sub(r"^torchrun .* -m ", "", part.strip())


COMMANDS = [
    pytest.param(text, id=f"{page.relative_to(PROJECT)}:{number}") for page in PAGES for number, text in shown(page)
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    """What is installed."""
    return Registry.discover()


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_that_is_shown_exists(text: str, registry: Registry) -> None:
    """Subcommand and options are there, and components named by --arch and the like are installed."""
    words = shlex.split(text, comments=True)[1:]
    command: click.Command = main
    # A command keeps the help option of the first context that asks for it: this one has to be like the real one.
    context = click.Context(main, info_name="segkit", **main.context_settings)
    while isinstance(command, click.Group):
        words = behind_options(command, context, words)
        assert words, f"{text}: it names no command"
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"{text}: there is no command {name!r}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    given, _, _ = command.make_parser(context).parse_args(list(words))
    for option, kind in {"arch": "arch", "data": "data", "metric": "metric", "explain": "explainer"}.items():
        values = given.get(option) or ()
        for value in [values] if isinstance(values, str) else values:
            if value != "none" and not INVENTED.search(value):
                registry.find(kind, value)


def behind_options(group: click.Group, context: click.Context, words: list[str]) -> list[str]:
    """Return what follows a group's own options: subcommand and its words."""
    parser = group.make_parser(context)
    parser.allow_interspersed_args = False
    return parser.parse_args(list(words))[1]


def test_commands_are_found_in_the_readme() -> None:
    """The search itself works: the main job is shown there."""
    texts = [text for _, text in shown(PROJECT / "README.md")]
    assert "segkit run --arch unet --data isic" in texts
