"""`segkit plugins`."""

from __future__ import annotations

import json

import segkit

HINT = "reinstall it with what it needs: pip install --force-reinstall broken"


def test_json_report(invoke):
    """--json: the API's version, and of every entry point the status, load time, reason, hint and notes."""
    report = json.loads(invoke("plugins", "--json").stdout)
    assert (report["api_version"], report["core_version"]) == (segkit.API_VERSION, segkit.__version__)
    by_name = {plugin["distribution"]: plugin for plugin in report["plugins"]}
    assert list(by_name) == ["broken", "one", "segkit-net", "two"]
    assert by_name["broken"]["reason"] == "ImportError: no module named rare"
    assert by_name["broken"]["hint"] == HINT
    assert by_name["segkit-net"]["components"] == ["arch net", "data volumes"]
    assert (by_name["one"]["status"], by_name["one"]["reason"], by_name["one"]["notes"]) == ("ok", "", [])
    assert all(plugin["load_seconds"] >= 0 for plugin in by_name.values())


def test_piped_report(invoke):
    """In a pipe: a line on the versions, then one tab-separated line of nine fields per entry point."""
    head, *lines = invoke("plugins").stdout.splitlines()
    assert head == f"# segkit-core {segkit.__version__}, plugin API {segkit.API_VERSION}"
    rows = [line.split("\t") for line in lines]
    assert {len(row) for row in rows} == {9}
    assert rows[0][:3] == ["broken", "1.0", "broken = broken_module"]
    assert rows[0][4:] == ["failed", "", "ImportError: no module named rare", HINT, ""]
    assert rows[2][4:6] == ["ok", "arch net, data volumes"]


def test_report_on_a_terminal(invoke, monkeypatch):
    """Written for people: a table, and reason and hint in full under it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    output = invoke("plugins").stdout
    assert "\nbroken 1.0\n  reason: ImportError: no module named rare\n  hint: " + HINT in output


def test_broken_plugins_are_no_error(invoke):
    """Looking at broken plugins is not itself an error."""
    assert invoke("plugins").exit_code == 0


def test_disabled_plugins_are_shown(invoke):
    """--no-plugins shows all of them as disabled, none loaded."""
    report = json.loads(invoke("plugins", "--no-plugins", "--json").stdout)
    assert {plugin["status"] for plugin in report["plugins"]} == {"disabled"}
    assert {tuple(plugin["components"]) for plugin in report["plugins"]} == {()}


def test_misspelt_disabling_is_told(invoke, monkeypatch):
    """A name in SEGKIT_DISABLE_PLUGINS that disables nothing is pointed out."""
    monkeypatch.setenv("SEGKIT_DISABLE_PLUGINS", "one,tow")
    assert invoke("plugins").stderr == "warning: SEGKIT_DISABLE_PLUGINS names 'tow', which is not installed\n"
