"""The hooks a segkit plugin can implement: most return declarations, three hear what happens in a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

from segkit.declarations.component import Component
from segkit.declarations.kinds import Architecture, Dataset, Explainer, Loss, Metric
from segkit.declarations.parts import Launcher, Part

if TYPE_CHECKING:
    from segkit.contracts import RunInfo

# Raised in its first part when a plugin written for the older one may stop working; docs/plugin-api.md has the rule.
API_VERSION = "1.1"

hookspec = HookspecMarker("segkit")
hookimpl = HookimplMarker("segkit")


@hookspec
def segkit_architectures() -> list[Architecture]:  # type: ignore[empty-body]
    """Return the networks this plugin provides."""


@hookspec
def segkit_datasets() -> list[Dataset]:  # type: ignore[empty-body]
    """Return the datasets this plugin provides."""


@hookspec
def segkit_losses() -> list[Loss]:  # type: ignore[empty-body]
    """Return the losses this plugin provides."""


@hookspec
def segkit_metrics() -> list[Metric]:  # type: ignore[empty-body]
    """Return the metrics this plugin provides."""


@hookspec
def segkit_explainers() -> list[Explainer]:  # type: ignore[empty-body]
    """Return the explainers this plugin provides."""


@hookspec
def segkit_parts() -> list[Part]:  # type: ignore[empty-body]
    """Return the parts of training, scoring and output this plugin provides: optimizers, schedules, samplers, ..."""


@hookspec
def segkit_launchers() -> list[Launcher]:  # type: ignore[empty-body]
    """Return the launchers this plugin provides."""


@hookspec
def segkit_commands() -> dict[str, str]:  # type: ignore[empty-body]
    """Return the subcommands this plugin provides: name -> "package.module:command", a click command."""


@hookspec
def segkit_run_started(run: RunInfo) -> None:
    """Hear that a run starts; its directory and config.toml are there."""


@hookspec
def segkit_epoch_ended(run: RunInfo, record: Mapping[str, Any]) -> None:
    """Hear what an epoch gave: a line of history.jsonl."""


@hookspec
def segkit_run_ended(run: RunInfo, status: str, summary: Mapping[str, Any]) -> None:
    """Hear how a run ended: "finished" with what summary.json holds, "stopped" or "failed"."""


EVENT_HOOKS = ("segkit_run_started", "segkit_epoch_ended", "segkit_run_ended")
"""Hooks that declare nothing; what they raise is reported and never stops a run."""

DECLARATION_OF_HOOK: dict[str, type[Component]] = {
    "segkit_architectures": Architecture,
    "segkit_datasets": Dataset,
    "segkit_losses": Loss,
    "segkit_metrics": Metric,
    "segkit_explainers": Explainer,
    "segkit_parts": Part,
    "segkit_launchers": Launcher,
}
COMMANDS_HOOK = "segkit_commands"
EVERY_HOOK = (*DECLARATION_OF_HOOK, COMMANDS_HOOK, *EVENT_HOOKS)
