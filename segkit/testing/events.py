"""Plugins that hear what happens in a run: their hooks are called as a run calls them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import Any

from segkit.contracts import RunInfo
from segkit.declarations.hookspecs import EVENT_HOOKS
from segkit.testing.causes import told
from segkit.testing.check import NotChecked, check, fail, listed
from segkit.testing.subjects import PluginSubject

CONFIG = {"train.epochs": 2, "data.size": [64, 64], "run.seed": 0}
FIGURE = "score@store"
TRAINED: dict[str, Any] = {
    "epoch": 1,
    "step": 4,
    "seconds": 1.5,
    "images_per_second": 8.0,
    "learning_rate": 0.001,
    "loss": 0.5,
    "terms": {"loss": 0.5},
}
"""A line of history.jsonl of a run without a validation split."""
VALIDATED: dict[str, Any] = {
    "val": {FIGURE: 0.25},
    "val_counts": {FIGURE: {"n": 3, "failed": 0}},
    "val_cases": {"scored": 3, "of": 3},
}
"""What a validation split adds to it; a figure that is not finite is None, as in the file."""
SCORE = {"metric": "score", "aggregation": "case_mean", "name": "score (mean over cases)", "class": "class-1"}
FIGURES = {
    "mean": 0.5,
    "std": 0.1,
    "median": 0.5,
    "ci_low": None,
    "ci_high": None,
    "ci_method": None,
    "n": 3,
    "note": "",
}
SUMMARY: dict[str, Any] = {
    "main_metric": "score",
    "split": "test",
    "weights": "best",
    "parameters": 1000,
    "seconds": {"train": 3.0},
    "components": [],
    "scores": [SCORE | FIGURES],
}
MEND = "take the hook's arguments as docs/plugin-api.md has them, and get on without what is not there"


@check("plugin", "events", needs=["loads"])
def events(subject: PluginSubject) -> None:
    """Event hooks take what a run says: its start, epochs, a score that is None or not there, and each way to end."""
    module = subject.plugin.entry_point.load()
    hooks = [name for name in EVENT_HOOKS if hasattr(getattr(module, name, None), "segkit_impl")]
    if not hooks:
        raise NotChecked("it hears no events")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "run")
        root.mkdir()
        (root / "config.toml").write_text("[train]\nepochs = 2\n", encoding="utf-8")
        for resumed, status in ((False, "finished"), (True, "stopped"), (True, "failed")):
            run = RunInfo(root, MappingProxyType(CONFIG), 1000, "cpu", resumed)
            call(module, "segkit_run_started", run=run)
            for epoch, told_of in enumerate((VALIDATED, VALIDATED | {"val": {FIGURE: None}}, {}), start=1):
                record = MappingProxyType(TRAINED | {"epoch": epoch} | told_of)
                call(module, "segkit_epoch_ended", run=run, record=record)
            summary = SUMMARY if status == "finished" else {}
            call(module, "segkit_run_ended", run=run, status=status, summary=MappingProxyType(summary))


def call(module: object, name: str, **arguments: Any) -> None:
    """Call a hook with those of its arguments that it takes, as pluggy does."""
    import inspect

    hook = getattr(module, name, None)
    if not hasattr(hook, "segkit_impl"):
        return
    taken = inspect.signature(hook).parameters  # type: ignore[arg-type]
    unknown = [key for key, value in taken.items() if key not in arguments and value.default is value.empty]
    if unknown:
        fail(f"{name} has no such argument: {listed(unknown)}", MEND)
    try:
        hook(**{key: value for key, value in arguments.items() if key in taken})  # type: ignore[misc]
    except Exception as error:
        fail(f"{name} raised {told(error)}", MEND)
