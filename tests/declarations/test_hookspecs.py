"""The hooks, their declarations, and how a removal would be announced."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from pathlib import Path

import pluggy
import pytest

import segkit
from segkit.declarations import KINDS, hookspecs
from segkit.declarations.installed import Plugin
from segkit.declarations.parts import EVERY_KIND, PARTS, Launcher, Part
from segkit.discovery import Registry

PAGE = Path(__file__).parents[2] / "docs" / "plugin-api.md"


def test_each_kind_has_one_hook():
    """Every kind of component comes from exactly one hook that takes no arguments."""
    manager = pluggy.PluginManager("segkit")
    manager.add_hookspecs(hookspecs)
    hooks = {name: caller for name, caller in vars(manager.hook).items() if name.startswith("segkit_")}
    assert set(hooks) == set(hookspecs.EVERY_HOOK)
    assert set(hookspecs.DECLARATION_OF_HOOK.values()) == {*KINDS.values(), Part, Launcher}
    assert all(hooks[name].spec.argnames == () for name in hookspecs.DECLARATION_OF_HOOK)
    assert all(hooks[name].spec.argnames[0] == "run" for name in hookspecs.EVENT_HOOKS)


def test_the_page_names_every_hook_and_declaration():
    """docs/plugin-api.md states the API's version, and no hook or declaration is missing from it."""
    text = PAGE.read_text()
    assert f"The plugin API's version is **{segkit.API_VERSION}**" in text
    for hook, declaration in hookspecs.DECLARATION_OF_HOOK.items():
        assert re.search(rf"`{hook}`.*`{declaration.__name__}`", text)
    assert "`segkit_commands`" in text
    for kind, part in PARTS.items():
        assert re.search(rf"`{part.__name__}`.*`{kind}`", text)
    for hook in hookspecs.EVENT_HOOKS:
        arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
        assert f"`{hook}({arguments})`" in text


@pytest.mark.parametrize("declaration", EVERY_KIND.values(), ids=list(EVERY_KIND))
def test_the_page_names_every_field(declaration):
    """docs/plugin-api.md explains every field of every declaration."""
    text = PAGE.read_text()
    for field in dataclasses.fields(declaration):
        assert f"| `{field.name}` |" in text, field.name


def test_a_deprecated_hook_is_announced():
    """A hook marked for removal still works, and `segkit plugins` shows the warning for who implements it."""
    specs = types.ModuleType("specs")

    def segkit_losses():
        """Return losses."""

    specs.segkit_losses = hookspecs.hookspec(warn_on_impl=DeprecationWarning("segkit_losses goes in 3.0"))(
        segkit_losses
    )
    module = types.ModuleType("old_plugin")
    declared = [segkit.Loss(name="old", factory="old_plugin:build", summary="Old.")]
    module.segkit_losses = segkit.hookimpl(lambda: declared, specname="segkit_losses")
    registry = Registry()
    registry.manager = pluggy.PluginManager("segkit")
    registry.manager.add_hookspecs(specs)
    plugin = Plugin(
        "old-plugin", "1.0", types.SimpleNamespace(name="old", load=lambda: module), ("segkit-core>=0.1,<1",)
    )
    registry.add(plugin)
    assert plugin.status == "ok"
    assert plugin.components == declared
    assert plugin.notes == ["DeprecationWarning: segkit_losses goes in 3.0"]
