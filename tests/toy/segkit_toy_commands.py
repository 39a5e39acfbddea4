"""A stranger's subcommand."""

import click


@click.command()
@click.argument("whom")
def greet(whom: str) -> None:
    """Greet WHOM."""
    if whom == "nobody":
        raise ZeroDivisionError("nobody is there")
    click.echo(f"hello {whom}")
