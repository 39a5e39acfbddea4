"""Subcommands of a plugin: each is a click command that explains itself and takes no name of segkit's own."""

from __future__ import annotations

from segkit.declarations import resolve
from segkit.errors import SegkitError
from segkit.testing.check import NotChecked, check, fail
from segkit.testing.subjects import PluginSubject


@check("plugin", "commands", needs=["loads"])
def commands(subject: PluginSubject) -> None:
    """Each subcommand is a click command with a help text, and --help explains it and every option."""
    import click
    from click.testing import CliRunner

    declared = subject.plugin.commands
    if not declared:
        raise NotChecked("it provides none")
    for name, path in declared.items():
        try:
            found = resolve(path, f"command {name}")
        except SegkitError as error:
            fail(error.message, f"mend the place of command {name}, or what its module imports")
        if not isinstance(found, click.Command):
            fail(f"command {name} is {type(found).__name__}", "name a function under @click.command()")
        if not (found.help or "").strip():
            fail(f"command {name} has no help text", "say in a docstring what it does")
        silent = [one for one in found.params if isinstance(one, click.Option) and not one.help and not one.hidden]
        if silent:
            fail(f"option {silent[0].opts[-1]} of command {name} has no help", 'write help="..."')
        told = CliRunner().invoke(found, ["--help"], prog_name=f"segkit {name}")
        if told.exit_code:
            fail(
                f"segkit {name} --help ends with exit code {told.exit_code}", "do nothing before the command is called"
            )
