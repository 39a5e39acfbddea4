"""The command `segkit` and its subcommands."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

import click

from segkit.cli import output
from segkit.cli.groups import Group
from segkit.version import __version__

SPINS = "10000"
"""How often a thread of PyTorch looks whether the others are done before it sleeps: half a millisecond, not 16."""


@click.group(
    cls=Group,
    modules={
        "calibrate": "segkit.cli.calibrate:calibrate",
        "check": "segkit.cli.check:check",
        "compare": "segkit.cli.compare:compare",
        "data": "segkit.cli.data:data",
        "doctor": "segkit.cli.doctor:doctor",
        "evaluate": "segkit.cli.evaluate:evaluate",
        "explain": "segkit.cli.explain:explain",
        "export": "segkit.cli.export:export",
        "info": "segkit.cli.info:info",
        "list": "segkit.cli.list_:list_components",
        "new": "segkit.cli.new:new",
        "plan": "segkit.cli.plan:plan",
        "plugins": "segkit.cli.plugins:plugins",
        "predict": "segkit.cli.predict:predict",
        "report": "segkit.cli.report:report",
        "run": "segkit.cli.run:run",
        "runs": "segkit.cli.runs:runs",
        "sweep": "segkit.cli.sweep:sweep",
        "train": "segkit.cli.train:train_command",
        "weights": "segkit.cli.weights:weights",
    },
    open_to_plugins=True,
    sections={
        "Start": ("plan", "run", "train", "predict", "compare", "sweep"),
        "Look": ("report", "runs", "evaluate", "explain", "calibrate", "export"),
        "Data and weights": ("data", "weights"),
        "Plugins and installation": ("list", "info", "new", "check", "plugins", "doctor"),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Commands of plugins are shown by segkit plugins. "
    'Complete names in the shell: eval "$(_SEGKIT_COMPLETE=bash_source segkit)", or zsh_source, fish_source.',
)
@click.version_option(__version__, prog_name="segkit")
@click.option("--traceback", is_flag=True, help="Show where an error came from.")
@click.option("--no-plugins", is_flag=True, help="Load no plugins (SEGKIT_DISABLE_PLUGINS=NAME,... spares some).")
@click.option("--no-color", is_flag=True, help="Print without colour, as NO_COLOR does.")
def main(traceback: bool, no_plugins: bool, no_color: bool) -> None:
    """Train, evaluate and explain medical image segmentation models."""
    share_cores(os.environ)
    # Those backends are none that `run.device` can name, and PyTorch looks for them in the entry points of everything
    # installed: a single distribution whose file is malformed makes `import torch` fail (issue 19).
    os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")
    if no_color:
        output.switch_colour_off()


def share_cores(environ: MutableMapping[str, str]) -> None:
    """Let threads that wait for each other leave their core to whoever has work, unless the user has said otherwise.

    GNU's OpenMP, which PyTorch has on Linux, reads it when torch is imported. Beside one other busy process two threads
    on two cores otherwise spend nearly all of their time waiting.
    """
    if "OMP_WAIT_POLICY" not in environ:
        environ.setdefault("GOMP_SPINCOUNT", SPINS)
