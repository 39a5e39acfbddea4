"""`segkit data cache`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from segkit.cli import output
from segkit.cli.groups import Group
from segkit.errors import SegkitError, UsageError
from segkit.files import bytes_text

if TYPE_CHECKING:
    from segkit.data.cache import Entry

KINDS = ("stores", "samples")


@click.group(cls=Group, invoke_without_command=True, short_help="List what lies in the cache; clear it.")
@output.json_option
@click.pass_context
def cache(context: click.Context, as_json: bool) -> None:
    """List what lies in the cache, with its size; `segkit data cache clear` removes what can be made again."""
    if context.invoked_subcommand is None:
        show(as_json=as_json)


@cache.command("list")
@output.json_option
def list_entries(as_json: bool) -> None:
    """List what lies in the cache, with its size."""
    show(as_json=as_json)


@cache.command()
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS), metavar="[stores|samples]...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def clear(kinds: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Remove stores and generated samples; they are made again when they are needed. Data are never removed."""
    from segkit.data.cache import is_ours, list_cache, remove

    chosen = [entry for entry in list_cache() if entry.kind in (kinds or KINDS)]
    doomed = [entry for entry in chosen if is_ours(entry.kind, entry.path)]
    for entry in chosen:
        if entry not in doomed:
            output.warn(f"{entry.path} was not made by segkit and stays")
    total = bytes_text(sum(entry.bytes for entry in doomed))
    if doomed and not yes:
        if not can_ask():
            raise UsageError("nobody can be asked whether to remove the cache", "say --yes")
        print_entries(doomed)
        if not click.confirm(f"remove {folders(len(doomed))}, {total}?", err=True):
            raise SegkitError("nothing was removed")
    removed = [entry for entry in doomed if remove(entry)]
    for entry in doomed:
        if entry not in removed:
            output.warn(f"{entry.path.name} is being built by another process and stays")
    if as_json:
        output.print_json({"removed": [str(entry.path) for entry in removed], "bytes": sum(e.bytes for e in removed)})
    else:
        output.say(f"removed {folders(len(removed))}, {bytes_text(sum(entry.bytes for entry in removed))}")


def can_ask() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()


def folders(count: int) -> str:
    """A number of folders in words."""
    return "1 folder" if count == 1 else f"{count} folders"


def show(*, as_json: bool) -> None:
    """Print every folder of the cache and the sum of their sizes."""
    from segkit.data.cache import list_cache
    from segkit.data.roots import cache_folder

    entries = list_cache()
    total = sum(entry.bytes for entry in entries)
    if as_json:
        listed = [{**asdict(entry), "path": str(entry.path)} for entry in entries]
        output.print_json({"folder": str(cache_folder()), "bytes": total, "entries": listed})
        return
    print_entries(entries)
    output.say(f"{bytes_text(total)} in {cache_folder()}", err=True)


def print_entries(entries: list[Entry]) -> None:
    """Print folders of the cache, one per line."""
    import datetime

    rows = [
        (
            entry.kind,
            entry.path.name,
            bytes_text(entry.bytes),
            datetime.datetime.fromtimestamp(entry.modified).strftime("%Y-%m-%d %H:%M"),
            entry.about,
        )
        for entry in entries
    ]
    output.print_table(("kind", "name", "size", "changed", "what"), rows, grouped=True)
