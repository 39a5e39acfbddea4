"""A registry of made-up plugins for the commands to show."""

from __future__ import annotations

import math
import types
from dataclasses import dataclass
from typing import Literal

import pytest
from click.testing import CliRunner

import segkit
from segkit.cli.main import main
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry


@dataclass(frozen=True)
class NetParams:
    width: int = segkit.param(64, "Channels of the first level.", min=1, max=1024)
    norm: Literal["none", "batch"] = segkit.param("none", "Normalisation.")
    size: tuple[int, ...] | None = segkit.param(None, "Grid.", min=8)


def declared() -> dict[str, list[segkit.Loss | segkit.Metric | segkit.Architecture | segkit.Dataset]]:
    """Components by distribution; two of them share the name "overlap" in one kind, three over both."""
    overlap = {"factory": "m:f", "name": "overlap"}
    net = segkit.Architecture(
        name="net",
        aliases=("n-net",),
        factory="net.model:build",
        summary="A net.",
        params=NetParams,
        reference="Somebody, 2015",
        spatial_dims=(2, 3),
        layers={"last": "decoder.0"},
        defaults={2: {"arch.norm": "batch"}, 3: {"arch.width": 16, "train.epochs": 5}},
    )
    volumes = segkit.Dataset(name="volumes", factory="m:f", summary="Some volumes.", modes={"slices": 2, "patches": 3})
    distance = segkit.Metric(
        name="distance", factory="m:f", measure="m:g", summary="A distance.", unit="mm", range=(0.0, math.inf)
    )
    return {
        "segkit-net": [net, volumes],
        "one": [segkit.Loss(summary="One's overlap.", **overlap), distance],
        "two": [
            segkit.Loss(summary="Two's overlap.", **overlap),
            segkit.Metric(summary="Overlap.", measure="m:g", **overlap),
        ],
    }


def plugin_of(name, components):
    """A plugin whose hooks return some components, or whose import fails with the exception given instead."""
    module = types.ModuleType(name)
    for hook, kind in (("architectures", "arch"), ("datasets", "data"), ("losses", "loss"), ("metrics", "metric")):
        chosen = [] if isinstance(components, Exception) else [part for part in components if part.kind == kind]
        setattr(module, f"hook_{hook}", segkit.hookimpl(lambda found=chosen: found, specname=f"segkit_{hook}"))

    def load():
        if isinstance(components, Exception):
            raise components
        return module

    point = types.SimpleNamespace(name=name, value=f"{name}_module", load=load)
    return Plugin(name, "1.0", point, ("segkit-core>=0.1,<1",))


@pytest.fixture
def plugins(monkeypatch):
    """Let the commands see made-up plugins: by distribution, a list of components or an exception."""
    shown = {**declared(), "broken": ImportError("no module\nnamed rare")}

    def discover(*, enabled=True):
        registry = Registry()
        for name, components in sorted(shown.items()):
            plugin = plugin_of(name, components)
            plugin.disabled = not enabled
            registry.add(plugin)
        return registry

    monkeypatch.setattr(Registry, "discover", discover)
    for name in ("NO_COLOR", "FORCE_COLOR", "SEGKIT_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    return shown


@pytest.fixture
def invoke(plugins):
    """Run the command beside the made-up plugins."""
    return lambda *args, **more: CliRunner().invoke(main, args, **more)
