"""The command group, and how errors reach the user."""

from __future__ import annotations

import sys
from typing import Any

import click

from segkit import __version__
from segkit.errors import SegkitError


class Group(click.Group):
    """A command group that prints a SegkitError as one line and exits with its code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; Ctrl-C exits with 130."""
        try:
            return super().invoke(ctx)
        except SegkitError as error:
            if ctx.params.get("traceback"):
                raise
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="segkit")
@click.option("--traceback", is_flag=True, help="Show where an error came from.")
@click.option("--no-plugins", is_flag=True, help="Load no plugins.")
@click.option("--no-color", is_flag=True, help="Print without colour (as NO_COLOR does).")
def main(traceback: bool, no_plugins: bool, no_color: bool) -> None:
    """Train, evaluate and explain medical image segmentation models."""


def load_commands() -> None:
    """Attach the subcommands; each module is light."""
    from segkit.cli.list_ import list_components

    main.add_command(list_components)


load_commands()

if __name__ == "__main__":
    sys.exit(main())
