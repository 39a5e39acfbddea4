"""The dataset that a command was given: by name, with its folder and params."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.options import flag_layers
from segkit.cli.paths import PATH
from segkit.cli.registry import load_registry
from segkit.cli.setting_text import SettingText
from segkit.errors import SegkitError

if TYPE_CHECKING:
    from segkit.data.case import Case
    from segkit.data.dataset import DatasetReader
    from segkit.data.roots import Root
    from segkit.planning.dataset import ChosenDataset

Command = TypeVar("Command", bound=Callable[..., Any])


def dataset_options(command: Command) -> Command:
    """Add what says which dataset is meant: NAME, --data-root and --set."""
    options = (
        click.argument("name", type=ComponentName("data")),
        click.option("--data-root", type=PATH, metavar="DIR", help="Folder of the data."),
        click.option(
            "--set",
            "assignments",
            type=SettingText(("data",)),
            metavar="data.PARAM=VALUE",
            multiple=True,
            help="Set a param of the dataset.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def choose(name: str, data_root: str | None, assignments: Sequence[str]) -> ChosenDataset:
    """Resolve what `dataset_options` were given; raises UsageError for what cannot be meant."""
    from segkit.config import read_assignments
    from segkit.planning.dataset import choose_dataset
    from segkit.planning.replaced import Choice
    from segkit.planning.said import Said

    found = load_registry().find("data", name)
    said = Said([*flag_layers({"data_root": data_root}), read_assignments(assignments)], os.environ, ("data",))
    choice = Choice([("data", found)], ("data",))
    said.tell_strays(choice, output.warn)
    return choose_dataset(found, said.layers(choice))


def open_chosen(chosen: ChosenDataset, tell: Callable[[str], None]) -> tuple[DatasetReader, Root]:
    """Find the data, generating a sample where there are none, say where they are, and open them."""
    reader, root = chosen.open(tell)
    tell(f"data: {root.shown} ({root.source})")
    if root.generated:
        tell("GENERATED SAMPLE: these images are drawn by a program")
    return reader, root


def list_cases(reader: DatasetReader, chosen: ChosenDataset) -> Mapping[str, Sequence[Case]]:
    """List every split; raises SegkitError where there is no case at all."""
    from segkit.data.dataset import SPLITS

    cases = {split: list(reader.cases(split)) for split in SPLITS}
    if not any(cases.values()):
        raise SegkitError(f"dataset {chosen.declaration.name} has no cases", "check --data-root")
    return cases


def count_text(cases: Mapping[str, Sequence[Case]]) -> str:
    """How many cases there are: "train 444, val 60"."""
    from segkit.data.case import counted

    return ", ".join(f"{split} {counted(listed)}" for split, listed in cases.items() if listed)


def reading_threads() -> int:
    """Threads that read cases: a core each, but not so many that large volumes fill the memory."""
    return min(8, os.cpu_count() or 1)
