"""How commands are found, and how errors reach the user."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import click

from segkit.cli import output, streams
from segkit.cli.help import Context
from segkit.engine.stop import Stopped, sigterm_as_ctrl_c
from segkit.errors import SegkitError, did_you_mean

ANYWHERE = ("--traceback", "--no-plugins", "--no-color")
"""Options of `segkit` itself that may also stand behind the subcommand."""
BY_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM)
"""What a disk refuses, wherever no one has said what was being written: no fault of the program."""
FREE_SPACE = "free some space, check its permissions, or name another --output"
MORE_MEMORY = "free some, work on smaller images or with --workers 0, or use a machine with more"
INTERRUPTED = 130
COMPLETES = "_SEGKIT_COMPLETE"
"""The variable by which click is asked by a shell what may come next."""
BY_CTRL_C = "stopped by Ctrl-C"


class Group(click.Group):
    """A command group whose errors are one line on stderr and a code: 1 bad input, 2 usage, 130 Ctrl-C, 143 SIGTERM.

    Args:
        modules: subcommand -> "package.module:name", imported when asked for, so that the others start without it.
        open_to_plugins: a name that is none of these may be a plugin's subcommand.
        sections: title -> the subcommands under it in the help, in the order in which one needs them.
    """

    def __init__(
        self,
        *args: Any,
        modules: Mapping[str, str] | None = None,
        open_to_plugins: bool = False,
        sections: Mapping[str, Sequence[str]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.modules = modules or {}
        self.open_to_plugins = open_to_plugins
        self.sections = sections or {}

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the subcommands, imported or not."""
        return sorted({*self.commands, *self.modules})

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands by what one does with them, each with its whole first sentence."""
        placed = {name for names in self.sections.values() for name in names}
        others = [name for name in self.list_commands(ctx) if name not in placed]
        for title, names in {**self.sections, "Commands": others}.items():
            found = [(name, command) for name in names if (command := self.get_command(ctx, name)) is not None]
            if found:
                with formatter.section(title):
                    formatter.write_dl([(name, command.get_short_help_str(limit=1000)) for name, command in found])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, imported now where it was not; None where there is none of that name."""
        if cmd_name in self.modules and cmd_name not in self.commands:
            module, _, name = self.modules[cmd_name].partition(":")
            self.add_command(getattr(importlib.import_module(module), name), cmd_name)
        own = super().get_command(ctx, cmd_name)
        if own is None and self.open_to_plugins:
            from segkit.cli.strangers import load_stranger

            own = load_stranger(cmd_name)
        if own is not None and own.context_class is click.Context:
            own.context_class = Context
        return own

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; leaves by SystemExit unless `standalone_mode` is off."""
        args = list(sys.argv[1:] if args is None else args)
        if COMPLETES in os.environ:
            from segkit.cli.bash_words import register

            register()
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        gc.enable()  # off while segkit was imported (segkit/starting.py)
        streams.prepare()
        try:
            apart = output.results_apart("--json" in args)
            with output.warnings_as_lines(raw="--traceback" in args), sigterm_as_ctrl_c(), apart:
                code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            output.show_usage(error)
            sys.exit(error.exit_code)
        except SystemExit as error:
            # A network that leaves in the middle would end a run with exit code 0; a subcommand may leave as it likes.
            if "--traceback" not in args and explain_culprit(error, within=args[:1]):
                sys.exit(1)
            raise
        except (click.Abort, KeyboardInterrupt, Exception) as error:
            # click takes an EOFError for the end of what somebody types; a cut file raises it too.
            cause = error.__cause__ if isinstance(error, click.Abort) else error
            if cause is None or isinstance(cause, KeyboardInterrupt):
                asked = isinstance(cause, Stopped)
                output.complain(str(cause) if asked else BY_CTRL_C, prefix="interrupted")
                sys.exit(cause.exit_code if isinstance(cause, Stopped) else INTERRUPTED)
            if "--traceback" in args:
                sys.excepthook = output.show_traceback
                raise cause from None
            if isinstance(cause, SegkitError):
                output.complain(str(cause))
                sys.exit(cause.exit_code)
            if isinstance(cause, OSError) and cause.errno in BY_DISK:
                output.complain(f"{cause.filename or 'a file'}: {cause.strerror}; {FREE_SPACE}")
            elif is_memory(cause):
                output.complain(f"memory does not suffice ({type(cause).__name__}); {MORE_MEMORY}")
            elif not explain_damage(cause) and not explain_culprit(cause):
                reason = f"{type(cause).__name__}: {cause}".rstrip(": ")
                output.complain(f"{reason}; run with --traceback to see where, and report it", prefix="internal error")
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the options of ANYWHERE from wherever they stand."""
        end = args.index("--") if "--" in args else len(args)
        found = [arg for arg in args[:end] if arg in ANYWHERE]
        others = [arg for arg in args[:end] if arg not in ANYWHERE]
        return super().parse_args(ctx, found + others + args[end:])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; an unknown one is a usage error that names the nearest."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}{did_you_mean(args[0], self.list_commands(ctx))}.")
        return super().resolve_command(ctx, args)


def is_memory(error: BaseException) -> bool:
    """Whether an error is that of memory that is not there, which commands name their case or step for where they can.

    Of PyTorch's errors nothing is imported to be told apart: where it raised one, it is there.
    """
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError) or "torch" not in sys.modules:
        return False
    from segkit.engine.memory import out_of_memory

    return out_of_memory(error)


def explain_culprit(error: BaseException, within: Sequence[str] = ()) -> bool:
    """Tell an error that a plugin's code raised as that plugin's.

    Args:
        within: subcommands whose own plugin is not meant.
    """
    from segkit.cli.strangers import registry
    from segkit.jobs.culprit import culprit_of

    found = culprit_of(error, registry().plugins)
    if found is not None and any(name in found.plugin.commands for name in within):
        return False
    if found is not None:
        output.complain(str(found.error(error)))
    return found is not None


def explain_damage(error: BaseException) -> bool:
    """Name the installed distribution beside which something, such as PyTorch's compiler, could not be imported."""
    frames = traceback.walk_tb(error.__traceback__)
    if not any(frame.f_globals.get("__name__") == "importlib.metadata" for frame, _ in frames):
        return False
    from segkit.declarations.installed import damaged_distributions

    for name, reason in damaged_distributions():
        output.complain(f"{name} is installed, and {reason}; reinstall or uninstall it, and ask segkit doctor")
        return True
    return False
