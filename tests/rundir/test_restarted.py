"""The run that the same command began before its processes were started again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from segkit.config import Config, Layer
from segkit.discovery import Registry
from segkit.planning.plan import make_plan
from segkit.rundir.resume import restarted


def config_of(registry: Registry, **values: object) -> Config:
    """The config of a command's flags, written as section__field=value."""
    flags = {name.replace("__", "."): value for name, value in values.items()}
    return make_plan(
        [Layer("flag", {"components.arch": "net", "components.data": "squares", **flags})], registry, {}
    ).config


@pytest.fixture
def begun(toy_registry: Registry):
    """Write the config of a run into a folder of runs/, so many seconds ago."""

    def write(name: str, ago: float, **values: object) -> Path:
        folder = Path("runs", name)
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(config_of(toy_registry, **values).to_toml())
        now = (folder / "config.toml").stat().st_mtime
        os.utime(folder / "config.toml", (now - ago, now - ago))
        return folder

    return write


def test_it_is_the_latest_of_the_same_settings(toy_registry: Registry, begun) -> None:
    """Under its own name or a numbered one; a run of other settings, or with a damaged config, is somebody else's."""
    config = config_of(toy_registry, run__name="a")
    name = str(config.run.name)
    assert restarted(None, config) is None
    begun(name, 30, run__name="a")
    wanted = begun(f"{name}-2", 20, run__name="a", run__workers=7)
    begun(f"{name}-3", 10, run__name="a", run__seed=5)
    begun("other", 5, run__name="b")
    (begun(f"{name}-4", 1, run__name="a") / "config.toml").write_text("[run\n")
    Path("runs", f"{name}-5").mkdir()
    assert restarted(None, config) == wanted
    assert restarted(None, config_of(toy_registry, run__name="a", train__epochs=9)) is None


def test_of_a_directory_that_was_asked_for_it_is_that_one_or_none(toy_registry: Registry, begun) -> None:
    """Whatever lies in runs/."""
    config = config_of(toy_registry, run__name="a")
    begun(str(config.run.name), 1, run__name="a")
    assert restarted("there", config) is None
    there = begun("../there", 5, run__name="a")
    assert restarted(str(there), config) == there
    assert restarted(str(there), config_of(toy_registry, run__seed=3)) is None


def test_signs_that_mean_something_in_patterns_mean_themselves(toy_registry: Registry, begun) -> None:
    """A name may hold brackets."""
    config = config_of(toy_registry, run__name="a[1]")
    wanted = begun(str(config.run.name), 1, run__name="a[1]")
    assert restarted(None, config) == wanted
