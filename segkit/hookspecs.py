"""The hooks a segkit plugin can implement; each returns a list of declarations."""

from __future__ import annotations

from pluggy import HookimplMarker, HookspecMarker

from segkit.declarations import Architecture, Component, Dataset, Explainer, Loss, Metric

# Raised in its first part when a plugin written for the older one may stop working; docs/plugin-api.md has the rule.
API_VERSION = "1.0"

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


DECLARATION_OF_HOOK: dict[str, type[Component]] = {
    "segkit_architectures": Architecture,
    "segkit_datasets": Dataset,
    "segkit_losses": Loss,
    "segkit_metrics": Metric,
    "segkit_explainers": Explainer,
}
