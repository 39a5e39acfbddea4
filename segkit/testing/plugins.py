"""What every distribution has to pass, whatever it provides."""

from __future__ import annotations

import os
import subprocess
import sys

from segkit.declarations.hookspecs import EVENT_HOOKS
from segkit.declarations.installed import ContractError, check_version
from segkit.discovery import HEAVY_MODULES
from segkit.testing.check import check, fail, listed
from segkit.testing.subjects import PluginSubject

HEAVY = (*HEAVY_MODULES, "numpy", "PIL", "pandas", "monai", "segmentation_models_pytorch", "lightning", "transformers")
DECLARE = """
import importlib, sys
before = set(sys.modules)
module = importlib.import_module(sys.argv[1])
for name in dir(module):
    events = ("segkit_run_started", "segkit_epoch_ended", "segkit_run_ended")
    if name.startswith("segkit_") and name not in events and hasattr(getattr(module, name), "segkit_impl"):
        getattr(module, name)()
print("heavy:", *[name for name in sys.argv[2:] if name in sys.modules and name not in before])
"""


@check("plugin", "loads")
def loads(subject: PluginSubject) -> None:
    """The plugin loads, and declares a component or a subcommand or hears events."""
    plugin = subject.plugin
    if plugin.disabled:
        fail("it is disabled", "leave out SEGKIT_DISABLE_PLUGINS")
    if plugin.error is not None:
        fail(plugin.reason, plugin.hint or "mend what the message names")
    if not plugin.components and not plugin.commands and not hears(plugin.entry_point.load()):
        fail("its hooks declare nothing", "mark the function with @segkit.hookimpl and return a list of declarations")


def hears(module: object) -> bool:
    """Whether a module implements an event hook."""
    return any(hasattr(getattr(module, name, None), "segkit_impl") for name in EVENT_HOOKS)


@check("plugin", "core-range", needs=["loads"])
def core_range(subject: PluginSubject) -> None:
    """The distribution says which cores it works with, as segkit-core>=X,<Y."""
    try:
        notes = check_version(subject.plugin)
    except ContractError as error:
        fail(str(error), error.hint)
    if notes:
        fail(notes[0], 'write dependencies = ["segkit-core>=0.1,<0.2"] in pyproject.toml')


@check("plugin", "declares-lightly", needs=["loads"])
def declares_lightly(subject: PluginSubject) -> None:
    """Importing the plugin's module and calling its hooks imports no heavy library."""
    module = subject.plugin.entry_point.module
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", DECLARE, module, *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        fail(f"in a process of its own {module} does not import: {last}", f"python -c 'import {module}' has to work")
    heavy = done.stdout.strip().splitlines()[-1].split()[1:]
    if heavy:
        fail(f"it imports {listed(heavy)}", "import them inside the function or module that factory= names")
