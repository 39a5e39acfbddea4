"""`segkit serve`."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import click

from segkit import SegkitError, UsageError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
SHORTEST = 16
"""Letters of a token that somebody chose."""
SIGNS = re.compile(r"[A-Za-z0-9_-]+")


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="NAME", help="Address to listen at.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), metavar="N", help="0: any.")
@click.option("--token", envvar="SEGKIT_SERVE_TOKEN", metavar="TEXT", help="What every request must have; else drawn.")
@click.option("--keep", metavar="DIR", help="Keep corrections and their images here; else nothing is kept.")
@click.option(
    "--allow-origin", "origins", multiple=True, metavar="URL", help="A viewer's page elsewhere that may ask, as OHIF."
)
@click.option(
    "--max-upload",
    default=512,
    show_default=True,
    type=click.IntRange(1, 1 << 20),
    metavar="MIB",
    help="Longest request, all of its files together.",
)
@click.option(
    "--queue", default=32, show_default=True, type=click.IntRange(1, 10000), metavar="N", help="Images waiting."
)
@click.option("--time", "seconds", type=click.IntRange(1), metavar="S", help="Longest for one image [30; volumes 900].")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--open", "browse", is_flag=True, help="Open the page in a browser.")
def serve(
    models: tuple[str, ...],
    host: str,
    port: int,
    token: str | None,
    keep: str | None,
    origins: tuple[str, ...],
    max_upload: int,
    queue: int,
    seconds: int | None,
    device: str,
    browse: bool,
) -> None:
    """Serve trained models: a page to drop images on, an interface over HTTP, MONAI Label's addresses.

    MODEL is a run directory or a model.safetensors; several are shown side by side.

    \b
    segkit serve runs/unet-isic
    segkit serve a.safetensors b.safetensors --keep corrections

    It listens on this machine alone and asks for the token in the address that it prints. Images and results are
    forgotten within the hour, and when it ends.
    """
    from segkit_serve.limits import MIB, Limits
    from segkit_serve.serving import Served, serve_models

    loopback = host in LOOPBACK
    check_token(token)
    limits = Limits(upload=max_upload * MIB, waiting=queue)
    if seconds is not None:
        limits = Limits(upload=max_upload * MIB, waiting=queue, photograph=seconds, volume=seconds)
    for path in models:
        if not Path(path).exists():
            raise SegkitError(f"{path} does not exist", "give a run directory or a model.safetensors")

    def ready(served: Served) -> None:
        click.echo(f"listening at {served.url}")
        if not loopback:
            click.echo(
                f"warning: --host {host} lets other machines ask: whoever has the token in that address may, and what "
                "is sent is not encrypted; put a proxy with TLS before it",
                err=True,
            )
        click.echo(f"MONAI Label's clients (3D Slicer, OHIF) take {served.monai}", err=True)
        click.echo(
            f"corrections are kept in {keep}" if keep else "nothing is kept; --keep DIR keeps corrections", err=True
        )
        click.echo("for research, not for diagnosis; Ctrl-C ends it", err=True)
        if browse:
            click.launch(served.url)

    token = token or secrets.token_urlsafe(24)
    serve_models(models, device, host, port, token, limits, tuple(origins), keep, ready)


def check_token(token: str | None) -> None:
    """Raise UsageError where a token is one that can be guessed, or that no address can hold."""
    if token is None:
        return
    if len(token) < SHORTEST or not SIGNS.fullmatch(token):
        raise UsageError(
            f"the token has to be at least {SHORTEST} letters, digits, - and _", "leave out --token, and one is drawn"
        )
