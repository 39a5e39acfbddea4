"""`segkit new`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from segkit.cli.completion import KindName
from segkit.cli.output import say
from segkit.cli.paths import PATH
from segkit.cli.registry import load_registry
from segkit.errors import UsageError

if TYPE_CHECKING:
    from segkit.discovery import Found, Registry


def examples(registry: Registry) -> dict[str, str]:
    """An installed component of each kind, by name: a network for 2D and 3D rather than one, photographs first.

    Of several the one with the shortest name: it is what the others are variants of.
    """

    def suits(item: Found) -> tuple[int, bool, int, str]:
        dims, modes = getattr(item.component, "spatial_dims", ()), getattr(item.component, "modes", {})
        first_mode = next(iter(modes.values()), 0)
        return first_mode - len(dims), "images" not in modes, len(item.component.name), item.component.name

    found = sorted(registry.components(), key=suits, reverse=True)
    return {item.component.kind: item.component.name for item in found}


@click.command("new", short_help="Write a new plugin package, ready to install.")
@click.argument("kind", type=KindName(words=("command",)), metavar="KIND")
@click.argument("name")
@click.option("--output", type=PATH, metavar="DIR", default=".", help="Folder to write the package's folder into.")
@click.option("--license", "license", metavar="NAME", help="Apache-2.0; without it the choice is left to you.")
def new(kind: str, name: str, output: str, license: str | None) -> None:
    """Write a complete small package with one component.

    KIND is arch, data, loss, metric or explainer; optimizer, schedule, augmentation, normalization, sampler,
    postprocess, exporter, section, searcher or launcher; or command, for a subcommand.

    \b
    segkit new arch tinynet
    segkit new loss my-loss --license Apache-2.0

    It installs, passes its own test and runs at once; its comments say what to replace.
    """
    from segkit.scaffold import make_package, write_package
    from segkit.scaffold.package import LICENSES

    if license is not None and license not in LICENSES:
        raise UsageError(f"--license {license}: unknown", f"say {', '.join(LICENSES)}, or leave it out")
    registry = load_registry()
    taken = [item.full_name for item in registry.components(kind) if item.component.name == name]
    if taken:
        raise UsageError(f"{kind} {name!r} is provided by {taken[0]}", "choose another name")
    package = make_package(kind, name, examples(registry), license)
    folder = write_package(package, Path(output))
    for path in sorted(package.files):
        say(folder / path)
    steps = (f"python -m pip install -e {folder}", f"python -m pytest {folder}", package.command)
    say("", "next:", *(f"  {step}" for step in steps), err=True)
