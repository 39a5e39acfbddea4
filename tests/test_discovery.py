"""Discovery: versions, names, and what is told when nobody answers to a name."""

from __future__ import annotations

import string
import types
from importlib.metadata import Distribution

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

import segkit
from segkit import SegkitError, UsageError
from segkit.declarations import installed
from segkit.declarations.installed import Plugin
from segkit.discovery import Registry


def plugin_of(name, *components, requires=("segkit-core>=0.1,<1",), entry_point=None):
    """A plugin whose module returns the given losses and metrics, without anything installed."""
    module = types.ModuleType(name)
    losses = [component for component in components if component.kind == "loss"]
    metrics = [component for component in components if component.kind == "metric"]
    module.segkit_losses = segkit.hookimpl(lambda: losses, specname="segkit_losses")
    module.segkit_metrics = segkit.hookimpl(lambda: metrics, specname="segkit_metrics")
    point = types.SimpleNamespace(name=entry_point or name, value=name, load=lambda: module)
    return Plugin(name, "1.0", point, tuple(requires))


def loss(name, **fields):
    """Declare a loss."""
    return segkit.Loss(name=name, factory="m:f", summary="A loss.", **fields)


def metric(name):
    """Declare a metric."""
    return segkit.Metric(name=name, factory="m:f", measure="m:f", summary="A metric.")


def registry_of(*plugins):
    """A registry of some plugins."""
    registry = Registry()
    for plugin in plugins:
        registry.add(plugin)
    return registry


def distribution_of(folder, number=0, **files):
    """A folder of metadata, as pip leaves it, with some bytes in its files; None makes a folder of one."""
    info = folder / f"stranger{number}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    for name, content in files.items():
        path = info / {"points": "entry_points.txt", "metadata": "METADATA"}[name]
        path.mkdir() if content is None else path.write_bytes(content)
    return Distribution.at(info)


METADATA = b"Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n"
POINTS = b"[segkit]\nstranger = string\n"

versions = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
clauses = st.lists(st.tuples(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), versions), min_size=1, max_size=3)


@given(versions, clauses)
def test_ranges_are_read_as_pip_reads_them(version, parts):
    """The comparison by hand agrees with `packaging` on every range it takes."""
    text = ",".join(operator + limit for operator, limit in parts)
    expected = Requirement(f"segkit-core{text}").specifier.contains(version, prereleases=True)
    assert installed.includes(f"segkit-core{text}", text, version, simple=True) == expected


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("segkit-core>=0.1,<0.2", True),
        ("segkit_core >= 0.1", True),
        ("Segkit.Core (>=0.1)", True),
        ("segkit-core~=0.1.0", True),
        ("segkit-core==0.1.*", True),
        ("segkit-core<0.1", False),
        ("segkit-core==7.*", False),
        ("segkit-core>=99; python_version < '3'", True),
        ("segkit-core>=99; python_version > '3'", False),
        ("segkit-core-extras>=99", True),
    ],
)
def test_requirements_on_the_core(monkeypatch, requirement, fits):
    """A plugin loads exactly where its requirement includes this core, in any way of writing it."""
    monkeypatch.setattr(installed, "__version__", "0.1.3")
    plugin = plugin_of("p", loss("l"), requires=(requirement,))
    registry_of(plugin)
    assert (plugin.status == "ok") == fits
    assert fits or "this is 0.1.3" in plugin.reason


@pytest.mark.parametrize("requires", [(), ("segkit-core",), ("torch>=2",)])
def test_a_missing_range_is_noted(requires):
    """A plugin that does not say which core it works with is told so, and loads."""
    plugin = plugin_of("p", loss("l"), requires=requires)
    registry_of(plugin)
    assert plugin.status == "ok"
    assert "does not say which segkit-core it works with" in plugin.notes[0]


def test_names_aliases_and_full_names_are_found():
    """A component answers to its name, its aliases and both after its distribution's name, in pip's spelling."""
    registry = registry_of(plugin_of("segkit-some", loss("focal", aliases=("focal-loss",))))
    for name in ("focal", "focal-loss", "segkit-some:focal", "Segkit_Some:focal-loss"):
        assert registry.find("loss", name).full_name == "segkit-some:focal"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_two_plugins_with_one_name(order):
    """A contested name is an error at use that names both; neither wins, whatever the order."""
    contested = {"a": loss("same"), "b": loss("other", aliases=("same",))}
    registry = registry_of(*(plugin_of(name, contested[name]) for name in order))
    with pytest.raises(UsageError, match="several plugins; say b:other or a:same"):
        registry.find("loss", "same")
    assert registry.find("loss", "a:same").plugin.name == "a"


def test_one_distribution_with_two_entry_points():
    """Both entry points of a distribution load; a name in both is refused, as no full name could tell them apart."""
    good = registry_of(plugin_of("a", loss("x"), entry_point="one"), plugin_of("a", loss("y"), entry_point="two"))
    assert [item.component.name for item in good.components()] == ["x", "y"]
    bad = registry_of(plugin_of("a", loss("x"), entry_point="one"), plugin_of("a", loss("x"), entry_point="two"))
    assert bad.failed[0].reason == "it declares loss 'x' twice"


def test_one_module_loaded_twice():
    """A second entry point into the same module is explained."""
    first = plugin_of("a", loss("x"))
    second = Plugin("b", "1.0", first.entry_point, first.requires)
    registry = registry_of(first, second)
    assert registry.failed == [second]
    assert second.reason == "its module is already loaded by a/a"


def test_unknown_names_are_answered():
    """An unknown name is a usage error with the nearest name, the right kind, and what is installed."""
    registry = registry_of(plugin_of("a", loss("focal"), metric("volume")))
    with pytest.raises(UsageError, match=r"no loss named 'foca' \(did you mean 'focal'\?\); installed: focal"):
        registry.find("loss", "foca")
    with pytest.raises(UsageError, match=r"no loss named 'volume' \(it is a metric\)"):
        registry.find("loss", "volume")
    with pytest.raises(UsageError, match=r"no component named 'volme'.*did you mean 'volume'"):
        registry.find_any("volme")


def test_a_disabled_plugin_that_is_asked_for():
    """Asking for what a disabled plugin provides says that it is disabled."""
    plugin = plugin_of("segkit-some", loss("some"))
    plugin.disabled = True
    registry = registry_of(plugin)
    assert plugin.components == []
    for name in ("some", "segkit-some:some"):
        with pytest.raises(SegkitError, match="plugin segkit-some is disabled"):
            registry.find("loss", name)
    with pytest.raises(UsageError, match="not loaded: segkit-some"):
        registry.find("loss", "other")


def test_components_are_sorted_by_kind_and_name():
    """The list has the order of the kinds, then of names, whatever the order of plugins."""
    registry = registry_of(plugin_of("b", metric("a"), loss("z")), plugin_of("a", loss("c")))
    assert [item.component.name for item in registry.components()] == ["c", "z", "a"]
    assert [item.component.name for item in registry.components("loss")] == ["c", "z"]


def test_ctrl_c_is_not_a_plugin_failure():
    """Ctrl-C while a plugin is imported stops the command."""

    def interrupt():
        raise KeyboardInterrupt

    point = types.SimpleNamespace(name="slow", value="slow", load=interrupt)
    with pytest.raises(KeyboardInterrupt):
        registry_of(Plugin("slow", "1.0", point))


@pytest.mark.parametrize(
    ("points", "metadata"),
    [
        (b"[console_scripts]\n\xff = m:f\n", METADATA),
        (b"[console_scripts]\nno equals sign\n", METADATA),
        (POINTS + b"\xff = m\n", METADATA),
        (POINTS + b"\x00 = \x1b[31m\n", METADATA),
        (b"[segkit]\nno equals sign\n", METADATA),
        (POINTS, METADATA + b"Author: M\xfcller\n"),
        (POINTS, b""),
        (POINTS, b"\xff\xfe\x00"),
        (None, METADATA),
        (POINTS, None),
    ],
)
def test_a_damaged_distribution_stops_nobody(tmp_path, monkeypatch, points, metadata):
    """Files that are no UTF-8, malformed, empty or folders: every other plugin is found as without them."""
    before = {plugin.name: plugin.status for plugin in Registry.discover().plugins}
    distribution_of(tmp_path, points=points, metadata=metadata)
    monkeypatch.syspath_prepend(str(tmp_path))
    after = {plugin.name: plugin.status for plugin in Registry.discover().plugins}
    assert {name: after.pop(name) for name in before} == before
    assert set(after) <= {"stranger", "unnamed"}
    assert ("stranger" in after or "unnamed" in after) == (points is not None and b"[segkit]" in points)


def test_what_a_distribution_says_beside_its_damage_is_kept(tmp_path, monkeypatch):
    """An author's name in Latin-1 costs neither the plugin's name nor its version nor its requirements."""
    told = METADATA + b"Requires-Dist: segkit-core>=0.1,<1\nAuthor: M\xfcller\n"
    monkeypatch.setattr(
        installed.metadata, "distributions", lambda: [distribution_of(tmp_path, points=POINTS, metadata=told)]
    )
    (plugin,) = installed.installed_plugins()
    assert (plugin.name, plugin.version, plugin.requires) == ("stranger", "1.0", ("segkit-core>=0.1,<1",))
    assert plugin.entry_point.load() is string


def test_nameless_distributions_hide_none(tmp_path, monkeypatch):
    """Two whose metadata are lost are two plugins; of one found twice on the path the first counts."""
    lost = [distribution_of(tmp_path, number, points=POINTS, metadata=b"") for number in range(2)]
    twice = [distribution_of(tmp_path, number, points=POINTS, metadata=METADATA) for number in (2, 3)]
    monkeypatch.setattr(installed.metadata, "distributions", lambda: [*lost, *twice])
    assert [plugin.name for plugin in installed.installed_plugins()] == ["unnamed", "unnamed", "stranger"]


@given(st.lists(st.tuples(st.binary(max_size=60), st.binary(max_size=60)), max_size=3))
def test_no_bytes_stop_discovery_or_reach_the_terminal(tmp_path_factory, files):
    """Whatever stands in the files: a plugin each, and names, versions, reasons and hints of one printable line."""
    folder = tmp_path_factory.mktemp("site")
    found = [
        distribution_of(
            folder, number, points=POINTS + points, metadata=b"Name: x" + metadata + b"\nVersion: " + metadata
        )
        for number, (points, metadata) in enumerate(files)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installed.metadata, "distributions", lambda: found)
        plugins = Registry.discover().plugins
    assert bool(plugins) == bool(files)
    for plugin in plugins:
        for text in (plugin.name, plugin.version, plugin.reason, plugin.hint, *plugin.notes):
            assert text.isprintable(), text


class MuteError(Exception):
    """What a stranger may raise: an error that cannot even be written."""

    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("\x1b[2Jgone\nhi"), "ValueError: \\x1b[2Jgone hi"),
        (ValueError("safe\u202egnp.exe"), "ValueError: safe\\u202egnp.exe"),
        (MuteError(), "MuteError"),
    ],
)
def test_reasons_move_no_cursor(error, reason):
    """Escape sequences in what a plugin raises are shown, not sent; an error without words is named by its class."""
    plugin = plugin_of("stranger")

    def load():
        raise error

    plugin.entry_point.load = load
    registry = registry_of(plugin)
    assert registry.plugins[0].reason == reason


def test_a_range_without_an_end_is_told():
    """A plugin that works with every later core says more than anybody can know."""
    from segkit.declarations.installed import check_version

    point = types.SimpleNamespace(name="open", value="open", load=lambda: None)
    (note,) = check_version(Plugin("segkit-open", "1.0", point, ("segkit-core>=0.1",)))
    assert note == "does not say up to which segkit-core it works: it should require segkit-core>=X,<Y"


@pytest.mark.parametrize(
    "error",
    [
        TypeError("Loss.__init__() got an unexpected keyword argument 'needs_gpu'"),
        AttributeError("module 'segkit' has no attribute 'Sonar'"),
        ImportError("cannot import name 'Sonar' from 'segkit' (/x/segkit/__init__.py)"),
    ],
)
def test_a_plugin_for_a_newer_api_is_told_so(error):
    """What this segkit lacks is told with the way out."""
    point = types.SimpleNamespace(name="new", value="new", load=lambda: None)
    plugin = Plugin("segkit-new", "1.0", point, error=error)
    assert "may be written for a newer plugin API" in plugin.hint
    assert "pip install --upgrade segkit-core" in plugin.hint


def test_entry_points_in_another_group_are_told(tmp_path, monkeypatch):
    """A group that begins like ours and is none: the plugin is shown as failed, with the line to write."""
    from segkit.declarations.installed import installed_plugins

    folder = tmp_path / "segkit_wrong-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: segkit-wrong\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[segkit.plugins]\nwrong = segkit_wrong\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = [plugin for plugin in installed_plugins() if plugin.name == "segkit-wrong"]
    assert found.reason == "its entry points are in group 'segkit.plugins', segkit reads 'segkit'"
    assert "[project.entry-points.segkit]" in found.hint


@pytest.mark.parametrize(("slow", "told"), [(-1.0, True), (60.0, False)])
def test_a_plugin_that_is_slow_to_import_is_told_so(monkeypatch, slow, told):
    """By the processor's time beyond a limit; that it loads all the same is no error."""
    monkeypatch.setattr("segkit.discovery.SLOW", slow)
    plugin = plugin_of("late", loss("late"))
    registry_of(plugin)
    assert plugin.status == "ok"
    assert any("ms to import: import what is heavy where it is used" in note for note in plugin.notes) == told


@pytest.mark.parametrize("optional", [True, False])
def test_a_hook_that_is_not_known_may_be_optional(optional):
    """A plugin with a hook of a newer segkit says so, and loads without it; else the hint tells how."""
    plugin = plugin_of("late", loss("late"))
    plugin.entry_point.load().segkit_sonars = segkit.hookimpl(
        lambda: [], specname="segkit_sonars", optionalhook=optional
    )
    registry_of(plugin)
    assert (plugin.status, plugin.notes) == (("ok", []) if optional else ("failed", []))
    if not optional:
        assert plugin.reason.startswith("it implements the unknown hook 'segkit_sonars'")
        assert "@segkit.hookimpl(optionalhook=True), and older ones load it without" in plugin.hint
