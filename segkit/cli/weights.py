"""`segkit weights`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segkit.cli import output
from segkit.cli.completion import ComponentName
from segkit.cli.groups import Group
from segkit.cli.paths import PATH
from segkit.cli.registry import load_registry
from segkit.cli.setting_text import set_option
from segkit.errors import SegkitError, UsageError

if TYPE_CHECKING:
    from segkit.data.pretrained import KeptWeights
    from segkit.discovery import Found

COLUMNS = ("name", "licence", "size", "from")
NOT_STATED = "not stated"


@click.group(cls=Group)
def weights() -> None:
    """List and fetch the published weights that networks can start from; average those of several runs."""


@weights.command("list", short_help="List the weights in the cache.")
@output.json_option
def list_weights(as_json: bool) -> None:
    """List the weights in segkit's cache: name, licence, size, and where they come from."""
    from segkit.data import pretrained

    found = pretrained.list_weights()
    if as_json:
        output.print_json([as_object(one) for one in found])
        return
    if found:
        output.print_table(COLUMNS, [row_of(one) for one in found])
    else:
        output.say("no weights are in the cache: segkit weights download ARCH fetches an architecture's", err=True)


@weights.command(short_help="Fetch the weights that an architecture can start from.")
@click.argument("name", type=ComponentName("arch"))
@set_option("Set a param, as for a run.", metavar="arch.PARAM=VALUE")
@output.json_option
def download(name: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Fetch the weights that the architecture NAME starts with where arch.pretrained=true, into segkit's cache.

    Stopped or killed at any moment, the same command goes on where it was.

    \b
    segkit weights download pspnet --set arch.backbone=resnet50
    """
    from segkit.cli.data.watch import watch_bytes
    from segkit.config import read_assignments
    from segkit.data.pretrained import download_weights
    from segkit.planning.pretrained import published_weights

    found = load_registry().find("arch", name)
    published = published_weights(found, read_assignments(assignments).values)
    if published is None:
        declares = getattr(found.component, "pretrained", "")
        raise SegkitError(
            f"{found.plugin.name} knows of no weights for {found.component.name} with these params"
            if declares
            else f"{found.component.name} declares no published weights",
            f"see its params: segkit info {name}" if declares else "give a file of your own: --from FILE",
        )
    output.say(f"downloading {published.name} ({published.licence or 'licence ' + NOT_STATED})", err=True)
    progress = watch_bytes()
    try:
        kept = download_weights(published, progress)
    finally:
        progress.close()
    if as_json:
        output.print_json(as_object(kept))
        return
    output.print_table((*COLUMNS, "SHA-256"), [(*row_of(kept), kept.sha256)])
    output.say(f"used where arch.pretrained=true: {kept.path}", err=True)


@weights.command("average", short_help="Average the weights of runs that started from the same ones.")
@click.argument("models", nargs=-1, required=True, type=PATH, metavar="RUN...")
@click.option("--output", "target", type=PATH, metavar="FILE", required=True, help="The new model, .safetensors.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@output.json_option
def average(models: tuple[str, ...], target: str, force: bool, as_json: bool) -> None:
    """Write the mean of the weights of several MODELS, runs or model.safetensors, as one model.

    They must have started from the same weights (--from): runs that began anew have nothing in common that a mean
    would keep. Whether it is better than each of them, a validation split says.

    \b
    segkit run --from runs/first --data isic --seed 1 --output runs/one
    segkit run --from runs/first --data isic --seed 2 --output runs/two
    segkit weights average runs/one runs/two --output soup.safetensors
    segkit evaluate soup.safetensors --split val
    """
    from segkit.jobs.average import average_models
    from segkit.rundir.checkpoint import checkpoint_of

    path = Path(target)
    if path.suffix != ".safetensors":
        raise UsageError(f"--output {target} does not end in .safetensors", "name it so: other commands look for it")
    done = average_models([checkpoint_of(Path(one)) for one in models], path, force=force)
    if as_json:
        output.print_json(asdict(done))
        return
    output.say(f"average of {done.models} runs that started from {done.started_from}: {target}")


def row_of(kept: KeptWeights) -> tuple[str, ...]:
    """Name, licence, size and origin as text."""
    from segkit.files import bytes_text

    return kept.name, kept.licence or NOT_STATED, bytes_text(kept.bytes), kept.url or "put there by hand"


def as_object(kept: KeptWeights) -> dict[str, Any]:
    """What JSON holds of a file."""
    return {**asdict(kept), "path": str(kept.path)}


def availability(item: Found) -> dict[str, Any]:
    """Say of an architecture whether the weights that it starts with are at hand; empty where it declares none."""
    from segkit.data.pretrained import at_hand
    from segkit.planning.pretrained import published_weights

    published = published_weights(item, {})
    if published is None:
        return {}
    here = at_hand(published)
    return {"name": published.name, "url": published.url, "licence": published.licence, "at_hand": here is not None}


def availability_text(figures: dict[str, Any], arch: str) -> str:
    """Write it for people."""
    here = "at hand" if figures["at_hand"] else f"not at hand: segkit weights download {arch}"
    return f"{figures['name']} ({figures['licence'] or 'licence ' + NOT_STATED}), {here}"
