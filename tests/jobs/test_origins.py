"""Whether the module of a plugin is its own."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from segkit.declarations.installed import Plugin
from segkit.discovery import Registry
from segkit.jobs.origins import foreign_module


def test_the_installed_plugins_bring_their_modules():
    """Wheels and packages that are installed in place alike."""
    plugins = Registry.discover().plugins
    assert plugins
    assert {plugin.name: foreign_module(plugin) for plugin in plugins if foreign_module(plugin)} == {}


def test_a_module_of_another_distribution():
    """A plugin that names what somebody else installed is told with the owner."""
    told = foreign_module(Plugin("segkit-core", "1.0", EntryPoint("unet", "pluggy:plugin", "segkit")))
    assert told == "its module pluggy is not its own but that of pluggy"


def test_a_module_that_nobody_installed(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A file that merely lies on the path."""
    (tmp_path / "segkit_lying_about.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    told = foreign_module(Plugin("segkit-core", "1.0", EntryPoint("unet", "segkit_lying_about", "segkit")))
    assert told == "its module segkit_lying_about is not its own but of no distribution"


def test_what_is_not_installed_is_told_elsewhere():
    """Without a distribution there is nothing to compare with."""
    assert foreign_module(Plugin("segkit-never-there", "1.0", EntryPoint("unet", "pluggy", "segkit"))) == ""


def test_a_distribution_that_lists_no_files(monkeypatch: pytest.MonkeyPatch):
    """Some packagers leave the list out: then nobody can say that the module is its own."""
    from types import SimpleNamespace

    from segkit.jobs import origins

    bare = SimpleNamespace(files=None, read_text=lambda name: None)
    monkeypatch.setattr(origins.metadata, "distribution", lambda name: bare)
    told = foreign_module(Plugin("segkit-bare", "1.0", EntryPoint("unet", "pluggy:plugin", "segkit")))
    assert told == "its module pluggy is not its own but that of pluggy"
